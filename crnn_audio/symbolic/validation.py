"""Refuses pieces that cannot be written: pitches out of range, times before the beginning, no tempo."""

import math

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import bar_length
from crnn_audio.symbolic.score import Note, Part, Score

HIGHEST = 127
"""MIDI's highest pitch and program."""
TEMPI = (4.0, 60_000_000.0)
"""The slowest that MIDI can hold (its quarter note lasts at most 16.7 seconds), and the fastest."""


def validate(score: Score) -> None:
    """Looks at every note, time signature and program.

    Raises:
        DataError: what is impossible, in which part, and what there could be.
    """
    for number, part in enumerate(score.parts, start=1):
        _validate_part(part, part.name or f"part {number}")
    if not TEMPI[0] <= score.tempo <= TEMPI[1]:
        raise DataError(f"a tempo of {score.tempo:g} quarter notes a minute; there should be 4 or more.")
    if not (math.isfinite(score.pickup) and score.pickup >= 0):
        raise DataError(f"a pickup of {score.pickup:g} quarter notes; it should be 0 or more.")
    for one in score.time_signatures:
        bar_length(one)
    ends = [0.0, *(edge for one in score.repeats for edge in (one.start, one.end))]
    if not all(map(math.isfinite, ends)) or ends != sorted(ends) or any(one.start == one.end for one in score.repeats):
        raise DataError("its repeats are not one after the other, each with music in it.")
    for start in [
        *(one.start for one in score.time_signatures),
        *(key.start for key in score.keys),
        *(chord.start for chord in score.chords),
        *score.fermatas,
    ]:
        if not (math.isfinite(start) and start >= 0):
            raise DataError(f"a time signature, key, chord or fermata at quarter {start:g}; a piece begins at 0.")


def _validate_part(part: Part, name: str) -> None:
    if not 0 <= part.program <= HIGHEST:
        raise DataError(f"{name}: instrument {part.program}; General MIDI's are 0 to {HIGHEST}.")
    for note in part.notes:
        _validate_note(note, name)


def _validate_note(note: Note, name: str) -> None:
    if not 0 <= note.pitch <= HIGHEST:
        raise DataError(
            f"{name}: a note of pitch {note.pitch} at quarter {note.start:g}; MIDI's pitches are 0 to {HIGHEST}."
        )
    if not (note.start >= 0 and note.duration > 0 and math.isfinite(note.end)):
        raise DataError(
            f"{name}: a note of pitch {note.pitch} begins at quarter {note.start:g} and lasts {note.duration:g}; it "
            "should begin at 0 or later and last longer than nothing."
        )
