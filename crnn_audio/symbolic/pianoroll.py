"""Piano rolls: for each frame of a grid, which of a piano's 88 keys sound.

A roll is a (T, 88) array of 0 and 1; column k is MIDI pitch 21 + k. It shows what sounds, without onsets: a note
that is repeated without a rest and one that is held look alike.
"""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Note

LOWEST = 21
"""The MIDI pitch of column 0, the A three octaves and a half below middle C's."""
NUM_KEYS = 88
Roll = UInt8[np.ndarray, "_ 88"]


def from_notes(notes: Iterable[Note], frames_per_quarter: float, num_frames: int | None = None) -> Roll:
    """The roll of notes on a grid; each note takes at least the frame that it begins in.

    Args:
        frames_per_quarter: of the grid: 1 has quarter notes, 4 sixteenths.
        num_frames: length of the roll, by default up to the last note's end; what lies beyond is cut off.

    Raises:
        DataError: a note is not on a piano, begins before the piece or lasts no time.
    """
    spans = [_span(note, frames_per_quarter) for note in notes]
    length = max((end for _, end, _ in spans), default=0) if num_frames is None else num_frames
    roll = np.zeros((length, NUM_KEYS), dtype=np.uint8)
    for begin, end, key in spans:
        roll[begin:end, key] = 1
    return roll


def _span(note: Note, frames_per_quarter: float) -> tuple[int, int, int]:
    key = note.pitch - LOWEST
    if not 0 <= key < NUM_KEYS:
        raise DataError(
            f"a note of pitch {note.pitch} at quarter {note.start:g} is outside the piano's keys, "
            f"{LOWEST} to {LOWEST + NUM_KEYS - 1}. Transpose the piece, or drop the note."
        )
    if not (note.start >= 0 and note.duration > 0 and math.isfinite(note.end)):
        raise DataError(
            f"a note of pitch {note.pitch} begins at quarter {note.start:g} and lasts {note.duration:g}; it should "
            "begin at 0 or later and last longer than nothing."
        )
    begin = _nearest(note.start * frames_per_quarter)
    return begin, max(_nearest(note.end * frames_per_quarter), begin + 1), key


def _nearest(position: float) -> int:
    return math.floor(position + 0.5)


def to_notes(roll: Roll, frames_per_quarter: float) -> list[Note]:
    """One note for each unbroken run of a key, sorted by time and pitch."""
    silent = np.zeros((1, NUM_KEYS), dtype=np.int8)
    changes = np.diff(np.concatenate([silent, roll.astype(np.int8), silent]), axis=0)
    notes = []
    for key in range(NUM_KEYS):
        begins, ends = np.flatnonzero(changes[:, key] == 1), np.flatnonzero(changes[:, key] == -1)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            notes.append(Note(begin / frames_per_quarter, (end - begin) / frames_per_quarter, LOWEST + key))
    return sorted(notes)
