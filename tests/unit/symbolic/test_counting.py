"""Bars: by metre and pickup, and where a metre cannot begin."""

from itertools import pairwise

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.counting import bars_of
from crnn_audio.symbolic.score import Metre, Score


def score(*metres: Metre, pickup: float = 0.0) -> Score:
    return Score((), metres=metres, pickup=pickup)


@pytest.mark.parametrize(
    ("piece", "starts"),
    [
        (score(), [0, 1920, 3840]),
        (score(Metre(0, 3, 4)), [0, 1440, 2880]),
        (score(Metre(0, 6, 8), pickup=0.5), [-1200, 240, 1680]),
        (score(Metre(0, 4, 4), Metre(9, 3, 4), pickup=1), [-1440, 480, 2400, 4320, 5760]),
        (score(Metre(0, 4, 4), Metre(0, 2, 4)), [0, 960, 1920]),
    ],
)
def test_bars_begin_where_they_were_counted_out(piece: Score, starts: list[int]) -> None:
    bars = bars_of(piece)
    assert [bars.bar(number).start for number in range(len(starts))] == starts
    assert [bars.bar(number).end for number in range(len(starts) - 1)] == starts[1:]
    for number, (start, end) in enumerate(pairwise(starts)):
        for tick in {max(start, 0), end - 1}:
            assert bars.at(tick) == bars.bar(number)


def test_the_last_bar_is_full_with_its_pickup_or_without() -> None:
    bars = bars_of(score(Metre(0, 4, 4), pickup=1))
    last = bars.bar(2)
    assert [tick for tick in range(last.start + 1, last.end + 1) if bars.is_full(last, tick)] == [
        last.end - 480,
        last.end,
    ]


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (score(pickup=4), "a pickup of 4 quarters before bars of 4"),
        (score(pickup=-1), "a pickup of -1 quarters"),
        (score(Metre(0, 4, 4), Metre(6, 3, 4)), "the metre becomes 3/4 at quarter 6, where a bar of 4 quarters is not"),
        (score(Metre(0, 4, 4), Metre(4, 3, 4), pickup=1), "the metre becomes 3/4 at quarter 4"),
        (score(Metre(0, 0, 4)), "a metre of 0/4"),
    ],
)
def test_what_has_no_bars_is_refused(piece: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        bars_of(piece)
    assert message in str(caught.value)
