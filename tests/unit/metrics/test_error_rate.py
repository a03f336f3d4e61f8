"""Error counts against a brute-force edit distance, the interval against the binomial distribution, lines by hand."""

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from crnn_audio.metrics.error_rate import ErrorCounts, align, character_errors, interval, word_errors

words = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=7)


def distance(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    """The fewest edits, by trying every edit at every place."""

    @cache
    def fewest(left: int, right: int) -> int:
        if left == len(one) or right == len(two):
            return len(one) - left + len(two) - right
        keep = fewest(left + 1, right + 1) + (one[left] != two[right])
        return min(keep, fewest(left + 1, right) + 1, fewest(left, right + 1) + 1)

    return fewest(0, 0)


@given(words, words)
def test_word_errors_are_the_fewest_edits(reference, hypothesis):
    counts = word_errors(" ".join(reference), " ".join(hypothesis))
    assert counts.errors == distance(tuple(reference), tuple(hypothesis))
    assert counts.reference == len(reference)
    assert counts.insertions - counts.deletions == len(hypothesis) - len(reference)


@given(words, words)
def test_character_errors_are_the_fewest_edits_spaces_included(reference, hypothesis):
    one, two = " ".join(reference), " ".join(hypothesis)
    counts = character_errors(one, two)
    assert counts.errors == distance(tuple(one), tuple(two))
    assert counts.reference == len(one)
    assert counts.insertions - counts.deletions == len(two) - len(one)


def test_by_hand():
    assert word_errors("the cat sat on the mat", "the hat sat the mat now") == ErrorCounts(1, 1, 1, 6)
    assert character_errors("a cat", "a bat s") == ErrorCounts(1, 0, 2, 5)
    assert word_errors(" a\tb ", "a  b\n") == ErrorCounts(0, 0, 0, 2)
    assert word_errors("Ab", "ab") == ErrorCounts(1, 0, 0, 1)


def test_empty_sides():
    assert word_errors("", "") == ErrorCounts(0, 0, 0, 0)
    assert word_errors("", "a b") == ErrorCounts(0, 0, 2, 0)
    assert word_errors("a b", "") == ErrorCounts(0, 2, 0, 2)
    assert character_errors("", "ab") == ErrorCounts(0, 0, 2, 0)
    assert ErrorCounts().rate == 0.0
    assert word_errors("", "a").rate == math.inf
    assert word_errors("a", "b c d").rate == 3.0


def test_counts_add_up_where_rates_would_not():
    short, long = ErrorCounts(1, 0, 0, 1), ErrorCounts(0, 0, 0, 9)
    assert short + long == ErrorCounts(1, 0, 0, 10)
    assert (short + long).rate == 0.1
    assert sum([short, long, ErrorCounts(1, 2, 3, 10)], ErrorCounts()) == ErrorCounts(2, 2, 3, 20)


@pytest.mark.parametrize(("wrong", "total"), [(20, 200), (5, 50), (150, 300)])
def test_the_interval_of_one_word_utterances_is_that_of_the_binomial(wrong, total):
    counts = [ErrorCounts(substitutions=int(index < wrong), reference=1) for index in range(total)]
    low, high = interval(counts, seed=3, draws=10_000)
    expected = [binom.ppf(share, total, wrong / total) / total for share in (0.025, 0.975)]
    assert low == pytest.approx(expected[0], abs=1.01 / total)
    assert high == pytest.approx(expected[1], abs=1.01 / total)


def test_the_interval_counts_utterances_and_weighs_them_by_length():
    whole = [ErrorCounts(deletions=10 * (index < 20), reference=10) for index in range(200)]
    parts = [ErrorCounts(deletions=int(index < 200), reference=1) for index in range(2000)]
    wide, narrow = interval(whole), interval(parts)
    assert wide[1] - wide[0] > 2.5 * (narrow[1] - narrow[0])
    long_right = [ErrorCounts(reference=99), ErrorCounts(substitutions=1, reference=1)]
    assert interval(long_right) == (0.0, 1.0)


def test_the_interval_repeats_with_its_seed_and_holds_at_the_edges():
    counts = [ErrorCounts(substitutions=index % 3, reference=5) for index in range(30)]
    assert interval(counts, seed=1) == interval(counts, seed=1)
    assert interval(counts, seed=1, draws=50) != interval(counts, seed=2, draws=50)
    assert interval([ErrorCounts(1, 0, 0, 4)]) == (0.25, 0.25)
    assert interval([ErrorCounts()]) == (0.0, 0.0)
    assert interval([ErrorCounts(insertions=2)]) == (math.inf, math.inf)
    with pytest.raises(ValueError, match="at least one utterance"):
        interval([])


@pytest.mark.parametrize(
    ("reference", "hypothesis", "lines"),
    [
        ("the cat sat", "the hat sat on", ("the CAT sat ***", "the HAT sat ON ")),
        ("enter six two", "enter two", ("enter SIX two", "enter *** two")),
        ("YES NO", "YES SEVEN", ("yes NO   ", "yes SEVEN")),
        ("Hello 4", "hello 5", ("*Hello* *4*", "*hello* *5*")),
        ("", "a b", ("*** ***", "A   B  ")),
        ("a", "", ("A  ", "***")),
        ("", "", ("", "")),
    ],
)
def test_lines_side_by_side_by_hand(reference, hypothesis, lines):
    assert align(reference, hypothesis) == lines


@given(words, words)
def test_lines_are_equally_long_and_mark_each_error(reference, hypothesis):
    top, bottom = align(" ".join(reference), " ".join(hypothesis))
    counts = word_errors(" ".join(reference), " ".join(hypothesis))
    assert len(top) == len(bottom)
    assert [word.lower() for word in top.split() if word != "***"] == reference
    assert [word.lower() for word in bottom.split() if word != "***"] == hypothesis
    pairs = list(zip(top.split(), bottom.split(), strict=True))
    assert sum(one != two for one, two in pairs) == counts.errors
    assert all(not word.islower() for pair in pairs if pair[0] != pair[1] for word in pair)
