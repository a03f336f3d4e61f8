"""Discounts by hand, and what KenLM's lmplz writes of a text of eight lines (its issue 405)."""

import math

import numpy as np
import pytest

from crnn_audio.text import smoothing
from crnn_audio.text.ngram import NGram
from crnn_audio.text.ngram_counts import count

EIGHT_LINES = [
    line.split()
    for line in ("I went to|I go to|You went to|You go to|Joe went to|Joe go to|Anna went ski|Anna went ski".split("|"))
]
SINGLE = {
    "<unk>": -1.30103,
    "</s>": -1.1249387,
    "I": -1.0579919,
    "went": -0.6726411,
    "to": -1.1249387,
    "go": -0.82390875,
}
BACKOFFS = {"<s>": -0.059768215, "I": -0.5228788, "went": -0.022929981, "to": -0.30103, "go": 0, "ski": -0.059768215}
PAIRS = {
    ("to", "</s>"): -0.26962152,
    ("ski", "</s>"): -0.7123581,
    ("<s>", "I"): -0.9649993,
    ("I", "went"): -0.383262,
    ("Joe", "went"): -0.383262,
    ("Anna", "went"): -0.50341624,
}


def test_discounts_by_hand() -> None:
    """Five of one, two of two, one of three, one of four: y = 5/9."""
    assert smoothing.discounts(np.array([1, 1, 1, 1, 1, 2, 2, 3, 4, 9, 0])) == pytest.approx((5 / 9, 7 / 6, 7 / 9))


@pytest.mark.parametrize(
    "counts",
    [
        [2, 2, 3],  # none of one
        [1, 1, 3],
        [1, 2, 2],
        [1, 2, 3, 3, 3, 3, 4],  # the second would be below zero
        [1, 1, 1, 1, 2, 3],  # and here exactly zero, so that a history might leave nothing for what never followed it
        [0],
    ],
)
def test_where_counts_give_no_discounts_fixed_ones_are_taken(counts: list[int]) -> None:
    assert smoothing.discounts(np.array(counts)) == (0.5, 1.0, 1.5)


def test_as_lmplz_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """lmplz counts the last single token (ski) by its occurrences, two, in place of the one token that it follows.

    Its counts of counts are then four of one and three of two. With the discounts of these all its figures are ours.
    """
    ours = smoothing.discounts

    def theirs(counts: np.ndarray) -> smoothing.Discounts:
        return (0.4, 1.6, 1.4) if len(counts) == 11 else ours(counts)

    assert ours(np.array([1, 1, 1, 1, 2, 2, 2, 3, 4])) == pytest.approx((0.4, 1.6, 1.4))
    monkeypatch.setattr("crnn_audio.text.ngram.discounts", theirs)
    model = NGram.train(EIGHT_LINES, order=2)
    assert [len(grams.keys) for grams in model.grams] == [11, 16]
    for token, log10 in SINGLE.items():
        assert model.log_prob(token, []) / math.log(10) == pytest.approx(log10, abs=2e-7)
    for (history, token), log10 in PAIRS.items():
        assert model.log_prob(token, [history]) / math.log(10) == pytest.approx(log10, abs=2e-7)
    for history, log10 in BACKOFFS.items():
        found = model.grams[0].backoffs[model.tokens.index(history)]
        assert found / math.log(10) == pytest.approx(log10, abs=2e-7)


def test_tokens_are_counted_after_how_many_they_stand() -> None:
    """Of those lines; a sentence's first pair as often as it occurs."""
    vocabulary = ["<unk>", "<s>", "</s>", *sorted({word for line in EIGHT_LINES for word in line})]
    ids = [vocabulary.index(word) for line in EIGHT_LINES for word in ("<s>", *line, "</s>")]
    single, pairs, _ = count(np.array(ids), [5] * 8, len(vocabulary), 3, marked=True)
    assert dict(zip(vocabulary, single.counts.tolist(), strict=True)) == {
        **{"<unk>": 0, "<s>": 0, "</s>": 2, "went": 4, "go": 3, "to": 2, "ski": 1},
        **{"I": 1, "You": 1, "Joe": 1, "Anna": 1},
    }
    named = {
        (vocabulary[key // 11], vocabulary[key % 11]): count
        for key, count in zip(pairs.keys, pairs.counts, strict=True)
    }
    assert named["<s>", "Anna"] == named["<s>", "I"] == 2
    assert named["went", "to"] == 3
    assert named["Anna", "went"] == 1
    assert named["ski", "</s>"] == 1
    assert len(named) == 16
