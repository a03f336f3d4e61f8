"""The ranking area against counting all pairs; scores in words."""

import numpy as np
import pytest

from crnn_audio.metrics.error_rate import right_words, word_errors
from crnn_audio.metrics.scores import ranking_area, worded


def test_it_is_the_share_of_pairs_in_the_right_order() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        confidences = generator.integers(0, 6, 20) / 6  # with ties
        right = generator.random(20) < 0.7
        pairs = [(good > bad) + (good == bad) / 2 for good in confidences[right] for bad in confidences[~right]]
        assert ranking_area(confidences.tolist(), right.tolist()) == pytest.approx(np.mean(pairs))


def test_perfect_reversed_and_blind() -> None:
    assert ranking_area([0.9, 0.8, 0.1], [True, True, False]) == 1.0
    assert ranking_area([0.1, 0.2, 0.9], [True, True, False]) == 0.0
    assert ranking_area([0.5, 0.5, 0.5], [True, True, False]) == 0.5
    assert ranking_area([0.5, 0.4], [True, True]) is None
    assert ranking_area([], []) is None


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c", "a x c", [True, False, True]),
        ("a b", "a b c", [True, True, False]),
        ("a b c", "b", [True]),
        ("", "a", [False]),
        ("a", "", []),
    ],
)
def test_right_words(reference: str, hypothesis: str, expected: list[bool]) -> None:
    assert right_words(reference, hypothesis) == expected
    hits = word_errors(reference, hypothesis)
    assert sum(expected) == hits.reference - hits.substitutions - hits.deletions


@pytest.mark.parametrize(
    ("metric", "score", "said"),
    [
        ("wer", 0.0906, "WER 9.06 %"),
        ("cer", 1.5, "CER 150.00 %"),
        ("wer", 0.0, "WER 0.00 %"),
        ("nats_per_frame", 8.2749, "8.275 nats a frame"),
        ("nats_per_frame", 10.0, "10.000 nats a frame"),
    ],
)
def test_scores_in_words(metric: str, score: float, said: str) -> None:
    assert worded(metric, score) == said
