"""A score as a player would play it: louder towards the middle of a phrase, slower at its end, never quite even.

Phrases end with fermatas, or after four bars where there are none. The rules are those that measurements of players
agree on: a phrase as an arch of tempo and loudness (Todd 1992, "The dynamics of dynamics"), metrical accents, the
melody above the others, and the slowing of the end (Friberg and Sundberg 1999, "Does music performance allude to
locomotion?"). Nothing is random: a note is played the same way each time.
"""

import math
from bisect import bisect_right
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from crnn_audio.symbolic.bars import bars_of
from crnn_audio.symbolic.played import PlayedNote
from crnn_audio.symbolic.score import Note, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

PHRASE_BARS = 4
"""Bars of a phrase where no fermata tells it."""
SOFT, ARCH = 70, 16
"""The velocity at the ends of a phrase, and how much louder its middle is."""
ON_BAR, MELODY, BASS, INNER = 5, 6, 0, -8
"""Velocities: of the first note of a bar, and of the highest, lowest and other parts."""
SLOWER = 0.08
"""Of the tempo, by which a phrase is slower at its ends than in its middle."""
LAST_TEMPO, SLOWING_QUARTERS = 0.6, 3.0
"""Of the tempo, at the end of a piece that slows down over so many quarter notes."""
FERMATA = 0.6
"""Of the tempo, while a note with a fermata sounds."""
UNEVEN_SECONDS = 0.006
"""The standard deviation of onsets."""
SOUNDING = 0.96
"""Of its length, that a note sounds."""
STEP = TICKS_PER_QUARTER // 8
"""Ticks for which the tempo stays the same."""

Loudness = Callable[[int, Note], int]
"""The velocity of a note of the part of that number."""


def performed(score: Score) -> list[PlayedNote]:
    """The notes of a score, its repeats played before, in seconds and with velocities, sorted."""
    seconds, loudness = _clock(score), loudness_of(score)
    return sorted(
        PlayedNote(
            max(seconds(note.start) + _uneven(number, note), 0.0),
            seconds(note.start) + SOUNDING * (seconds(note.end) - seconds(note.start)) + _uneven(number, note),
            note.pitch,
            loudness(number, note),
            part.program,
        )
        for number, part in enumerate(score.parts)
        for note in part.notes
    )


def loudness_of(score: Score) -> Loudness:
    """The velocity of each note, from 1 to 127."""
    phrases, last = phrases_of(score), len(score.parts) - 1
    bars = {bar.start for bar in bars_of(score).until(ticks(score.end))} if score.time_signatures else set[int]()

    def velocity(number: int, note: Note) -> int:
        place = 0 if last == 0 else MELODY if number == 0 else BASS if number == last else INNER
        accent = ON_BAR * (ticks(note.start) in bars)
        return max(1, min(127, round(SOFT + ARCH * _arch(phrases, note.start) + place + accent)))

    return velocity


def phrases_of(score: Score) -> list[float]:
    """Where phrases end, in quarter notes, 0 and the end of the piece among them."""
    if score.fermatas:
        ends = [note.end for fermata in score.fermatas for note in score.parts[0].notes if note.start == fermata]
    else:
        length = score.time_signatures[0].bar if score.time_signatures else 4.0
        ends = [score.pickup + PHRASE_BARS * length * count for count in range(1, 1 + round(score.end))]
    return [0.0, *(end for end in ends if 0 < end < score.end), max(score.end, 1e-9)]


def _arch(phrases: list[float], place: float) -> float:
    """0 at the ends of a phrase, 1 in its middle."""
    at = min(max(bisect_right(phrases, place), 1), len(phrases) - 1)
    begin, end = phrases[at - 1], phrases[at]
    return math.sin(math.pi * min(max((place - begin) / (end - begin), 0.0), 1.0))


def _clock(score: Score) -> Callable[[float], float]:
    """From quarter notes to seconds."""
    phrases = phrases_of(score)
    held = [(n.start, n.end) for fermata in score.fermatas for n in score.parts[0].notes if n.start == fermata]
    places = np.arange(0, math.ceil(score.end * TICKS_PER_QUARTER / STEP) + 2) * STEP / TICKS_PER_QUARTER
    tempos = np.array([_tempo(score, phrases, held, place) for place in places.tolist()])
    times: Float[np.ndarray, " N"] = np.concatenate([[0.0], np.cumsum(60 / tempos[:-1] * np.diff(places))])
    return lambda quarter: float(np.interp(quarter, places, times))


def _tempo(score: Score, phrases: list[float], held: list[tuple[float, float]], place: float) -> float:
    tempo = score.tempo * (1 - SLOWER * (1 - _arch(phrases, place)))
    slowing = SLOWING_QUARTERS - (score.end - place)
    if slowing > 0:
        tempo *= (1 + (LAST_TEMPO**2 - 1) * min(slowing / SLOWING_QUARTERS, 1.0)) ** 0.5  # a runner who stops
    if any(start <= place < end for start, end in held):
        tempo *= FERMATA
    return tempo


def _uneven(number: int, note: Note) -> float:
    """Seconds; a function of the note."""
    generator = np.random.default_rng([number, ticks(note.start), note.pitch])
    return float(np.clip(generator.normal(0, UNEVEN_SECONDS), -2 * UNEVEN_SECONDS, 2 * UNEVEN_SECONDS))
