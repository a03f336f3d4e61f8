"""What sounds at each time of a piece: it is cut wherever a note begins or ends (music21 calls it chordify)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks


class Tone(NamedTuple):
    """A pitch of a part, numbered from the top of the score; `onset` where its note begins."""

    part: int
    pitch: int
    onset: bool


@dataclass(frozen=True)
class Verticality:
    """What sounds from the tick `start` to the tick `end`, of which a quarter note has 480; nothing in a rest."""

    start: int
    end: int
    tones: tuple[Tone, ...]

    @property
    def quarters(self) -> float:
        """How long it lasts."""
        return (self.end - self.start) / TICKS_PER_QUARTER


def verticalities(score: Score) -> list[Verticality]:
    """From the first note's beginning to the last one's end, without gaps; tones sorted."""
    spans = [
        (ticks(note.start), ticks(note.end), index, note.pitch)
        for index, part in enumerate(score.parts)
        for note in part.notes
    ]
    times = sorted({time for start, end, _, _ in spans if start < end for time in (start, end)})
    places = {time: place for place, time in enumerate(times)}
    sounding: list[list[Tone]] = [[] for _ in times]
    for start, end, part, pitch in spans:
        for place in range(places.get(start, 0), places.get(end, 0)) if start < end else ():
            sounding[place].append(Tone(part, pitch, times[place] == start))
    return [
        Verticality(start, end, tuple(sorted(sounding[place]))) for place, (start, end) in enumerate(pairwise(times))
    ]
