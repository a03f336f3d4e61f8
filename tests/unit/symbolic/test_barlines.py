"""Bars by the metre: pickups, changes, and metres that cannot be."""

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.barlines import Bar, bars, metre_at
from crnn_audio.symbolic.score import Metre, Note, Part, Score, on_tick


def piece(end: float, *metres: Metre, pickup: float = 0.0) -> Score:
    return Score((Part("a", (Note(0.0, end, 60),)),), metres=metres, pickup=pickup)


def spans(score: Score) -> list[tuple[int, float, float]]:
    return [(bar.number, bar.start, bar.end) for bar in bars(score)]


def test_bars_hold_every_note_and_no_more() -> None:
    waltz = Metre(0.0, 3, 4)
    assert bars(piece(4.0, waltz)) == [Bar(1, 0.0, 3.0, waltz), Bar(2, 3.0, 6.0, waltz)]
    assert spans(piece(6.0, waltz)) == [(1, 0.0, 3.0), (2, 3.0, 6.0)]
    assert spans(piece(6.5, Metre(0.0, 6, 8))) == [(1, 0.0, 3.0), (2, 3.0, 6.0), (3, 6.0, 9.0)]


def test_a_pickup_is_number_0() -> None:
    assert spans(piece(3.0, Metre(0.0, 2, 4), pickup=1.0)) == [(0, 0.0, 1.0), (1, 1.0, 3.0)]


def test_a_change_of_metre_begins_a_bar() -> None:
    changing = piece(9.0, Metre(0.0, 4, 4), Metre(4.0, 3, 4), Metre(8.0, 2, 4))
    assert spans(changing) == [(1, 0.0, 4.0), (2, 4.0, 7.0), (3, 7.0, 8.0), (4, 8.0, 10.0)]
    assert spans(piece(5.0, Metre(0.0, 4, 4), Metre(2.0, 4, 4))) == [(1, 0.0, 2.0), (2, 2.0, 6.0)]
    assert [metre_at(changing, at).beats for at in (0.0, 3.9, 4.0, 20.0)] == [4, 4, 3, 2]


def test_a_metre_that_begins_late_counts_from_the_beginning() -> None:
    assert spans(piece(3.0, Metre(1.0, 2, 4), pickup=1.0)) == [(0, 0.0, 1.0), (1, 1.0, 3.0)]


def test_no_metre_or_no_notes_has_no_bars() -> None:
    assert bars(piece(4.0)) == []
    assert bars(Score((), metres=(Metre(0.0, 4, 4),))) == []


def test_bars_of_odd_lengths_do_not_drift() -> None:
    found = bars(piece(700.0, Metre(0.0, 7, 16), pickup=on_tick(1 / 3)))
    assert [bar.start for bar in found[1:]] == [on_tick(160 / 480 + 1.75 * number) for number in range(len(found) - 1)]


@pytest.mark.parametrize("metre", [Metre(0.0, 0, 4), Metre(0.0, -3, 4), Metre(0.0, 4, 0)])
def test_bars_that_last_no_time_are_refused(metre: Metre) -> None:
    with pytest.raises(DataError, match=f"a metre of {metre} at quarter 0; both"):
        bars(piece(4.0, metre))
