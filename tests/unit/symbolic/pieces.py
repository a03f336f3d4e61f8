"""Pieces sampled for property tests: melodies and four-voice pieces on the grids of their representations."""

from random import Random

import pytest

from crnn_audio.symbolic import chorale_tokens, melody_tokens
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER

many = pytest.mark.parametrize("seed", range(25))
METRES = [(4, 4), (3, 4), (6, 8), (9, 8), (2, 2), (2, 4), (5, 8), (12, 8)]


def header(random: Random, unit: int) -> Score:
    """No notes yet, but a metre, or two with a change at a bar line, and a pickup on a grid of ticks."""
    first, second = (TimeSignature(0.0, *random.choice(METRES)) for _ in range(2))
    pickup = (
        random.choice([0, random.randrange(round(first.bar * TICKS_PER_QUARTER / unit))]) * unit / TICKS_PER_QUARTER
    )
    bars = random.randrange(4)
    change = [TimeSignature(pickup + bars * first.bar, second.beats, second.beat_type)] if bars else []
    return Score((), title="sampled", time_signatures=(first, *change), pickup=pickup)


def voice(random: Random, unit: int, lowest: int, highest: int) -> tuple[Note, ...]:
    """Notes one after the other, with rests between some; long ones and short ones."""
    notes, now = [], 0
    deepest = random.choice([lowest, random.randint(lowest, highest - 12)])
    for _ in range(random.randint(1, 12)):
        now += random.choice([0, 0, random.randint(1, 40)]) * unit
        span = random.choice([6, 12, 24, random.randint(1, 60), 192]) * unit
        pitch = random.randint(deepest, deepest + 12 if deepest > lowest else highest)
        notes.append(Note(now / TICKS_PER_QUARTER, span / TICKS_PER_QUARTER, pitch))
        now += span
    return tuple(notes)


def melody(seed: int, margin: int = 0) -> Score:
    """What `melody_tokens` holds, so many semitones within its range."""
    random = Random(seed)
    about = header(random, melody_tokens.UNIT)
    part = Part(
        "fiddle", voice(random, melody_tokens.UNIT, melody_tokens.LOWEST + margin, melody_tokens.HIGHEST - margin), 40
    )
    return Score((part,), "sampled", time_signatures=about.time_signatures, pickup=about.pickup)


def chorale(seed: int, margin: int = 0) -> Score:
    """What `chorale_tokens` holds, so many semitones within its range; voices may be empty, but not the soprano."""
    random = Random(seed)
    about = header(random, chorale_tokens.STEP)
    lowest, highest = chorale_tokens.LOWEST + margin, chorale_tokens.HIGHEST - margin
    four = [voice(random, chorale_tokens.STEP, lowest, highest) for _ in range(4)]
    four = [four[0], *(one if random.random() < 0.8 else () for one in four[1:])]
    parts = tuple(Part(name, notes, 52) for name, notes in zip(chorale_tokens.VOICES, four, strict=True))
    starts = sorted({note.start for part in parts for note in part.notes})
    fermatas = tuple(sorted(random.sample(starts, min(len(starts), random.randrange(4)))))
    return Score(parts, "sampled", time_signatures=about.time_signatures, pickup=about.pickup, fermatas=fermatas)
