"""What came where a voice was as it is now, against a search of all earlier places."""

import numpy as np
import pytest

from crnn_audio.symbolic.copy_context import CopyContext


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
    copy_context, lengths = CopyContext.empty(3, 2, period), set()
    for time, row in enumerate(rows):
        came, agreed = copy_context.match
        for piece, voice in np.ndindex(3, 2):
            wanted = searched(rows[:time, piece, voice].tolist(), period)
            assert (came[piece, voice], agreed[piece, voice]) == wanted
            lengths.add(wanted[1])
        copy_context = copy_context.after(row)
        assert np.array_equal(copy_context.last, row)
    assert len(lengths) > 5


@pytest.mark.parametrize("period", [1, 2])
def test_voices_together_agree_where_all_of_them_do(period: int) -> None:
    rows = np.random.default_rng(0).integers(1, 3, size=(80, 3, 2))
    together, one = CopyContext.empty(3, 2, period, together=True), CopyContext.empty(3, 1, period)
    for row in rows:
        both, lengths = together.match
        came, expected = one.match
        assert np.array_equal(both, np.concatenate(np.divmod(came, 10), axis=1))
        assert np.array_equal(lengths, expected)
        together, one = together.after(row), one.after(10 * row[:, :1] + row[:, 1:])
    assert expected.max() > 3


def test_a_repeat_is_known_from_its_second_row_on() -> None:
    copy_context, theme = CopyContext.empty(1, 1), [5, 6, 7, 8]
    found = []
    for token in theme * 2:
        found.append(int(copy_context.match[0][0, 0]))
        copy_context = copy_context.after(np.array([[token]]))
    assert found == [0, 0, 0, 0, 0, 6, 7, 8]


def test_before_the_first_row_nothing_came() -> None:
    assert not CopyContext.empty(2, 3, 4).last.any()


def test_the_place_before_stays_as_it_was() -> None:
    five, six = np.array([[5]]), np.array([[6]])
    first = CopyContext.empty(1, 1).after(five)
    for copy_context, wanted in ((first.after(five), (5, 1)), (first.after(six), (0, 0)), (first, (0, 0))):
        assert tuple(found.item() for found in copy_context.match) == wanted


def repeats(piece: list, shortest: int, period: int) -> bool:
    """By comparing a voice's last rows, or all voices', with those before them."""
    lengths = range(period, len(piece) // 2 + 1, period)
    return any(piece[-length:] == piece[-2 * length : -length] for length in lengths if length >= shortest)


@pytest.mark.parametrize(("period", "shortest"), [(1, 1), (1, 3), (2, 4), (4, 8)])
@pytest.mark.parametrize("together", [False, True])
def test_what_came_twice_is_known(period: int, shortest: int, together: bool) -> None:
    random = np.random.default_rng(period)
    bars = random.integers(1, 3, size=(2, 4, 2))
    pieces = np.stack([bars[random.integers(2, size=20)].reshape(80, 2) for _ in range(3)])
    copy_context, found = CopyContext.empty(3, 2, period, together=together), []
    for time in range(80):
        voices = [[piece] if together else piece.T for piece in pieces[:, :time]]
        wanted = [[repeats(np.array(one).tolist(), shortest, period) for one in piece] for piece in voices]
        assert copy_context.repeats(shortest).tolist() == wanted
        found += [twice for piece in wanted for twice in piece]
        copy_context = copy_context.after(pieces[:, time])
    assert 0 < sum(found) < len(found)
