"""The bars of a piece: where each begins and ends, by its time signatures and its pickup, in exact arithmetic."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, pairwise, takewhile

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Score, TimeSignature
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, on_tick, ticks

UNMEASURED = Fraction(4 * TICKS_PER_QUARTER)
"""Ticks of a bar where no time signature is known: those of four quarter notes."""
LONGEST_BAR = 8 * TICKS_PER_QUARTER
"""Ticks of the longest bar on a grid."""
MOST_BARS = 20_000
"""Of a piece that is written in notation."""
LONGEST_PICKUP = 64.0
"""Quarter notes that a pickup stays below."""


@dataclass(frozen=True)
class Bar:
    """From `start` to `end`, in ticks.

    Args:
        index: counted from the beginning; 0 is the first bar, be it only a pickup.
        length: ticks of a full bar of its time signature; a pickup, and a bar that another time signature interrupts,
            are shorter.
        time_signature: the one in force; None where none is known.
    """

    index: int
    start: int
    end: int
    length: int
    time_signature: TimeSignature | None


@dataclass(frozen=True)
class _Segment:
    """Bars of one time signature: the index of the first, the tick where that would begin if it were full."""

    index: int
    start: Fraction
    length: Fraction
    time_signature: TimeSignature | None


@dataclass(frozen=True)
class Bars:
    """The bars of a piece, on and on after its end; `pickup` is in ticks."""

    segments: tuple[_Segment, ...]
    pickup: int = 0

    @property
    def first_number(self) -> int:
        """What musicians call the first bar: 1, or 0 if it is a pickup."""
        return 0 if self.pickup > 0 else 1

    def bar(self, index: int) -> Bar:
        """The bar of that index."""
        place = bisect_right(self.segments, index, key=lambda one: one.index) - 1
        segment, later = self.segments[place], self.segments[place + 1 : place + 2]
        start = segment.start + (index - segment.index) * segment.length
        end = min([round(start + segment.length), *(round(one.start) for one in later)])
        return Bar(index, max(round(start), 0), end, round(segment.length), segment.time_signature)

    def at(self, tick: int) -> Bar:
        """The bar that a tick from 0 on lies in; a bar's last tick is the next one's first."""
        segment = self.segments[bisect_right(self.segments, Fraction(tick), key=lambda one: one.start) - 1]
        return self.bar(segment.index + int((tick - segment.start) // segment.length))

    def until(self, tick: int) -> list[Bar]:
        """Those that begin before that tick."""
        return list(takewhile(lambda bar: bar.start < tick, map(self.bar, count())))

    def is_full(self, bar: Bar, tick: int) -> bool:
        """Whether a piece may end there: at the bar's end, or short of it by the pickup, with which it is one bar."""
        return tick in (bar.end, bar.end - self.pickup)


def bars_of(score: Score) -> Bars:
    """The bars of any piece; its first time signature counts from the beginning.

    Raises:
        DataError: a time signature's bars last no time.
    """
    first = [replace(one, start=0.0) for one in score.time_signatures[:1]]
    return _bars([*first, *score.time_signatures[1:]], score.pickup)


def full_bars_of(score: Score) -> Bars:
    """As `bars_of`, of a piece whose bars are all full but for the pickup.

    Raises:
        DataError: the pickup is a bar or longer, or the time signature changes within a bar.
    """
    bars, name = bars_of(score), score.title or "the piece"
    length = bar_length(bars.segments[0].time_signature)
    if not 0 <= bars.pickup < length:
        raise DataError(
            f"{name}: a pickup of {score.pickup:g} quarters before bars of {_quarters(length):g}. "
            "It should be shorter than a bar."
        )
    for before, segment in pairwise(bars.segments):
        if (segment.start - before.start) % before.length:
            raise DataError(
                f"{name}: the time signature becomes {segment.time_signature} at quarter {_quarters(segment.start):g}, "
                f"where a bar of {_quarters(before.length):g} quarters is not full. Correct the bar or the pickup."
            )
    return bars


def bars_on_grid(score: Score, unit: int) -> Bars:
    """As `full_bars_of`, where bar lines are multiples of so many ticks, and bars no longer than eight quarters.

    Raises:
        DataError: they are not.
    """
    bars = full_bars_of(score)
    for one in bars.segments:
        if one.start % unit or one.length % unit or one.length > LONGEST_BAR:
            raise DataError(
                f"{score.title or 'the piece'}: bars of {_quarters(one.length):g} quarters after a pickup of "
                f"{score.pickup:g}. Bars and pickup should be multiples of 1/{TICKS_PER_QUARTER // unit} of a quarter "
                "note, and a bar eight quarters at most."
            )
    return bars


def notated_bars(score: Score, end: int) -> list[Bar]:
    """The bars that cover the ticks from 0 to `end`, the last one cut off there, and all where a repeat begins or ends.

    What stands before a first time signature that begins later has none.

    Raises:
        DataError: there are more than 20,000.
    """
    bars = _bars(score.time_signatures, score.pickup)
    if bars.at(end).index > MOST_BARS:
        raise DataError(f"it lasts {end / TICKS_PER_QUARTER:g} quarter notes, more than {MOST_BARS} bars.")
    edges = {ticks(edge) for one in score.repeats for edge in (one.start, one.end)}
    found = []
    for bar in bars.until(end):
        cuts = sorted(edge for edge in edges if bar.start < edge < min(bar.end, end))
        ends = [*cuts, min(bar.end, end)]
        found += [replace(bar, start=start, end=stop) for start, stop in zip([bar.start, *cuts], ends, strict=True)]
    return found


def _bars(time_signatures: Iterable[TimeSignature], pickup: float) -> Bars:
    by_start = {ticks(one.start): one for one in time_signatures}
    segments = _opening(by_start.get(0), ticks(pickup), min((start for start in by_start if start > 0), default=None))
    for start in sorted(start for start in by_start if start > 0):
        before = segments[-1]
        index = before.index + -(-(start - before.start) // before.length)
        segments.append(_Segment(index, Fraction(start), bar_length(by_start[start]), by_start[start]))
    return Bars(tuple(segments), ticks(pickup))


def _opening(time_signature: TimeSignature | None, pickup: int, change: int | None) -> list[_Segment]:
    """The bars from the beginning on; a pickup that is longer than a bar comes before them."""
    length = bar_length(time_signature)
    if pickup <= length:
        return [_Segment(0, pickup - length if pickup > 0 else Fraction(0), length, time_signature)]
    long = _Segment(0, Fraction(0), Fraction(pickup), time_signature)
    return (
        [long]
        if change is not None and change <= pickup
        else [long, _Segment(1, Fraction(pickup), length, time_signature)]
    )


def bar_length(time_signature: TimeSignature | None) -> Fraction:
    """Of a full bar, in ticks; with beats finer than a tick it is no whole number.

    Raises:
        DataError: it lasts no time.
    """
    if time_signature is None:
        return UNMEASURED
    if time_signature.beats < 1 or time_signature.beat_type < 1:
        raise DataError(
            f"a time signature of {time_signature} at quarter {time_signature.start:g}; both its numbers should be 1 "
            "or more."
        )
    return Fraction(4 * TICKS_PER_QUARTER * time_signature.beats, time_signature.beat_type)


def _quarters(tick: Fraction) -> float:
    return float(tick / TICKS_PER_QUARTER)


def needed_time_signatures(time_signatures: Iterable[TimeSignature], pickup: float) -> tuple[TimeSignature, ...]:
    """Sorted, of those that begin together the last, and none that changes nothing.

    One that repeats what is in force stays where it moves the bar lines.
    """
    kept: list[TimeSignature] = []
    line = Fraction(ticks(pickup))
    for one in {one.start: one for one in sorted(time_signatures, key=lambda one: one.start)}.values():
        start = ticks(one.start)
        same = bool(kept) and (one.beats, one.beat_type) == (kept[-1].beats, kept[-1].beat_type)
        if same and (start - line) % bar_length(one) == 0:
            continue
        kept.append(one)
        if start or len(kept) > 1:
            line = Fraction(start)
    return tuple(kept)


def parse_time_signature(name: str) -> TimeSignature:
    """The time signature of a name such as "6/8".

    Raises:
        DataError: there is no such time signature.
    """
    beats, slash, beat_type = name.partition("/")
    if slash and beats.isdigit() and int(beats) and beat_type in ("1", "2", "4", "8", "16", "32"):
        return TimeSignature(0.0, int(beats), int(beat_type))
    raise DataError(f"metre {name!r}: should be beats and the note they are counted in, such as 4/4 or 6/8.")


def parse_pickup(name: str) -> float:
    """Quarter notes before the first whole bar, such as "0.5".

    Raises:
        DataError: this is no such number.
    """
    try:
        pickup = on_tick(float(name))
    except (ValueError, OverflowError):
        pickup = -1.0
    if not 0 <= pickup < LONGEST_PICKUP:
        raise DataError(f"pickup {name!r}: should be quarter notes before the first whole bar, such as 0, 0.5 or 1.")
    return pickup
