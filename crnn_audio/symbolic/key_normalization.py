"""Pieces transposed to the key of their mode without sharps and flats (C major, A minor, ...); and keys estimated.

What a model learns of C major and A minor it then knows of every key.
"""

from dataclasses import replace

import numpy as np

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Key, Note, Score

PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class fits a key, in semitones above the tonic (Krumhansl and Kessler 1982)."""


def normalized(key: Key) -> Key:
    """The key of the same mode without sharps and flats."""
    return Key(key.start, 0, key.mode)


def semitones_to_normalized(key: Key) -> int:
    """Semitones from a key to its normalized one, up or down if negative, six at most."""
    return (6 - 7 * key.sharps) % 12 - 6


def transpose_score(score: Score, semitones: int) -> Score:
    """The piece with its notes higher, or lower if negative, its key and chord symbols as they were."""
    parts = (
        replace(part, notes=tuple(Note(note.start, note.duration, note.pitch + semitones) for note in part.notes))
        for part in score.parts
    )
    return replace(score, parts=tuple(parts)) if semitones else score


def estimate_key(score: Score) -> Key:
    """The major or minor key whose profile is nearest to how long each pitch class sounds (Krumhansl 1990).

    Raises:
        DataError: there is no note.
    """
    sounding = np.zeros(12)
    for note in score.notes:
        sounding[note.pitch % 12] += note.duration
    if not sounding.any():
        raise DataError(f"{score.title or 'the piece'}: holds no notes, so it has no key.")
    keys = [Key(0.0, sharps, mode) for sharps in range(-5, 7) for mode in PROFILES]
    return max(keys, key=lambda key: _fit(sounding, key))


def _fit(sounding: np.ndarray, key: Key) -> float:
    profile = np.roll(PROFILES[key.mode], key.tonic_pitch_class)
    varied = sounding - sounding.mean()
    return float(varied @ (profile - profile.mean())) / float(np.linalg.norm(varied) + 1e-12)
