"""What a part plays over several pieces: its range, rests, density, repeats and intervals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from crnn_audio.symbolic.score import Note, Part

WIDEST = 12
"""Intervals that are larger, in semitones, count as this one."""
Value = TypeVar("Value", int, float)
Pieces = Sequence[tuple[Part, float]]
"""A part of each piece, and how many quarter notes the piece lasts."""


@dataclass(frozen=True)
class PartStatistics:
    """Statistics of one part; None where there is nothing to count.

    Args:
        lowest, highest: MIDI pitches.
        rests: the fraction of the pieces' time in which the part is silent.
        density: notes a quarter note.
        repeats: the fraction of notes that have the pitch of the note before.
        intervals: the fraction of steps from note to note by semitones, rests in between or not; -12 and 12 hold what
            is wider.
        pitches, durations: the fraction of notes by pitch, and by length in quarter notes.

    Of notes of a part that begin together, repeats and intervals take the highest.
    """

    name: str
    notes: int
    lowest: int | None
    highest: int | None
    rests: float | None
    density: float | None
    repeats: float | None
    intervals: Mapping[int, float]
    pitches: Mapping[int, float]
    durations: Mapping[float, float]


def part_statistics(name: str, pieces: Pieces) -> PartStatistics:
    """The figures of a part over all pieces together."""
    notes = [note for part, _ in pieces for note in part.notes]
    quarters = sum(length for _, length in pieces)
    steps = [after.pitch - before.pitch for part, _ in pieces for before, after in pairwise(top_notes(part))]
    pitches = [note.pitch for note in notes]
    return PartStatistics(
        name=name,
        notes=len(notes),
        lowest=min(pitches, default=None),
        highest=max(pitches, default=None),
        rests=1 - sum(_sounding(part) for part, _ in pieces) / quarters if quarters else None,
        density=len(notes) / quarters if quarters else None,
        repeats=steps.count(0) / len(steps) if steps else None,
        intervals=fractions(max(-WIDEST, min(WIDEST, step)) for step in steps),
        pitches=fractions(pitches),
        durations=fractions(note.duration for note in notes),
    )


def top_notes(part: Part) -> list[Note]:
    """In order; of those that begin together, the highest."""
    return [*{note.start: note for note in sorted(part.notes, key=lambda note: (note.start, note.pitch))}.values()]


def _sounding(part: Part) -> float:
    """Quarter notes in which at least one of its notes sounds."""
    total = until = 0.0
    for note in sorted(part.notes):
        total += max(note.end - max(note.start, until), 0.0)
        until = max(until, note.end)
    return total


def fractions(values: Iterable[Value]) -> Mapping[Value, float]:
    """How often each value is there, as a fraction of all; sorted by value."""
    counts = Counter(values)
    return {value: counts[value] / counts.total() for value in sorted(counts)}
