"""What came where a voice was as it is now, against a search of all earlier places."""

import numpy as np
import pytest

from crnn_audio.symbolic.recall import Recall


def searched(voice: list[int], period: int) -> tuple[int, int]:
    """What came at the longest earlier place, the latest of several, and how long it agrees."""
    best, now = (0, 0), len(voice)
    for place in range(now - period, -1, -period):
        length = 0
        while length < place and voice[place - 1 - length] == voice[now - 1 - length]:
            length += 1
        if length > best[1]:
            best = (voice[place], length)
    return best


@pytest.mark.parametrize("period", [1, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_search_finds(seed: int, period: int) -> None:
    rows = np.random.default_rng(seed).integers(1, 3, size=(60, 2))
    recall, lengths = Recall.of_nothing(2, period), set()
    for time, row in enumerate(rows.tolist()):
        came, agreed = recall.found
        for voice in range(2):
            assert (came[voice], agreed[voice]) == searched(rows[:time, voice].tolist(), period)
            lengths.add(agreed[voice])
        recall = recall.after(row)
    assert len(lengths) > 5


@pytest.mark.parametrize("period", [1, 2])
def test_voices_together_agree_where_all_of_them_do(period: int) -> None:
    rows = np.random.default_rng(0).integers(1, 3, size=(80, 2))
    together, one = Recall.of_nothing(2, period, together=True), Recall.of_nothing(1, period)
    for row in rows.tolist():
        both, (length,) = together.found
        (came,), (expected,) = one.found
        assert (both, length) == (divmod(came, 10), expected)
        together, one = together.after(row), one.after([10 * row[0] + row[1]])


def test_a_repeat_is_known_from_its_second_row_on() -> None:
    recall, theme = Recall.of_nothing(1, 1), [5, 6, 7, 8]
    found = []
    for token in theme * 2:
        found.append(recall.found[0][0])
        recall = recall.after([token])
    assert found == [0, 0, 0, 0, 0, 6, 7, 8]


def test_the_place_before_stays_as_it_was() -> None:
    first = Recall.of_nothing(1, 1).after([5])
    assert first.after([5]).found == ((5,), (1,))
    assert first.after([6]).found == ((0,), (0,))
    assert first.found == ((0,), (0,))
