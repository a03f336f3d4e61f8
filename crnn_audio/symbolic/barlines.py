"""The time signatures of a `Score` and its pickup, from where both are written and where bar lines stand."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from crnn_audio.symbolic.bars import needed_time_signatures
from crnn_audio.symbolic.score import TimeSignature
from crnn_audio.symbolic.ticks import nearest_tick, quarters

Beats = tuple[int, int]
"""The beats of a time signature and the note that is one of them."""


def time_signatures_and_pickup(
    changes: list[tuple[Fraction, Beats | None]], lines: list[Fraction]
) -> tuple[tuple[TimeSignature, ...], float]:
    """The time signatures, and the quarter notes before the first full bar.

    A bar line within a bar, as a repeat sign often is, is no bar's beginning. One that a full bar follows is, and is
    then kept as the same time signature anew, as after a bar that is short.

    Args:
        changes: where a time signature begins, sorted, in quarter notes; None is music without one.
        lines: where bar lines stand, sorted; the last one is the end of the music.
    """
    pickup = _pickup(changes, lines)
    found: list[TimeSignature] = []
    for (start, beats), stop in zip(changes, [*(start for start, _ in changes[1:]), lines[-1]], strict=True):
        if beats is not None:
            first = pickup if start == 0 else start
            found += [_time_signature(place, beats) for place in (start, *_anew(first, stop, lines, _bar(beats)))]
    kept = quarters(nearest_tick(pickup))
    return needed_time_signatures(found, kept), kept


def short_bars(found: Sequence[TimeSignature], end: float) -> tuple[tuple[TimeSignature, ...], float]:
    """Time signatures and pickup where a pickup was written as a bar of its own, such as 1/4 before 3/4.

    So MuseScore does in MIDI, and likewise with a last bar that lacks the pickup.

    Args:
        found: sorted.
        end: of the last note, in quarter notes.
    """
    if len(found) < 2 or found[0].start or not found[1].start <= found[0].bar or found[1].start >= found[1].bar:
        return tuple(found), 0.0
    pickup = found[1].start
    signatures = [replace(found[1], start=0.0), *found[2:]]
    if len(signatures) > 1 and end <= signatures[-1].start + signatures[-1].bar:
        lacking = signatures[-1].bar == signatures[-2].bar - pickup
        signatures = signatures[:-1] if lacking else signatures
    return tuple(signatures), pickup


def _pickup(changes: list[tuple[Fraction, Beats | None]], lines: list[Fraction]) -> Fraction:
    """None where a bar line within the first full bar comes first; a last bar may lack what the pickup has."""
    beats, first = changes[0][1] if changes else None, lines[0]
    if beats is None or first == lines[-1] or first >= _bar(beats) or _bar(beats) in lines[:-1]:
        return Fraction(0)
    return first


def _anew(first: Fraction, stop: Fraction, lines: list[Fraction], bar: Fraction) -> Iterator[Fraction]:
    """The bar lines off the bars counted from `first` that a full bar follows."""
    within = lines[bisect_right(lines, first) : bisect_right(lines, stop)]
    for line, after in pairwise(within):
        if (line - first) % bar and after - line == bar:
            yield line
            first = line


def _bar(beats: Beats) -> Fraction:
    return Fraction(4 * beats[0], beats[1])


def _time_signature(start: Fraction, beats: Beats) -> TimeSignature:
    return TimeSignature(quarters(nearest_tick(start)), *beats)
