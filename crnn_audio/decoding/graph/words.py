"""A graph over words, and its words spelled in the tokens of a model.

Words that lead to the same state share their endings, so that a word costs its first letter where it is said, and the
rest once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from crnn_audio.decoding.graph.automaton import NO_OUTPUT, Automaton, Builder
from crnn_audio.decoding.graph.decoder import FILLER
from crnn_audio.errors import DataError
from crnn_audio.text.vocabulary import Vocabulary

UNKNOWN_WORDS = "[unk]"
"""The word of an arc that stands for any other speech."""
FREE_WORD = "[any]"
"""The word of an arc that stands for any word, spelled as it is recognised."""
FILLER_SCORE = -1.0
"""Added for each token of other speech, in nats, so that known words are preferred."""

WordArc = tuple[int, str, int, float, int]
"""Source, word, target, weight and output."""


@dataclass(frozen=True)
class WordGraph:
    """Arcs that each say a word, and the weight of ending in a state; state 0 is the start."""

    arcs: tuple[WordArc, ...]
    finals: dict[int, float]

    @property
    def words(self) -> set[str]:
        """All its words, without those that stand for others."""
        return {arc[1] for arc in self.arcs} - {UNKNOWN_WORDS, FREE_WORD}


def loop(words: Iterable[str], word_score: float = 0.0) -> WordGraph:
    """Any of these words after any other, or none."""
    return WordGraph(tuple((0, word, 0, word_score, NO_OUTPUT) for word in sorted(set(words))), {0: 0.0})


def repeated(graph: WordGraph, weight: float) -> WordGraph:
    """Its sentences one after the other, or none; `weight` is added where another one begins."""
    begin = [arc for arc in graph.arcs if arc[0] == 0]
    again = [
        (end, word, target, given + ending + weight, output)
        for end, ending in graph.finals.items()
        if end != 0
        for _, word, target, given, output in begin
    ]
    return WordGraph((*graph.arcs, *again), {0: 0.0} | graph.finals)


def fitted(text: str, vocabulary: Vocabulary) -> str:
    """A text in the case of the vocabulary's letters, where they have one, with single spaces."""
    letters = "".join(vocabulary.tokens[2:])
    if letters.isupper():
        text = text.upper()
    elif letters.islower():
        text = text.lower()
    return " ".join(text.split())


def refuse_unknown(words: Iterable[str], vocabulary: Vocabulary, source: str) -> None:
    """Makes sure that a model can say all of these.

    Raises:
        DataError: it cannot; names the letters (of a vocabulary of words the words), and where they stand.
    """
    lacking: dict[str, str] = {}
    for word in words:
        for token in vocabulary.unknown(word):
            lacking.setdefault(token, word)
    if lacking:
        listed = ", ".join(
            f"{token!r}" + (f" (in {word!r})" if token != word else "") for token, word in sorted(lacking.items())[:5]
        )
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        what = "letters" if vocabulary.kind == "characters" else "words"
        raise DataError(f"{source}: the model has no {what} {listed}{more}. Spell these words otherwise, or leave out.")


def automaton(graph: WordGraph, vocabulary: Vocabulary) -> Automaton:
    """The graph in the tokens of a vocabulary, in whose case its words are spelled already.

    Between words of letters stands the separator, which may also stand before the first and after the last.

    Raises:
        DataError: nothing may be said, or the graph is too large.
    """
    spelling = _Spelling(vocabulary)
    if (separator := vocabulary.separator_id) is not None:
        spelling.builder.arc(0, separator, 0)
    for source, word, target, weight, output in graph.arcs:
        spelling.add(spelling.boundary(source), word, target, weight, output)
    for state, weight in graph.finals.items():
        spelling.builder.end(spelling.boundary(state), weight)
        if (state, ()) in spelling.nodes:
            spelling.builder.end(spelling.nodes[state, ()], weight)
    return spelling.builder.built()


@dataclass
class _Spelling:
    """An automaton in the making: a state before each word, and one for each rest of a word and where it leads."""

    vocabulary: Vocabulary
    builder: Builder = field(default_factory=Builder)
    boundaries: dict[int, int] = field(default_factory=dict)
    nodes: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    others: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.boundary(0)

    def boundary(self, state: int) -> int:
        """The state of the automaton before the words that leave a state of the graph."""
        if state not in self.boundaries:
            self.boundaries[state] = self.builder.state()
        return self.boundaries[state]

    def add(self, source: int, word: str, target: int, weight: float, output: int) -> None:
        """A word from the state before it to a state of the graph."""
        if word in (UNKNOWN_WORDS, FREE_WORD):
            self._add_any(source, word, target, weight)
            return
        tokens = tuple(self.vocabulary.encode(word))
        self.builder.arc(source, tokens[0], self._rest(target, tokens[1:]), weight, output)

    def _add_any(self, source: int, word: str, target: int, weight: float) -> None:
        """Tokens, as many as there are: of other speech all, of any word those that are no separators."""
        score, output = (FILLER_SCORE, FILLER) if word == UNKNOWN_WORDS else (0.0, NO_OUTPUT)
        separator = None if word == UNKNOWN_WORDS else self.vocabulary.separator_id
        tokens = [token for token in range(2, len(self.vocabulary)) if token != separator]
        several = self.vocabulary.separator is not None or word == UNKNOWN_WORDS
        if (known := (target, word) in self.others) is False:
            self.others[target, word] = self.builder.state() if several else self._rest(target, ())
        middle = self.others[target, word]
        for token in tokens:
            for end in {middle, self._rest(target, ())}:
                self.builder.arc(source, token, end, weight + score, output)
                if several and not known:
                    self.builder.arc(middle, token, end, score, output)

    def _rest(self, target: int, tokens: tuple[int, ...]) -> int:
        """The state from which these tokens lead to the end of a word, and on to a state of the graph."""
        if (target, tokens) in self.nodes:
            return self.nodes[target, tokens]
        separator = self.vocabulary.separator_id
        if not tokens and separator is None:
            return self.boundary(target)
        node = self.nodes[target, tokens] = self.builder.state()
        if tokens:
            self.builder.arc(node, tokens[0], self._rest(target, tokens[1:]))
        elif separator is not None:
            self.builder.arc(node, separator, self.boundary(target))
        return node


def in_case(graph: WordGraph, vocabulary: Vocabulary, source: str) -> WordGraph:
    """The graph with its words in the case of the vocabulary.

    Raises:
        DataError: a word has letters that the vocabulary lacks.
    """
    refuse_unknown((fitted(word, vocabulary) for word in graph.words), vocabulary, source)
    arcs = tuple(
        (begin, word if word in (UNKNOWN_WORDS, FREE_WORD) else fitted(word, vocabulary), end, weight, output)
        for begin, word, end, weight, output in graph.arcs
    )
    return replace(graph, arcs=arcs)
