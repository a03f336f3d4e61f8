"""What graphs allow and what it weighs, against sentences that are listed one by one."""

import itertools
import math

import numpy as np
import pytest
import torch

from crnn_audio.decoding.graph import ngrams
from crnn_audio.decoding.graph.automaton import Automaton
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.grammars import compiled
from crnn_audio.decoding.graph.topology import composed
from crnn_audio.decoding.graph.words import automaton, in_case, loop, refuse_unknown, repeated
from crnn_audio.errors import DataError
from crnn_audio.text.grammar.files import phrases
from crnn_audio.text.ngram import NGram
from crnn_audio.text.vocabulary import Vocabulary
from tests.unit.decoding.graph.automata import posteriors, walks

LETTERS = Vocabulary.build(["ab c"], "characters")
WORDS = Vocabulary.build(["ab ba c"], "words")


def weight(graph: Automaton, text: str, vocabulary: Vocabulary = LETTERS) -> float:
    """The best weight of a text; -inf where it is not allowed."""
    return max(walks(graph, tuple(vocabulary.encode(text))), default=-math.inf)


def test_a_lexicon_allows_its_words_and_nothing_else() -> None:
    graph = automaton(loop(["ab", "b", "cab"], -0.5), LETTERS)
    texts = ["".join(found) for size in range(6) for found in itertools.product("abc ", repeat=size)]
    for text in texts:
        words = text.split()
        expected = -0.5 * len(words) if set(words) <= {"ab", "b", "cab"} else -math.inf
        assert weight(graph, text) == pytest.approx(expected), text
    assert graph.num_states == 4, "'ab' and 'cab' share their ending"
    assert weight(automaton(loop(["ab", "c"]), WORDS), "c ab c", WORDS) == 0
    assert weight(automaton(loop(["ab", "c"]), WORDS), "ba", WORDS) == -math.inf


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ngram_of_words_weighs_every_sentence_as_the_model_does(order: int) -> None:
    model = NGram.train([line.split() for line in ("a b c a", "b a", "c c a b", "a")], order=order)
    graph = automaton(ngrams.word_graph(model, 0.7, 0.2), LETTERS)
    for size in range(5):
        for sentence in itertools.product("abc", repeat=size):
            expected = -0.7 * float(model.score(sentence).sum()) + 0.2 * size
            assert weight(graph, " ".join(sentence)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("marked", [True, False])
def test_an_ngram_of_characters_weighs_every_text_as_the_model_does(marked: bool) -> None:
    model = NGram.train(["ab cab", "b cc a", "cab"], order=3, marked=marked)
    graph = ngrams.character_automaton(model, LETTERS, 0.5, -0.1)
    for size in range(1, 5):
        for text in itertools.product("abc ", repeat=size):
            expected = -0.5 * float(model.score(text).sum()) - 0.1 * size
            assert weight(graph, "".join(text)) == pytest.approx(expected, abs=1e-9)


def test_a_grammar_says_each_sentence_once_or_in_a_row() -> None:
    grammar = compiled(phrases(["ab c", "ab b", "b", "c b"], "g"))
    graph = automaton(grammar.graph, LETTERS)
    row = automaton(repeated(grammar.graph, -2.0), LETTERS)
    sentences = {"ab c", "ab b", "b", "c b"}
    for size in range(1, 4):
        for words in itertools.product(["ab", "b", "c", "a"], repeat=size):
            text = " ".join(words)
            assert weight(graph, text) == (0.0 if text in sentences else -math.inf), text
            costs = [
                -2.0 * (len(parts) - 1)
                for cuts in itertools.chain.from_iterable(
                    itertools.combinations(range(1, size), count) for count in range(size)
                )
                if set(parts := [" ".join(words[i:j]) for i, j in itertools.pairwise((0, *cuts, size))]) <= sentences
            ]
            assert weight(row, text) == max(costs, default=-math.inf), text
    assert weight(row, "") == 0


def test_other_speech_becomes_one_unknown_token() -> None:
    graph = composed(automaton(compiled(phrases(["ab", "[unk]"], "g")).graph, LETTERS))
    log_probs = torch.full((1, 6, len(LETTERS)), -9.0)
    for frame, token in enumerate([*LETTERS.encode("ca c"), 0, *LETTERS.encode("b")]):
        log_probs[0, frame, token] = -0.01
    (path,) = GraphDecoder(graph).decode(log_probs, torch.tensor([6]))
    assert (path.tokens, path.starts, path.ends) == ((1,), (0,), (6,))
    assert LETTERS.decode(path.tokens) == "⁇"
    log_probs[0, :] = -9
    for frame, token in enumerate([0, *LETTERS.encode("ab"), 0, 0, 0]):
        log_probs[0, frame, token] = -0.01
    assert LETTERS.decode(GraphDecoder(graph).decode(log_probs, torch.tensor([6]))[0].tokens) == "ab"


def test_words_take_the_case_of_the_model_and_lacking_letters_are_named() -> None:
    upper = Vocabulary.build(["AB C"], "characters")
    assert in_case(loop(["ab", "C"]), upper, "list").words == {"AB", "C"}
    with pytest.raises(DataError, match=r"words.txt: the model has no letters 'F' \(in 'CAFÉ'\), 'É' \(in 'CAFÉ'\)\."):
        in_case(loop(["café", "ab"]), upper, "words.txt")
    with pytest.raises(DataError, match="the model has no words 'd'"):
        refuse_unknown(["d"], WORDS, "words.txt")


def test_sentences_share_their_words_and_too_many_arcs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    sentences = [" ".join("abc"[at] * 2 for at in generator.integers(0, 3, 9)) for _ in range(300)]
    graph = compiled(phrases(sentences, "g")).graph
    assert len(graph.arcs) < 1500
    monkeypatch.setattr("crnn_audio.decoding.graph.automaton.MAX_ARCS", 100)
    with pytest.raises(DataError, match=r"has 101 arcs or more, where 100 are the most\. Take fewer sentences"):
        automaton(graph, LETTERS)


def test_the_best_of_a_lexicon_is_the_best_of_brute_force() -> None:
    graph = automaton(loop(["ab", "b"]), LETTERS)
    log_probs = posteriors(1, 6, len(LETTERS), 4)
    found = GraphDecoder(composed(graph, torch.float64)).search(log_probs, torch.tensor([6]))[0]
    best = -math.inf
    for labels in itertools.product(range(len(LETTERS)), repeat=6):
        tokens = tuple(token for token, _ in itertools.groupby(labels) if token)
        if walks(graph, tokens):
            best = max(best, sum(float(log_probs[0, frame, label]) for frame, label in enumerate(labels)))
    assert found.score == pytest.approx(best, abs=1e-9)
