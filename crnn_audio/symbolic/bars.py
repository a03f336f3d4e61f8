"""Where the bar lines of a piece stand: its grid of bars, from its metres and its pickup, in exact arithmetic."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from crnn_audio.symbolic.score import TICKS_PER_QUARTER, Key, Metre, Score

UNMEASURED = Fraction(4 * TICKS_PER_QUARTER)
"""Where no metre is known, a bar for the eye is as long as four quarter notes."""


@dataclass(frozen=True)
class Bar:
    """From `start` to `end`, in ticks; `metre` is the one that begins with this bar, None if it is the last one's."""

    start: int
    end: int
    metre: Metre | None


def ticks(quarters: float) -> int:
    """The nearest tick."""
    return round(quarters * TICKS_PER_QUARTER)


def nearest_tick(place: Fraction) -> int:
    """Of a place in quarter notes; halves up."""
    return (2 * TICKS_PER_QUARTER * place.numerator + place.denominator) // (2 * place.denominator)


def quarters(tick: int) -> float:
    """As `Score` keeps it."""
    return tick / TICKS_PER_QUARTER


def bars(score: Score, end: int) -> list[Bar]:
    """The bars that cover the ticks from 0 to `end`; one that a new metre or the end interrupts is short.

    A pickup is a bar of its own.
    """
    metres = {ticks(metre.start): metre for metre in score.metres}
    starts = [start for start in sorted({0, *metres}) if start < end]
    found = []
    for start, stop in pairwise([*starts, end]):
        first = ticks(score.pickup) if start == 0 else 0
        lines = _lines(start, stop, length(metres.get(start)), first)
        found += [
            Bar(one, two, metres.get(start) if one == start else None)
            for one, two in zip([start, *lines], [*lines, stop], strict=True)
        ]
    return found


def _lines(start: int, stop: int, bar: Fraction, first: int) -> list[int]:
    """The bar lines strictly between, the first of them after a pickup of `first` ticks."""
    lines, place = [], start + (Fraction(first) or bar)
    while place < stop:
        lines.append(round(place))
        place += bar
    return lines


def length(metre: Metre | None) -> Fraction:
    """Of a bar, in ticks; that of a metre finer than a tick is no whole number."""
    if metre is None:
        return UNMEASURED
    return Fraction(4 * TICKS_PER_QUARTER * metre.beats, metre.beat_type)


def needed_metres(metres: Iterable[Metre], pickup: float) -> tuple[Metre, ...]:
    """Sorted, of those that begin together the last, and none that changes nothing.

    One that repeats the metre in force stays where it moves the bar lines.
    """
    kept: list[Metre] = []
    grid = Fraction(ticks(pickup))
    for metre in _last_of_each(metres):
        start = ticks(metre.start)
        same = bool(kept) and (metre.beats, metre.beat_type) == (kept[-1].beats, kept[-1].beat_type)
        if same and (start - grid) % length(metre) == 0:
            continue
        kept.append(metre)
        if start or len(kept) > 1:
            grid = Fraction(start)
    return tuple(kept)


def needed_keys(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Sorted, of those that begin together the last, and none that repeats the one in force."""
    kept: list[Key] = []
    for key in {one.start: one for one in sorted(keys, key=lambda one: one.start)}.values():
        if not kept or (key.sharps, key.mode) != (kept[-1].sharps, kept[-1].mode):
            kept.append(key)
    return tuple(kept)


def _last_of_each(metres: Iterable[Metre]) -> list[Metre]:
    return list({metre.start: metre for metre in sorted(metres, key=lambda one: one.start)}.values())
