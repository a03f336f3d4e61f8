"""Which pieces are settings of one melody, in whatever key and note values; and which are one piece twice."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from crnn_audio.symbolic.bars import full_bars_of
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import ticks

OPENING = 4
"""Bars, from the first bar line on, that identify a melody."""
PER_BAR = 12
"""Places of a bar at which pitches are compared, so that bars of half the note values are alike."""
FARTHEST = 3
"""Semitones between settings of one melody, once both have their median at 0."""
ALIKE = 0.75
"""Fraction of the opening's places at which two settings of one melody have the same pitch, transposed."""
SAME = 0.9
"""Fraction of all places of all parts at which two copies of one piece have."""


def families(scores: Sequence[Score]) -> list[int]:
    """For each piece the number of its family's first one; in a family each first part opens like some other one."""
    if not scores:
        return []
    firsts = [next((part for part in score.parts if part.notes), score.parts[0]) for score in scores]
    openings = np.stack([_pitches(part, score, OPENING) for part, score in zip(firsts, scores, strict=True)])
    openings -= np.median(openings, axis=1, keepdims=True).astype(np.int64)
    first = list(range(len(scores)))
    for index in range(len(scores)):
        fractions = _alike(openings[index:] - openings[index], FARTHEST)
        for other in (index + np.flatnonzero(fractions >= ALIKE)).tolist():
            one, two = sorted((_root(first, index), _root(first, other)))
            first[two] = one
    return [_root(first, index) for index in range(len(scores))]


def _root(first: list[int], index: int) -> int:
    while first[index] != index:
        index = first[index]
    return index


def same_piece(one: Score, two: Score) -> bool:
    """Whether all parts agree nearly everywhere, transposed; an ornament more or less does not matter."""
    bars = [full_bars_of(score).at(max(ticks(score.end) - 1, 0)).index for score in (one, two)]
    if len(one.parts) != len(two.parts) or abs(bars[0] - bars[1]) > 1:
        return False
    length = max(min(bars), 1)
    both = [np.concatenate([_pitches(part, score, length) for part in score.parts]) for score in (one, two)]
    return bool(_alike((both[1] - both[0])[None], 127)[0] >= SAME)


def _alike(differences: Int[np.ndarray, "N P"], farthest: int) -> np.ndarray:
    """Of each row the fraction of its most frequent difference, none of them beyond the farthest."""
    fractions = np.stack([(differences == shift).mean(axis=1) for shift in range(-farthest, farthest + 1)])
    most: np.ndarray = fractions.max(axis=0)
    return most


def _pitches(part: Part, score: Score, bars: int) -> Int[np.ndarray, " P"]:
    """The pitches at evenly spread places of so many bars from the first bar line on; in a rest the last one's."""
    every = full_bars_of(score)
    chosen = [every.bar(number + bool(score.pickup)) for number in range(bars)]
    places = np.concatenate([bar.start + np.arange(PER_BAR) * bar.length / PER_BAR for bar in chosen])
    starts = np.array([ticks(note.start) for note in part.notes])
    pitches = np.array([note.pitch for note in part.notes] or [0])
    return pitches[np.maximum(np.searchsorted(starts, places, side="right") - 1, 0)]
