"""The nearest piece that a representation can hold, and in a line each what had to be changed for it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens, melody_tokens
from crnn_audio.symbolic.parsed import plural
from crnn_audio.symbolic.score import Note, Part, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks
from crnn_audio.symbolic.validation import HIGHEST

MARGIN = 6
"""Semitones of a representation's range that are left on either side, so that a piece may be moved to another key."""
LONGEST = 20_000.0
"""Quarter notes of the longest piece: nearly three hours at 120 a minute. A damaged file may seem to last for weeks."""
MELODIES = (
    {"melody", "melodie", "melodia"},
    {"soprano", "sopran", "voice", "vocal", "vocals", "vox"},
    {"lead"},
)
"""Words in the names of parts that have the melody, the surest first."""
ACCOMPANYING = {"backing", "background", "harmony", "oohs"}
"""Words by which such a name means another part."""


def to_melody(score: Score) -> tuple[Score, list[str]]:
    """A melody that `events` can hold: of several parts the one that is named so, or else that is highest on average.

    Of chords the top note is kept.

    Raises:
        DataError: there is no note, or the piece is too long.
    """
    _refuse_length(score)
    sounding = [part for part in score.parts if part.notes]
    named = melody_parts(sounding)
    part = max(named or sounding, key=_height)
    which = f"{part.name} is taken, by its name" if named else f"the highest is taken, {part.name or 'unnamed'}"
    remarks = [] if len(sounding) == 1 else [f"of {len(sounding)} parts {which}"]
    notes, changes = _one_voice(
        part.notes, melody_tokens.UNIT, melody_tokens.LOWEST + MARGIN, melody_tokens.HIGHEST - MARGIN
    )
    score, uncounted = _counted(score, melody_tokens.DecodingState.first)
    return replace(score, parts=(replace(part, notes=notes),)), [*remarks, *changes, *uncounted]


def to_grid(notes: Sequence[Note], unit: int, where: str) -> tuple[tuple[Note, ...], list[str]]:
    """One voice's notes on a grid of `unit` ticks, and what was changed; `where` names it in errors.

    Raises:
        DataError: two notes sound at once for longer than fingers that overlap in playing.
    """
    ordered = sorted(notes)
    for before, after in pairwise(ordered):
        shorter = min(ticks(before.duration), ticks(after.duration))
        if ticks(before.end) - ticks(after.start) > min(unit, shorter // 2):
            raise DataError(
                f"{where}, the note of pitch {after.pitch} at quarter {after.start:g}: it begins before the last one "
                "ended. One note at a time."
            )
    return _one_voice(ordered, unit, 0, HIGHEST)


def melody_parts(parts: Sequence[Part]) -> list[Part]:
    """Those whose name says that they have the melody, such as "Voice" or "Lead 1"; none where no name does."""
    words = [set(re.findall(r"[a-z]+", part.name.lower())) for part in parts]
    for names in MELODIES:
        named = [part for part, own in zip(parts, words, strict=True) if own & names and not own & ACCOMPANYING]
        if named:
            return named
    return []


def to_chorale(score: Score) -> tuple[Score, list[str]]:
    """A piece that `chorales` can hold: its four parts, or the four that are named so, or all notes by their height.

    Of several notes of a part at once the highest is kept, of the bass the lowest.

    Raises:
        DataError: there is no note, or the piece is too long.
    """
    _refuse_length(score)
    parts, remarks = _four_parts(score)
    settled = []
    for part, name in zip(parts, chorale_tokens.VOICES, strict=True):
        notes, changes = _one_voice(
            part.notes,
            chorale_tokens.STEP,
            chorale_tokens.LOWEST + MARGIN,
            chorale_tokens.HIGHEST - MARGIN,
            lowest_kept=name == "bass",
        )
        settled.append(replace(part, notes=notes))
        remarks += [f"{name}: {change}" for change in changes]
    last = max(ticks(part.end) for part in settled)
    fermatas = fermatas_on_grid(score, last)
    score, uncounted = _counted(score, chorale_tokens.DecodingState.first)
    return replace(score, parts=tuple(settled), fermatas=fermatas), [*remarks, *uncounted]


def fermatas_on_grid(score: Score, end: int) -> tuple[float, ...]:
    """Its fermatas at the nearest sixteenths before that tick."""
    begins = sorted({_nearest(ticks(start), chorale_tokens.STEP) for start in score.fermatas})
    return tuple(begin / TICKS_PER_QUARTER for begin in begins if 0 <= begin < end)


def _refuse_length(score: Score) -> None:
    if not score.end:
        raise DataError(f"{score.title or 'the piece'}: holds no notes.")
    if score.end > LONGEST:
        raise DataError(
            f"{score.title or 'the piece'}: lasts {score.end:.0f} quarter notes; a piece lasts {LONGEST:.0f} at most. "
            "Cut it, or save it anew if it should be shorter."
        )


def _height(part: Part) -> float:
    """Its mean pitch."""
    return sum(note.pitch for note in part.notes) / len(part.notes)


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
        ordered = sorted(score.parts, key=_height, reverse=True) if all(part.notes for part in score.parts) else []
        if not ordered or ordered == list(score.parts):
            return score.parts, []
        names = ", ".join(part.name or "unnamed" for part in ordered)
        return ordered, [f"the four parts are taken by their height: {names}"]
    voices, left_out = _by_height([note for part in score.parts for note in part.notes])
    parts = "1 part" if len(score.parts) == 1 else f"{len(score.parts)} parts"
    remarks = [f"the notes of {parts} are shared out among four voices by their height"]
    if left_out:
        remarks.append(f"{left_out} notes are left out, as more than four sound at once")
    return [Part(name, tuple(voice)) for name, voice in zip(chorale_tokens.VOICES, voices, strict=True)], remarks


def _by_height(notes: Sequence[Note]) -> tuple[list[list[Note]], int]:
    """Each note in the voice that its rank among all that sound asks for, or the nearest free one; and how many not.

    Of more than there are voices the highest and the lowest stay; either ends what its voice still holds.
    """
    voices: list[list[Note]] = [[] for _ in chorale_tokens.VOICES]
    left_out = 0
    for start, group in groupby(sorted(notes, key=_grid_start), key=_grid_start):
        held = {index: voice[-1] for index, voice in enumerate(voices) if voice and _on_step(voice[-1])[1] > start}
        new = sorted(group, key=lambda note: -note.pitch)
        chosen = _chosen(new, list(held.values()), len(voices) - len(held))
        left_out += len(new) - len(chosen)
        ranked = sorted([*held.values(), *chosen], key=lambda note: -note.pitch)
        free = [index for index in range(len(voices)) if index not in held]
        for note in chosen:
            wanted = _voice(ranked.index(note), len(ranked))
            place = min(free, key=lambda index: abs(index - wanted), default=wanted)
            voices[place].append(note)
            free = [index for index in free if index != place]
    return voices, left_out


def _chosen(new: Sequence[Note], held: Sequence[Note], room: int) -> list[Note]:
    """Of notes that begin together, from high to low, as many as there is room for: the outermost of all that sound.

    Such a one is chosen even where there is no room; then come the higher ones.
    """
    pitches = [note.pitch for note in (*held, *new)]
    outermost = {0, len(new) - 1}
    outer = {index for index in outermost if new[index].pitch in (max(pitches), min(pitches))}
    inner = [index for index in range(len(new)) if index not in outer][: max(room - len(outer), 0)]
    return [note for index, note in enumerate(new) if index in outer or index in inner]


def _grid_start(note: Note) -> int:
    return _on_step(note)[0]


def _on_step(note: Note) -> tuple[int, int, int]:
    return _on_grid(note, chorale_tokens.STEP)


def _voice(rank: int, count: int) -> int:
    """The highest is soprano; the lowest of several bass; those between fill alto, then tenor."""
    return 3 if rank and rank == count - 1 else min(rank, 2)


def _one_voice(
    notes: Sequence[Note], unit: int, lowest: int, highest: int, *, lowest_kept: bool = False
) -> tuple[tuple[Note, ...], list[str]]:
    """Notes on a grid of `unit` ticks, one at a time and within the range; and what was changed."""
    spans = [_on_grid(note, unit) for note in notes]
    exact = [(ticks(note.start), ticks(note.end)) for note in notes]
    moved = sum(span[:2] != true for span, true in zip(spans, exact, strict=True))
    kept_one = min if lowest_kept else max
    tops = [kept_one(group, key=lambda span: span[2]) for _, group in groupby(sorted(spans), key=lambda span: span[0])]
    nexts = [begin for begin, _, _ in tops[1:]] + [end for _, end, _ in tops[-1:]]
    ends = [min(end, after) for (_, end, _), after in zip(tops, nexts, strict=True)]
    pitches = [_within(pitch, lowest, highest) for _, _, pitch in tops]
    counts = {
        "moved to the grid": moved,
        f"left out where others began at the same time, the {'lowest' if lowest_kept else 'highest'} kept": len(spans)
        - len(tops),
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
