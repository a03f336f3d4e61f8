"""CTC's prefix scores and the joint search, against all paths that there are."""

import itertools
import math
from collections import defaultdict
from itertools import groupby

import numpy as np
import pytest
import torch

from crnn_audio.decoding.joint import JointState, Prefixes, joint
from crnn_audio.decoding.sequence_beam import SearchOptions, search
from tests.unit.decoding.test_sequence_beam import of_prefix, start, step

FRAMES, TOKENS = 5, 4
SHORTER = 3


def log_probs(seed: int = 0, tokens: int = TOKENS) -> torch.Tensor:
    logits = np.random.default_rng(seed).normal(0, 2, (2, FRAMES, tokens))
    return torch.from_numpy(logits).log_softmax(dim=-1)


def paths(one: torch.Tensor) -> dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]]:
    """All paths over some frames, each with its log-probability, by what they give."""
    found = defaultdict(list)
    for path in itertools.product(range(one.shape[1]), repeat=len(one)):
        text = tuple(token for token, _ in groupby(path) if token)
        found[text].append((sum(one[frame, token].item() for frame, token in enumerate(path)), path))
    return found


def total(found: list[float]) -> float:
    return float(np.logaddexp.reduce(found)) if found else -math.inf


def of_text(one: torch.Tensor, text: tuple[int, ...]) -> float:
    return total([log_prob for log_prob, _ in paths(one).get(text, [])])


def of_beginning(one: torch.Tensor, text: tuple[int, ...]) -> float:
    return total([of for other, each in paths(one).items() if other[: len(text)] == text for of, _ in each])


@pytest.mark.parametrize("text", [(), (1,), (1, 1), (1, 2), (3, 1, 1), (2, 2, 2)])
def test_a_prefix_score_is_the_sum_over_all_paths_of_all_texts_that_begin_so(text: tuple[int, ...]) -> None:
    both, lengths = log_probs(), torch.tensor([FRAMES, SHORTER])
    prefixes = Prefixes.begin(both, lengths)
    for token in text:
        prefixes = prefixes.extended(torch.tensor([token, token]))
    scores = prefixes.select(torch.tensor([1, 0, 1])).scores()
    for row, length, found in ((0, FRAMES, scores[1]), (1, SHORTER, scores[0])):
        one = both[row, :length]
        assert prefixes.score[row].item() == pytest.approx(of_beginning(one, text) if text else 0.0, abs=1e-9)
        assert found[0].item() == pytest.approx(of_text(one, text), abs=1e-9)
        for token in range(1, TOKENS):
            assert found[token].item() == pytest.approx(of_beginning(one, (*text, token)), abs=1e-9)
    assert torch.equal(scores[0], scores[2])


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_the_joint_search_finds_the_best_of_all_texts(weight: float) -> None:
    both = log_probs(1, tokens=5)
    lengths = torch.tensor([FRAMES, SHORTER])
    begun = JointState(start(2), Prefixes.begin(both, lengths))
    found = search(joint(step, weight), begun, torch.tensor([3, 3]), SearchOptions(beam=200, length_penalty=0.0))
    for row, length in enumerate(lengths.tolist()):
        scores = {}
        for size in range(4):
            for text in itertools.product(range(2, 5), repeat=size):
                whole = (*text, 0)
                written = sum(of_prefix(row, whole[:place])[token] for place, token in enumerate(whole))
                spoken = of_text(both[row, :length], text)
                scores[text] = (1 - weight) * written + (weight * spoken if weight else 0.0)
        best = max(scores, key=lambda text: scores[text])
        assert found[row][0].tokens == best
        assert found[row][0].score == pytest.approx(scores[best], abs=1e-9)
