"""The nearest piece that a representation can hold, and in a line each what had to be changed for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens, melody_tokens
from crnn_audio.symbolic.parsed import plural
from crnn_audio.symbolic.score import Note, Part, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

MARGIN = 6
"""Semitones of a representation's range that are left on either side, so that a piece may be moved to another key."""


def to_melody(score: Score) -> tuple[Score, list[str]]:
    """A melody that `events` can hold: of several parts the one that is highest on average, of chords the top note.

    Raises:
        DataError: there is no note.
    """
    named = [part for part in score.parts if part.notes]
    if not named:
        raise DataError(f"{score.title or 'the piece'}: holds no notes.")
    part = max(named, key=lambda part: sum(note.pitch for note in part.notes) / len(part.notes))
    remarks = [] if len(named) == 1 else [f"of {len(named)} parts the highest is taken, {part.name or 'unnamed'}"]
    notes, changes = _one_voice(
        part.notes, melody_tokens.UNIT, melody_tokens.LOWEST + MARGIN, melody_tokens.HIGHEST - MARGIN
    )
    score, uncounted = _counted(score, melody_tokens.DecodingState.first)
    return replace(score, parts=(replace(part, notes=notes),)), [*remarks, *changes, *uncounted]


def to_chorale(score: Score) -> tuple[Score, list[str]]:
    """A piece that `chorales` can hold: its four parts, or the four that are named so, or all notes by their height.

    Raises:
        DataError: there is no note.
    """
    if not score.end:
        raise DataError(f"{score.title or 'the piece'}: holds no notes.")
    parts, remarks = _four_parts(score)
    settled = []
    for part, name in zip(parts, chorale_tokens.VOICES, strict=True):
        notes, changes = _one_voice(
            part.notes, chorale_tokens.STEP, chorale_tokens.LOWEST + MARGIN, chorale_tokens.HIGHEST - MARGIN
        )
        settled.append(replace(part, notes=notes))
        remarks += [f"{name}: {change}" for change in changes]
    last = max(ticks(part.end) for part in settled)
    begins = sorted({_nearest(ticks(start), chorale_tokens.STEP) for start in score.fermatas})
    fermatas = tuple(begin / TICKS_PER_QUARTER for begin in begins if 0 <= begin < last)
    score, uncounted = _counted(score, chorale_tokens.DecodingState.first)
    return replace(score, parts=tuple(settled), fermatas=fermatas), [*remarks, *uncounted]


def _counted(score: Score, first: Callable[[Sequence[Score]], object]) -> tuple[Score, list[str]]:
    """The piece with those of its time signatures, and its pickup, that `first` takes."""
    kept = replace(score, time_signatures=(), pickup=0.0)
    for one in score.time_signatures:
        longer = (
            replace(kept, time_signatures=(*kept.time_signatures, one), pickup=pickup) for pickup in (score.pickup, 0.0)
        )
        kept = next((one for one in longer if _is_held(one, first)), kept)
    if not score.time_signatures and _is_held(score, first):
        kept = score
    lost = len(score.time_signatures) - len(kept.time_signatures)
    remarks = [f"{plural(lost, 'time signature')} left out, by which bars are not full"] if lost else []
    if kept.pickup != score.pickup:
        remarks.append(f"the pickup of {score.pickup:g} quarters left out, with which bars are not full")
    return kept, remarks


def _is_held(score: Score, first: Callable[[Sequence[Score]], object]) -> bool:
    try:
        first([score])
    except DataError:
        return False
    return True


def _four_parts(score: Score) -> tuple[Sequence[Part], list[str]]:
    by_name = {part.name.strip().lower(): part for part in score.parts}
    if all(voice in by_name for voice in chorale_tokens.VOICES):
        left = len(score.parts) - len(chorale_tokens.VOICES)
        return [by_name[voice] for voice in chorale_tokens.VOICES], [f"{left} other parts are left out"] if left else []
    if len(score.parts) == len(chorale_tokens.VOICES):
        return score.parts, []
    voices, left_out = _by_height([note for part in score.parts for note in part.notes])
    parts = "1 part" if len(score.parts) == 1 else f"{len(score.parts)} parts"
    remarks = [f"the notes of {parts} are shared out among four voices by their height"]
    if left_out:
        remarks.append(f"{left_out} notes are left out, as more than four sound at once")
    return [Part(name, tuple(voice)) for name, voice in zip(chorale_tokens.VOICES, voices, strict=True)], remarks


def _by_height(notes: Sequence[Note]) -> tuple[list[list[Note]], int]:
    """Each note in the voice that its rank among all that sound asks for, or the nearest free one; and how many not."""
    voices: list[list[Note]] = [[] for _ in chorale_tokens.VOICES]
    left_out = 0
    for start, group in groupby(sorted(notes), key=lambda note: note.start):
        held = [voice[-1] for voice in voices if voice and voice[-1].end > start]
        new = sorted(group, key=lambda note: -note.pitch)
        ranked = sorted([*held, *new], key=lambda note: -note.pitch)
        for note in new:
            free = [index for index, voice in enumerate(voices) if not voice or voice[-1].end <= start]
            wanted = _voice(ranked.index(note), len(ranked))
            if free:
                voices[min(free, key=lambda index: abs(index - wanted))].append(note)
            left_out += not free
    return voices, left_out


def _voice(rank: int, count: int) -> int:
    """The highest is soprano; the lowest of several bass; those between fill alto, then tenor."""
    return 3 if rank and rank == count - 1 else min(rank, 2)


def _one_voice(notes: Sequence[Note], unit: int, lowest: int, highest: int) -> tuple[tuple[Note, ...], list[str]]:
    """Notes on a grid of `unit` ticks, one at a time and within the range; and what was changed."""
    spans = [_on_grid(note, unit) for note in notes]
    exact = [(ticks(note.start), ticks(note.end)) for note in notes]
    moved = sum(span[:2] != true for span, true in zip(spans, exact, strict=True))
    tops = [max(group, key=lambda span: span[2]) for _, group in groupby(sorted(spans), key=lambda span: span[0])]
    nexts = [begin for begin, _, _ in tops[1:]] + [end for _, end, _ in tops[-1:]]
    ends = [min(end, after) for (_, end, _), after in zip(tops, nexts, strict=True)]
    pitches = [_within(pitch, lowest, highest) for _, _, pitch in tops]
    counts = {
        "moved to the grid": moved,
        "left out where others began at the same time, the highest kept": len(spans) - len(tops),
        "cut short where the next began": sum(end < span[1] for end, span in zip(ends, tops, strict=True)),
        f"moved by octaves into {lowest} to {highest}": sum(
            a != span[2] for a, span in zip(pitches, tops, strict=True)
        ),
    }
    kept = (
        Note(begin / TICKS_PER_QUARTER, (end - begin) / TICKS_PER_QUARTER, pitch)
        for (begin, _, _), end, pitch in zip(tops, ends, pitches, strict=True)
    )
    return tuple(kept), [f"{plural(count, 'note')} {what}" for what, count in counts.items() if count]


def _on_grid(note: Note, unit: int) -> tuple[int, int, int]:
    begin = max(_nearest(ticks(note.start), unit), 0)
    return begin, max(_nearest(ticks(note.end), unit), begin + unit), note.pitch


def _nearest(tick: int, unit: int) -> int:
    return (tick + unit // 2) // unit * unit


def _within(pitch: int, lowest: int, highest: int) -> int:
    if pitch < lowest:
        return lowest + (pitch - lowest) % 12
    return highest - (highest - pitch) % 12 if pitch > highest else pitch
