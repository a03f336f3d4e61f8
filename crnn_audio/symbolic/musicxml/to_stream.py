"""A `Score` as a stream of music21: bars, ties, keys, and what stands above the notes."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import Bar, bar_length, notated_bars
from crnn_audio.symbolic.keys import spelled
from crnn_audio.symbolic.musicxml.document import MOST_MEASURES
from crnn_audio.symbolic.musicxml.library import music21
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score
from crnn_audio.symbolic.slicing import Slice, shapes, slices
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, quarters, ticks
from crnn_audio.symbolic.validation import validate

INEXPRESSIBLE = (1, 2, 4, 7)
"""Ticks for which music21 finds no note, in tuplets either."""
COARSE = 5
"""Ticks to which times are rounded where a length would be one of these: 1/96 of a quarter note."""
_FLAT = re.compile(r"(^|/)([A-Ga-g])b")


def stream_of(score: Score) -> Any:
    """The piece as a `music21.stream.Score`; notes of a part that overlap are chords that are tied on.

    Raises:
        DataError: a note, a time signature or a tempo that cannot be.
    """
    validate(score)
    score = _expressible(score)
    end = max([ticks(score.end), 1, *(ticks(chord.start) + TICKS_PER_QUARTER for chord in score.chords)])
    grid = notated_bars(score, end)
    if len(grid) > MOST_MEASURES:
        raise DataError(f"{len(grid)} bars; in MusicXML there may be {MOST_MEASURES}, which take music21 minutes.")
    whole = music21().stream.Score()
    whole.metadata = music21().metadata.Metadata(title=score.title, composer="")
    for number, part in enumerate(score.parts, start=1):
        whole.insert(0, _part(score, part, number, grid, end))
    return whole


def _cuts(score: Score, grid: list[Bar], *, first: bool) -> set[int]:
    above = [chord.start for chord in score.chords] if first else []
    return {bar.start for bar in grid} | {ticks(start) for start in [*above, *(key.start for key in score.keys)]}


def _expressible(score: Score) -> Score:
    """The score itself, or where a slice of it is too short for any note one with rounded times."""
    end = ticks(score.end)
    grid = notated_bars(score, end)
    for number, part in enumerate(score.parts):
        for one in slices(part, _cuts(score, grid, first=number == 0), end):
            if one.end - one.start in INEXPRESSIBLE:
                return _coarse(score)
    return score


def _coarse(score: Score) -> Score:
    return replace(
        score,
        parts=tuple(replace(part, notes=tuple(_coarse_note(note) for note in part.notes)) for part in score.parts),
        chords=tuple(replace(chord, start=_coarse_time(chord.start)) for chord in score.chords),
        keys=tuple(replace(key, start=_coarse_time(key.start)) for key in score.keys),
        time_signatures=tuple(replace(one, start=_coarse_time(one.start)) for one in score.time_signatures),
        fermatas=tuple(_coarse_time(start) for start in score.fermatas),
        pickup=_coarse_time(score.pickup),
    )


def _coarse_time(start: float) -> float:
    return quarters(round(ticks(start) / COARSE) * COARSE)


def _coarse_note(note: Note) -> Note:
    start, end = _coarse_time(note.start), _coarse_time(note.end)
    return Note(start, max(end - start, quarters(COARSE)), note.pitch)


@dataclass
class _Above:
    """What stands above or before the notes, by tick; `sharps` are those of the key in force."""

    keys: dict[int, Key]
    chords: dict[int, list[Chord]]
    fermatas: set[int]
    sharps: int = 0


def _part(score: Score, part: Part, number: int, grid: list[Bar], end: int) -> Any:
    found = music21().stream.Part(id=f"P{number}")
    found.partName = part.name
    found.insert(0, _instrument(part, number))
    above = _Above({ticks(key.start): key for key in score.keys}, {}, {ticks(start) for start in score.fermatas})
    for chord in score.chords if number == 1 else ():
        above.chords.setdefault(ticks(chord.start), []).append(chord)
    pieces = iter(slices(part, _cuts(score, grid, first=number == 1), end))
    before: Bar | None = None
    for bar in grid:
        measure = _measure(bar, bar.index + (0 if score.pickup else 1), before)
        _repeat(measure, bar, score)
        before = bar
        if number == 1 and bar.start == 0:
            measure.insert(0, music21().tempo.MetronomeMark(number=score.tempo))
        place = bar.start
        while place < bar.end:
            piece = next(pieces)
            _insert(measure, piece, bar.start, above)
            place = piece.end
        found.append(measure)
    return found


def _instrument(part: Part, number: int) -> Any:
    """Always given, or music21 would choose one by the part's name when it reads the file."""
    found = music21().instrument.Instrument(part.name)
    found.partId, found.instrumentId = f"P{number}", f"P{number}-I1"
    found.partName, found.midiProgram = part.name, part.program
    return found


def _repeat(measure: Any, bar: Bar, score: Score) -> None:
    """The signs of repeats that begin or end with the bar."""
    for one in score.repeats:
        if ticks(one.start) == bar.start:
            measure.leftBarline = music21().bar.Repeat(direction="start")
        if ticks(one.end) == bar.end:
            measure.rightBarline = music21().bar.Repeat(direction="end")


def _measure(bar: Bar, number: int, before: Bar | None) -> Any:
    """An empty bar after another, or what a repeat leaves of one; what a short one lacks music21 would fill."""
    missing = float(bar_length(bar.time_signature) - (bar.end - bar.start)) / TICKS_PER_QUARTER
    found = music21().stream.Measure(number=number)
    goes_on = before is not None and before.index == bar.index
    if number == 0 or goes_on:
        found.showNumber = music21().stream.enums.ShowNumber.NEVER
        found.paddingLeft = missing
        found.numberSuffix = "X1" if goes_on else None
    else:
        found.paddingRight = missing
    if bar.time_signature is not None and (before is None or bar.time_signature != before.time_signature):
        found.insert(0, music21().meter.TimeSignature(str(bar.time_signature)))
    return found


def _insert(measure: Any, piece: Slice, begin: int, above: _Above) -> None:
    """A slice as notes and chords that have a shape, tied; with the key and the chord symbols that begin there."""
    place = Fraction(piece.start - begin, TICKS_PER_QUARTER)
    if piece.start in above.keys:
        found = above.keys[piece.start]
        above.sharps = found.sharps
        measure.insert(place, music21().key.Key(found.tonic.replace("b", "-"), found.mode))
    for chord in above.chords.get(piece.start, ()):
        try:
            measure.insert(place, music21().harmony.ChordSymbol(_FLAT.sub(r"\1\2-", chord.name)))
        except Exception:  # music21 raises ValueError and its own for names that it does not know
            continue
    lengths = shapes(piece.end - piece.start)
    for number, ticked in enumerate(lengths):
        last = number + 1 == len(lengths)
        sounding = _sounding(piece, above.sharps, first=number == 0, last=last)
        sounding.duration.quarterLength = Fraction(ticked, TICKS_PER_QUARTER)
        if number == 0 and piece.onsets and piece.start in above.fermatas:
            fermata = music21().expressions.Fermata()
            fermata.type = "upright"
            sounding.expressions.append(fermata)
        measure.insert(place, sounding)
        place += Fraction(ticked, TICKS_PER_QUARTER)


def _sounding(piece: Slice, sharps: int, *, first: bool, last: bool) -> Any:
    notes = []
    for pitch in piece.pitches:
        letter, alteration, octave = spelled(pitch, sharps)
        one = music21().note.Note(letter, octave=octave)  # by themselves: in a name, an octave of -1 would be a flat
        one.pitch.accidental = alteration or None
        one.tie = _tie(comes=not first or pitch not in piece.onsets, goes=not last or pitch in piece.tied)
        notes.append(one)
    if not notes:
        return music21().note.Rest()
    return notes[0] if len(notes) == 1 else music21().chord.Chord(notes)


def _tie(*, comes: bool, goes: bool) -> Any:
    if not (comes or goes):
        return None
    return music21().tie.Tie("continue" if comes and goes else "start" if goes else "stop")
