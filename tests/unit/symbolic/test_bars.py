"""Where bars begin and end, with pickups and changes; which time signatures change something."""

from itertools import pairwise

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import Bar, bars_of, bars_on_grid, full_bars_of, needed_time_signatures, notated_bars
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import on_tick, quarters, ticks


def score(*time_signatures: TimeSignature, pickup: float = 0.0, end: float = 0.0) -> Score:
    parts = (Part("a", (Note(0.0, end, 60),)),) if end else ()
    return Score(parts, time_signatures=time_signatures, pickup=pickup)


def spans(end: float, *time_signatures: TimeSignature, pickup: float = 0.0) -> list[tuple[int, float, float]]:
    """Number, start and end in quarter notes of the bars that it takes to hold every note."""
    bars = bars_of(score(*time_signatures, pickup=pickup))
    return [(bar.index + bars.first_number, quarters(bar.start), quarters(bar.end)) for bar in bars.until(ticks(end))]


def test_bars_hold_every_note_and_no_more() -> None:
    waltz = TimeSignature(0.0, 3, 4)
    assert bars_of(score(waltz)).until(1920) == [Bar(0, 0, 1440, 1440, waltz), Bar(1, 1440, 2880, 1440, waltz)]
    assert spans(6.0, waltz) == [(1, 0.0, 3.0), (2, 3.0, 6.0)]
    assert spans(6.5, TimeSignature(0.0, 6, 8)) == [(1, 0.0, 3.0), (2, 3.0, 6.0), (3, 6.0, 9.0)]


def test_a_pickup_is_number_0() -> None:
    assert spans(3.0, TimeSignature(0.0, 2, 4), pickup=1.0) == [(0, 0.0, 1.0), (1, 1.0, 3.0)]
    assert spans(6.0, TimeSignature(0.0, 2, 4), pickup=3.0) == [(0, 0.0, 3.0), (1, 3.0, 5.0), (2, 5.0, 7.0)]


def test_a_change_of_time_signature_begins_a_bar() -> None:
    four, three, two = TimeSignature(0.0, 4, 4), TimeSignature(4.0, 3, 4), TimeSignature(8.0, 2, 4)
    assert spans(9.0, four, three, two) == [(1, 0.0, 4.0), (2, 4.0, 7.0), (3, 7.0, 8.0), (4, 8.0, 10.0)]
    assert spans(5.0, four, TimeSignature(2.0, 4, 4)) == [(1, 0.0, 2.0), (2, 2.0, 6.0)]
    bars = bars_of(score(four, three, two))
    assert [bars.at(ticks(at)).time_signature for at in (0.0, 3.9, 4.0, 7.5, 20.0)] == [four, four, three, three, two]
    assert spans(5.0, four, TimeSignature(2.0, 2, 4), pickup=3.0) == [(0, 0.0, 2.0), (1, 2.0, 4.0), (2, 4.0, 6.0)]


def test_a_time_signature_that_begins_late_counts_from_the_beginning() -> None:
    assert spans(3.0, TimeSignature(1.0, 2, 4), pickup=1.0) == [(0, 0.0, 1.0), (1, 1.0, 3.0)]


def test_no_notes_have_no_bars() -> None:
    assert bars_of(score(TimeSignature(0.0, 4, 4))).until(0) == []


def test_bars_of_odd_lengths_do_not_drift() -> None:
    found = spans(700.0, TimeSignature(0.0, 7, 16), pickup=on_tick(1 / 3))
    assert [start for _, start, _ in found[1:]] == [on_tick(160 / 480 + 1.75 * bar) for bar in range(len(found) - 1)]


@pytest.mark.parametrize("odd", [TimeSignature(0.0, 0, 4), TimeSignature(0.0, -3, 4), TimeSignature(0.0, 4, 0)])
def test_bars_that_last_no_time_are_refused(odd: TimeSignature) -> None:
    with pytest.raises(DataError, match=f"a time signature of {odd} at quarter 0; both"):
        bars_of(score(odd))


def test_notated_bars_of_a_piece_with_a_pickup_and_a_change() -> None:
    four, three = TimeSignature(0.0, 4, 4), TimeSignature(7.0, 3, 4)
    assert notated_bars(score(four, three, pickup=1.0), 480 * 11) == [
        Bar(0, 0, 480, 1920, four),
        Bar(1, 480, 2400, 1920, four),
        Bar(2, 2400, 3360, 1920, four),  # cut short by the other time signature
        Bar(3, 3360, 4800, 1440, three),
        Bar(4, 4800, 5280, 1440, three),  # and by the end
    ]


def test_without_a_time_signature_a_notated_bar_is_four_quarters() -> None:
    assert notated_bars(score(), 2000) == [Bar(0, 0, 1920, 1920, None), Bar(1, 1920, 2000, 1920, None)]
    assert notated_bars(score(), 0) == []
    late = TimeSignature(1.0, 2, 4)
    assert notated_bars(score(late), 1440) == [Bar(0, 0, 480, 1920, None), Bar(1, 480, 1440, 960, late)]


@pytest.mark.parametrize(
    ("piece", "ends"),
    [
        (score(), [1920, 3840, 5760]),
        (score(TimeSignature(0, 3, 4)), [1440, 2880]),
        (score(TimeSignature(0, 6, 8), pickup=0.5), [240, 1680, 3120]),
        (score(TimeSignature(0, 4, 4), TimeSignature(9, 3, 4), pickup=1), [480, 2400, 4320, 5760]),
        (score(TimeSignature(0, 4, 4), TimeSignature(0, 2, 4)), [960, 1920]),
    ],
)
def test_full_bars_end_where_they_were_counted_out(piece: Score, ends: list[int]) -> None:
    bars = full_bars_of(piece)
    assert [bars.bar(index).end for index in range(len(ends))] == ends
    for index, (start, end) in enumerate(pairwise([0, *ends])):
        assert {bars.at(tick) for tick in (start, end - 1)} == {bars.bar(index)}
        assert bars.bar(index).start == start
        assert bars.bar(index).length == end - start or (index == 0 and piece.pickup)


def test_the_last_bar_is_full_with_its_pickup_or_without() -> None:
    bars = full_bars_of(score(TimeSignature(0, 4, 4), pickup=1))
    last = bars.bar(2)
    assert [tick for tick in range(last.start + 1, last.end + 1) if bars.is_full(last, tick)] == [
        last.end - 480,
        last.end,
    ]


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (score(pickup=4), "a pickup of 4 quarters before bars of 4"),
        (score(pickup=5), "a pickup of 5 quarters before bars of 4"),
        (score(pickup=-1), "a pickup of -1 quarters"),
        (
            score(TimeSignature(0, 4, 4), TimeSignature(6, 3, 4)),
            "the time signature becomes 3/4 at quarter 6, where a bar of 4 quarters is not",
        ),
        (
            score(TimeSignature(0, 4, 4), TimeSignature(4, 3, 4), pickup=1),
            "the time signature becomes 3/4 at quarter 4",
        ),
        (score(TimeSignature(0, 0, 4)), "a time signature of 0/4"),
    ],
)
def test_pieces_whose_bars_are_not_full_are_refused(piece: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        full_bars_of(piece)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "piece", [score(TimeSignature(0, 7, 32)), score(pickup=0.125), score(TimeSignature(0, 9, 4)), score(pickup=0.01)]
)
def test_bars_off_a_grid_are_refused(piece: Score) -> None:
    with pytest.raises(DataError, match="should be multiples of 1/4 of a quarter note, and a bar eight quarters"):
        bars_on_grid(piece, 120)


def test_time_signatures_that_change_nothing_are_not_needed() -> None:
    first, late = TimeSignature(0.0, 3, 4), TimeSignature(9.0, 3, 4)
    assert needed_time_signatures([late, TimeSignature(0.0, 3, 4), first], 0.0) == (first,)
    assert needed_time_signatures([first, TimeSignature(8.0, 3, 4), TimeSignature(11.0, 3, 4)], 0.0) == (
        first,
        TimeSignature(8.0, 3, 4),
    )
    assert needed_time_signatures([first, TimeSignature(10.0, 3, 4)], 1.0) == (first,), "counted from the pickup"
    assert needed_time_signatures([first, late], 1.0) == (first, late)
    last = TimeSignature(0.0, 2, 4)
    assert needed_time_signatures([first, last], 0.0) == (last,), "the last of those that begin together"


def test_more_bars_than_any_music_are_refused() -> None:
    piece = Score((Part("", (Note(90_000.0, 1.0, 60),)),))
    with pytest.raises(DataError, match=r"it lasts 90001 quarter notes, more than 20000 bars"):
        notated_bars(piece, ticks(piece.end))
