"""The sentences of a grammar by what they mean: a graph for each meaning, and the meaning of a path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from crnn_audio.decoding.graph import grammars, words
from crnn_audio.decoding.graph.automaton import NO_OUTPUT
from crnn_audio.decoding.graph.grammars import Compiled, Tag
from crnn_audio.decoding.graph.topology import CtcGraph, composed
from crnn_audio.decoding.graph.words import WordArc, WordGraph
from crnn_audio.errors import DataError
from crnn_audio.text.grammar import files
from crnn_audio.text.vocabulary import Vocabulary

INTENT = ""
"""The slot of an intent."""


@dataclass
class Meanings:
    """A grammar, in the letters of a vocabulary if there is one; it is compiled when it is first needed.

    A meaning is a set of tags, an intent and slots with their values; here it is the sorted ids of these.
    """

    grammar: Path
    vocabulary: Vocabulary | None = None
    _graphs: dict[tuple[int, ...], CtcGraph] = field(default_factory=dict, init=False, repr=False)
    _counts: dict[tuple[int, ...], int] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def compiled(self) -> Compiled:
        """The graph over words, in the case of the vocabulary, and its tags.

        Raises:
            DataError: the grammar is damaged or does not fit the vocabulary.
        """
        found = grammars.compiled(files.read(self.grammar))
        if self.vocabulary is None:
            return found
        return Compiled(words.in_case(found.graph, self.vocabulary, str(self.grammar)), found.tags)

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """All intents and values of slots."""
        return tuple(sorted({tag for given in self.compiled.tags for tag in given}))

    def ids(self, intent: str, slots: Mapping[str, str]) -> tuple[int, ...]:
        """A meaning.

        Raises:
            DataError: the grammar has no such intent, or no such value of a slot.
        """
        number = {tag: at for at, tag in enumerate(self.tags)}
        wanted = [(INTENT, intent), *slots.items()]
        if lacking := [tag for tag in wanted if tag not in number]:
            slot, value = lacking[0]
            raise DataError(f"{self.grammar}: has no {slot or 'intent'} {value!r}. Add it, or leave the recording out.")
        return tuple(sorted(number[tag] for tag in wanted))

    def sentences(self, meaning: Sequence[int]) -> WordGraph:
        """The sentences that mean exactly this.

        Raises:
            DataError: there are none.
        """
        bit = {self.tags[id]: 1 << at for at, id in enumerate(meaning)}
        leaving: dict[int, list[tuple[str, int, int]]] = {}
        for source, word, target, _, output in self.compiled.graph.arcs:
            given = self.compiled.tags[output] if output != NO_OUTPUT else ()
            if all(tag in bit for tag in given):
                leaving.setdefault(source, []).append((word, target, sum(bit[tag] for tag in given)))
        number, front, arcs = {(0, 0): 0}, [(0, 0)], list[WordArc]()
        for state, said in front:  # which grows
            for word, target, new in leaving.get(state, ()):
                if new & said == 0:
                    after = (target, said | new)
                    if after not in number:
                        number[after] = len(number)
                        front.append(after)
                    arcs.append((number[state, said], word, number[after], 0.0, NO_OUTPUT))
        whole = (1 << len(bit)) - 1
        finals = {
            at: 0.0 for (state, said), at in number.items() if said == whole and state in self.compiled.graph.finals
        }
        if not finals:
            named = ", ".join(f"{slot or 'intent'} {value!r}" for slot, value in bit)
            raise DataError(
                f"{self.grammar}: no sentence means {named}. Change the grammar, or leave the recording out."
            )
        return WordGraph(tuple(arcs), finals)

    def shortest(self, meaning: Sequence[int]) -> str:
        """The sentence with the fewest words that means this, the first of several.

        Raises:
            DataError: there is none.
        """
        graph = self.sentences(meaning)
        reached, front = {0: ""}, [0]
        while front:
            if ends := [state for state in front if state in graph.finals]:
                return reached[ends[0]]
            following = dict[int, str]()
            for source, word, target, _, _ in graph.arcs:
                if source in front and target not in reached:
                    following.setdefault(target, f"{reached[source]} {word}".strip())
            reached |= following
            front = list(following)
        raise AssertionError("a graph with an end has a sentence")

    def graph(self, meaning: Sequence[int], device: torch.device | None = None) -> CtcGraph:
        """The CTC graph of the sentences that mean this; it is kept.

        Raises:
            DataError: there are none.
        """
        key = tuple(meaning)
        if key not in self._graphs:
            self._graphs[key] = composed(words.automaton(self.sentences(key), self._tokens), device=device)
        return self._graphs[key]

    def num_tokens(self, meaning: Sequence[int]) -> int:
        """Tokens of the shortest sentence that means this; it is kept.

        Raises:
            DataError: there is none.
        """
        key = tuple(meaning)
        if key not in self._counts:
            self._counts[key] = len(self._tokens.encode(self.shortest(key)))
        return self._counts[key]

    @property
    def _tokens(self) -> Vocabulary:
        assert self.vocabulary is not None, "graphs over tokens need a vocabulary"
        return self.vocabulary

    def everything(self, device: torch.device | None = None) -> CtcGraph:
        """The CTC graph of all sentences, one of which is said; its outputs are positions in `compiled.tags`."""
        return composed(words.automaton(self.compiled.graph, self._tokens), device=device)

    def meaning(self, outputs: Sequence[int]) -> dict[str, str]:
        """What the outputs of a path mean: slots with their values, the intent under `INTENT`."""
        return dict(tag for output in outputs for tag in self.compiled.tags[output])
