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
    rows = np.random.default_rng(seed).integers(1, 3, size=(60, 3, 2))
    recall, lengths = Recall.of_nothing(3, 2, period), set()
    for time, row in enumerate(rows):
        came, agreed = recall.found
        for piece, voice in np.ndindex(3, 2):
            wanted = searched(rows[:time, piece, voice].tolist(), period)
            assert (came[piece, voice], agreed[piece, voice]) == wanted
            lengths.add(wanted[1])
        recall = recall.after(row)
        assert np.array_equal(recall.last, row)
    assert len(lengths) > 5


@pytest.mark.parametrize("period", [1, 2])
def test_voices_together_agree_where_all_of_them_do(period: int) -> None:
    rows = np.random.default_rng(0).integers(1, 3, size=(80, 3, 2))
    together, one = Recall.of_nothing(3, 2, period, together=True), Recall.of_nothing(3, 1, period)
    for row in rows:
        both, lengths = together.found
        came, expected = one.found
        assert np.array_equal(both, np.concatenate(np.divmod(came, 10), axis=1))
        assert np.array_equal(lengths, expected)
        together, one = together.after(row), one.after(10 * row[:, :1] + row[:, 1:])
    assert expected.max() > 3


def test_a_repeat_is_known_from_its_second_row_on() -> None:
    recall, theme = Recall.of_nothing(1, 1), [5, 6, 7, 8]
    found = []
    for token in theme * 2:
        found.append(int(recall.found[0][0, 0]))
        recall = recall.after(np.array([[token]]))
    assert found == [0, 0, 0, 0, 0, 6, 7, 8]


def test_before_the_first_row_nothing_came() -> None:
    assert not Recall.of_nothing(2, 3, 4).last.any()


def test_the_place_before_stays_as_it_was() -> None:
    five, six = np.array([[5]]), np.array([[6]])
    first = Recall.of_nothing(1, 1).after(five)
    for recall, wanted in ((first.after(five), (5, 1)), (first.after(six), (0, 0)), (first, (0, 0))):
        assert tuple(found.item() for found in recall.found) == wanted


def came_twice(piece: list, shortest: int, period: int) -> bool:
    """By comparing a voice's last rows, or all voices', with those before them."""
    lengths = range(period, len(piece) // 2 + 1, period)
    return any(piece[-length:] == piece[-2 * length : -length] for length in lengths if length >= shortest)


@pytest.mark.parametrize(("period", "shortest"), [(1, 1), (1, 3), (2, 4), (4, 8)])
@pytest.mark.parametrize("together", [False, True])
def test_what_came_twice_is_known(period: int, shortest: int, together: bool) -> None:
    random = np.random.default_rng(period)
    bars = random.integers(1, 3, size=(2, 4, 2))
    pieces = np.stack([bars[random.integers(2, size=20)].reshape(80, 2) for _ in range(3)])
    recall, found = Recall.of_nothing(3, 2, period, together=together), []
    for time in range(80):
        voices = [[piece] if together else piece.T for piece in pieces[:, :time]]
        wanted = [[came_twice(np.array(one).tolist(), shortest, period) for one in piece] for piece in voices]
        assert recall.came_twice(shortest).tolist() == wanted
        found += [twice for piece in wanted for twice in piece]
        recall = recall.after(pieces[:, time])
    assert 0 < sum(found) < len(found)
