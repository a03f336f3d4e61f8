"""A part as the eye reads it: one chord, note or rest after the other, tied where a tone outlasts its slice."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from crnn_audio.symbolic.score import Part
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

FINEST = TICKS_PER_QUARTER // 32
"""Ticks of the shortest note that has a shape of its own, a 128th."""
_PLAIN = [FINEST * 2**power for power in range(9)]
SHAPES = sorted(
    [*_PLAIN, *(3 * note // 2 for note in _PLAIN[1:]), *(7 * note // 4 for note in _PLAIN[2:])], reverse=True
)
"""Ticks of the notes from the 128th to the breve, plain, dotted and doubly dotted."""


@dataclass(frozen=True)
class Slice:
    """From `start` to `end`, in ticks, the same pitches sound (none is a rest).

    Args:
        pitches: from low to high.
        tied: those of them that go on in the next slice.
        onsets: those of them that begin here.
    """

    start: int
    end: int
    pitches: tuple[int, ...]
    tied: frozenset[int]
    onsets: frozenset[int]


def slices(part: Part, cuts: Iterable[int], end: int) -> list[Slice]:
    """The slices that cover the ticks from 0 to `end`, none of them across a cut.

    A pitch that is repeated while it sounds ends there: in notation for one reader a pitch sounds once.
    """
    begins: dict[int, list[tuple[int, int]]] = {}
    for start, stop, pitch in _one_at_a_time(part):
        begins.setdefault(start, []).append((pitch, stop))
    stops = {stop for onsets in begins.values() for _, stop in onsets}
    places = sorted(place for place in {0, end, *cuts, *begins, *stops} if 0 <= place <= end)
    found, sounding = [], dict[int, int]()
    for place, after in pairwise(places):
        sounding = {pitch: stop for pitch, stop in sounding.items() if stop > place} | dict(begins.get(place, ()))
        tied = frozenset(pitch for pitch, stop in sounding.items() if stop > after)
        onsets = frozenset(pitch for pitch, _ in begins.get(place, ()))
        found.append(Slice(place, after, tuple(sorted(sounding)), tied, onsets))
    return found


def _one_at_a_time(part: Part) -> list[tuple[int, int, int]]:
    """Start, end and pitch of each note, in ticks; of those that begin together on one pitch the longest."""
    ends: dict[int, dict[int, int]] = {}
    for note in part.notes:
        start = ticks(note.start)
        by_start = ends.setdefault(note.pitch, {})
        by_start[start] = max(by_start.get(start, start + 1), ticks(note.end))
    found = []
    for pitch, by_start in ends.items():
        starts = sorted(by_start)
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            stop = by_start[start]
            found.append((start, stop if following is None else min(stop, following), pitch))
    return sorted(found)


def shapes(ticked: int) -> list[int]:
    """The lengths of notes that are as long together; a length on no grid stays whole."""
    if ticked % FINEST:
        return [ticked]
    found = []
    while ticked:
        found.append(next(shape for shape in SHAPES if shape <= ticked))
        ticked -= found[-1]
    return found
