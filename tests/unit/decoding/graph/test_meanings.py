"""Sentences by what they mean, against all sentences of the grammar; their sum and its gradient against brute force."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio.decoding.graph import search
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.decoding.graph.topology import composed
from crnn_audio.errors import DataError
from crnn_audio.text.vocabulary import Vocabulary
from tests.unit.decoding.graph.automata import every_path, posteriors, random_automaton

LAMPS = """
intents:
  Turn:
    data:
      - sentences: ["(set|put) ({colour};[the] {lamp:place})", "{colour} [{lamp:place}]"]
  Ask:
    data:
      - sentences: ["which {lamp:place}"]
lists:
  colour: {values: [red, {in: "dark red", out: red.dark}]}
  lamp: {values: [one, two]}
"""


@pytest.fixture
def lamps(tmp_path: Path) -> Meanings:
    (tmp_path / "lamps.yaml").write_text(LAMPS)
    return Meanings(tmp_path / "lamps.yaml", Vocabulary.build(["abcdefghijklmnopqrstuvwxyz "], "characters"))


def listed(meanings: Meanings, intent: str, **slots: str) -> set[str]:
    """All sentences of a graph, by walking it."""
    graph = meanings.sentences(meanings.ids(intent, slots))
    found, front = set[str](), [(0, "")]
    while front:
        state, said = front.pop()
        found |= {said} if state in graph.finals else set()
        front += [(target, f"{said} {word}".strip()) for source, word, target, _, _ in graph.arcs if source == state]
    return found


def test_a_meaning_has_all_its_sentences_and_no_others(lamps: Meanings) -> None:
    both = [
        f"{verb} {order}" for verb in ("set", "put") for order in ("red one", "red the one", "one red", "the one red")
    ]
    assert listed(lamps, "Turn", colour="red", place="one") == {"red one", *both}
    assert listed(lamps, "Turn", colour="red.dark") == {"dark red"}
    assert listed(lamps, "Ask", place="two") == {"which two"}
    assert lamps.shortest(lamps.ids("Turn", {"place": "two", "colour": "red.dark"})) == "dark red two"


def test_what_no_sentence_means_is_said(lamps: Meanings) -> None:
    for intent, slots, wrong in (
        ("Fly", {}, "has no intent 'Fly'"),
        ("Turn", {"colour": "blue"}, "has no colour 'blue'"),
        ("Ask", {"colour": "red"}, "no sentence means intent 'Ask', colour 'red'"),
    ):
        with pytest.raises(DataError, match=wrong):
            lamps.sentences(lamps.ids(intent, slots))


def test_a_path_means_what_its_sentence_means(lamps: Meanings) -> None:
    tokens = lamps.vocabulary.encode("put the two dark red")
    log_probs = torch.full((1, 2 * len(tokens), len(lamps.vocabulary)), -9.0)
    for at, token in enumerate(tokens):
        log_probs[0, 2 * at, token] = log_probs[0, 2 * at + 1, 0] = 0.0
    (path,) = GraphDecoder(lamps.everything()).decode(log_probs, torch.tensor([2 * len(tokens)]))
    assert lamps.meaning(path.outputs) == {"": "Turn", "place": "two", "colour": "red.dark"}


def test_each_utterance_sums_over_the_paths_of_its_own_graph() -> None:
    automata = [random_automaton(np.random.default_rng(seed), states) for seed, states in enumerate((3, 2, 4, 3))]
    stack = search.stacked([composed(one, torch.float64) for one in automata], 3)
    log_probs, lengths = posteriors(4, 5, 3, 7), [5, 3, 4, 0]

    def expected(moved: torch.Tensor) -> list[float]:
        scores = [every_path(one, moved[row, : lengths[row]]) for row, one in enumerate(automata[:3])]
        return [float(torch.tensor([score for score, _ in of]).double().logsumexp(0)) for of in scores]

    watched = log_probs.clone().requires_grad_()
    sums = search.total_each(stack, watched, torch.tensor(lengths))
    assert sums[:3].tolist() == pytest.approx(expected(log_probs), abs=1e-9)
    assert float(sums[3]) < -1e29
    sums[:3].sum().backward()
    assert watched.grad is not None
    assert watched.grad[3].abs().max() == 0
    for row, frame, token in itertools.product(range(3), range(5), range(3)):
        up, down = log_probs.clone(), log_probs.clone()
        up[row, frame, token] += 1e-5
        down[row, frame, token] -= 1e-5
        slope = (expected(up)[row] - expected(down)[row]) / 2e-5
        assert float(watched.grad[row, frame, token]) == pytest.approx(slope, abs=1e-8)


def test_alone_as_in_a_stack(lamps: Meanings) -> None:
    graphs = [lamps.graph(lamps.ids("Turn", slots)) for slots in ({"colour": "red"}, {"colour": "red", "place": "one"})]
    size = len(lamps.vocabulary)
    log_probs, lengths = posteriors(2, 25, size, 0, torch.float32), torch.tensor([20, 25])
    together = search.total_each(search.stacked(graphs, size), log_probs, lengths)
    for row, graph in enumerate(graphs):
        alone = search.total(graph, log_probs[row : row + 1], lengths[row : row + 1])
        assert float(together[row]) == pytest.approx(float(alone), rel=1e-5)
