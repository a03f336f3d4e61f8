"""Melodies as events: each row is a bar line, a rest, a pitch or a hold of the last note, and how long it lasts.

A bar line stands wherever a bar is full, and a note that sounds across it is held after it; so is a note of a length
that is not in the list, which becomes several. The end stands in place of the last bar line, or before it where the
piece began with a pickup. Context features of a row are how much of the bar has passed, how much is left, the bar's
number, the last note, its height above the tonic, and what followed the longest earlier match, since tunes repeat
themselves. In both columns token 0 is nothing, what stands before the first row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import Bars, bars_on_grid
from crnn_audio.symbolic.copy_context import CopyContext
from crnn_audio.symbolic.representation import PitchColumn
from crnn_audio.symbolic.score import Key, Note, Part, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

BAR_LINE, END, REST, HOLD = 1, 2, 3, 4
LOWEST, HIGHEST = 42, 102
"""MIDI pitches, half an octave more on either side than the C below middle C to three octaves above it."""
FIRST_PITCH = 5
"""The event that is pitch LOWEST."""
NO_TIME = 1
"""The duration of a bar line and of the end."""
DURATIONS = (20, 40, 60, 80, 120, 160, 180, 240, 320, 360, 480, 600, 720, 840, 960, 1200, 1440, 1680, 1920, 2880)
"""Ticks of the durations from 2 on: from a 24th of a quarter to a dotted whole note."""
UNIT = 20
"""Ticks of which every time is a multiple."""
LONGEST_BAR = 8 * TICKS_PER_QUARTER // UNIT
BARS = 32
"""Bars after which their numbers begin anew: tunes are made of strains of eight."""

COLUMNS = ("event", "duration")
VOCABULARY = (FIRST_PITCH + HIGHEST - LOWEST, NO_TIME + len(DURATIONS))
"""The largest token of each column; the smallest is 1."""
LONGEST_MATCH = 24
"""Rows up to which a match is counted."""
CONTEXT = ("passed", "left", "bar", "pitch", "degree", "copied event", "copied duration", "matched")
CONTEXT_SIZES = (
    LONGEST_BAR + 1,
    LONGEST_BAR + 1,
    BARS,
    VOCABULARY[0] + 1,
    13,
    *(1 + one for one in VOCABULARY),
    LONGEST_MATCH + 1,
)
"""Ids of each, from 0 on: of twenty-fourths of a quarter note that have passed or are left, of bar numbers, of the
last note's event, of 1 + its semitones above the tonic, without octaves (0 without a note, or a key), of the row
after the longest match, and of the rows of that match."""
_PITCH, _COPIED = CONTEXT.index("pitch"), CONTEXT.index("copied event")
PITCHED = (PitchColumn(0, FIRST_PITCH, before=len(COLUMNS) + _PITCH, copied=(len(COLUMNS) + _COPIED,)),)

Tokens = Int[np.ndarray, "T 2"]
Row = tuple[int, int]
_TICKS_OF = np.array([0] * (NO_TIME + 1) + list(DURATIONS))
"""Of each duration's token."""
_Numbers: TypeAlias = int | np.ndarray


def encode(score: Score) -> Tokens:
    """The rows of a melody, the last of them its end; its last bar is filled with a rest.

    Raises:
        DataError: it has several parts, none or no notes; notes that overlap, are out of range or off the grid of 24
            places in a quarter note; bars of more than eight quarters, or one that is not full.
    """
    name = score.title or "the piece"
    spans, bars = _melody(score, name), bars_on_grid(score, UNIT)
    rows: list[Row] = []
    now = 0
    for begin, end, event in spans:
        rows += _rows(bars, now, begin, REST)
        rows += _rows(bars, begin, end, event)
        now = end
    bar = bars.at(now - 1)
    if not bars.is_full(bar, now):
        rows += _rows(bars, now, next(end for end in (bar.end - bars.pickup, bar.end) if end > now), REST)
    if rows[-1][0] == BAR_LINE:
        rows.pop()
    return np.array([*rows, (END, NO_TIME)], dtype=np.int64)


def _melody(score: Score, name: str) -> list[tuple[int, int, int]]:
    """Begin, end (in ticks) and event of each note."""
    if len(score.parts) != 1 or not score.parts[0].notes:
        count = f"{len(score.parts)} parts" if len(score.parts) != 1 else "no notes"
        raise DataError(f"{name}: {count}; a melody is one part with notes. Choose the part that has the melody.")
    spans, last = [], 0
    for note in score.parts[0].notes:
        where = f"{name}, the note of pitch {note.pitch} at quarter {note.start:g}"
        begin, end = ticks(note.start), ticks(note.end)
        if not LOWEST <= note.pitch <= HIGHEST:
            raise DataError(f"{where}: it is outside {LOWEST} to {HIGHEST}. Transpose the piece.")
        if not last <= begin < end:
            raise DataError(f"{where}: it begins before the last one ended, or lasts no time. One note at a time.")
        if begin % UNIT or end % UNIT:
            raise DataError(f"{where}: it is off the grid of {TICKS_PER_QUARTER // UNIT} places in a quarter note.")
        spans.append((begin, end, FIRST_PITCH + note.pitch - LOWEST))
        last = end
    return spans


def _rows(bars: Bars, begin: int, end: int, event: int) -> list[Row]:
    """From one tick to another, with the bar lines that come to stand in or after it."""
    rows: list[Row] = []
    while begin < end:
        line = bars.at(begin).end
        for length in _lengths(min(end, line) - begin):
            rows.append((event, length))
            event = REST if event == REST else HOLD
        if end >= line:
            rows.append((BAR_LINE, NO_TIME))
        begin = line
    return rows


def _lengths(span: int) -> list[int]:
    """The durations that make up so many ticks: one if it is in the list, else the longest first."""
    lengths = []
    while span:
        longest = max(length for length in DURATIONS if length <= span)
        lengths.append(NO_TIME + 1 + DURATIONS.index(longest))
        span -= longest
    return lengths


def decode(tokens: Tokens, about: Score) -> Score:
    """The melody of rows: `about` with these notes in its one part, which keeps its name and program if it has one.

    Rows are read up to the end. What no melody has is taken as near as can be: a rest where there is nothing to hold,
    no note where it lasts no time.
    """
    spans: list[tuple[int, int, int]] = []
    now, sounding = 0, False
    for event, length in zip(tokens[:, 0].tolist(), _ticks(tokens).tolist(), strict=True):
        if event == END:
            break
        if event == HOLD and sounding:
            begin, _, pitch = spans.pop()
            spans.append((begin, now + length, pitch))
        elif event >= FIRST_PITCH and length:
            spans.append((now, now + length, LOWEST + event - FIRST_PITCH))
        sounding = _sounds(event, length, sounding)
        now += length
    notes = (Note(begin / TICKS_PER_QUARTER, (end - begin) / TICKS_PER_QUARTER, pitch) for begin, end, pitch in spans)
    part = about.parts[0] if len(about.parts) == 1 else Part("melody", ())
    return replace(about, parts=(replace(part, notes=tuple(notes)),))


def _sounds(event: _Numbers, length: _Numbers, sounding: _Numbers) -> Any:
    """Whether a note sounds after a row, which another may hold; of many rows at once, too."""
    return ((event >= FIRST_PITCH) | ((event == HOLD) & sounding)) & (length > 0) | sounding & (length == 0)


def _ticks(rows: Int[np.ndarray, "B 2"]) -> Int[np.ndarray, " B"]:
    """Of each row; none of what lasts no time."""
    lengths: np.ndarray = _TICKS_OF[rows[:, 1]] * (rows[:, 0] >= REST)
    return lengths


def transposed(tokens: Tokens, semitones: int) -> Tokens | None:
    """The same melody higher, or lower if negative; None where a note would be out of range."""
    moved, pitched = tokens.copy(), tokens[:, 0] >= FIRST_PITCH
    moved[pitched, 0] += semitones
    fits = (moved[pitched, 0] >= FIRST_PITCH) & (moved[pitched, 0] <= VOCABULARY[0])
    return moved if fits.all() else None


def transposed_context(context: Int[np.ndarray, "T Q"], semitones: int) -> Int[np.ndarray, "T Q"]:
    """The context features of the melody transposed; its key is, too."""
    moved = context.copy()
    for column in (_PITCH, _COPIED):
        moved[context[:, column] >= FIRST_PITCH, column] += semitones
    return moved


def num_notes(tokens: Tokens) -> int:
    """What a likelihood is divided by: notes and rests, those that a bar line divides once."""
    return int(((tokens[:, 0] >= REST) & (tokens[:, 0] != HOLD)).sum())


def counted(tokens: Tokens) -> Bool[np.ndarray, "T 2"]:
    """Whose nats enter a likelihood a note: all tokens'."""
    return np.ones(tokens.shape, dtype=bool)


@dataclass(frozen=True)
class DecodingState:
    """The state of pieces while they are generated: `first(abouts)` before the first row, `.next(rows)` after each.

    Args:
        bars, keys: of each piece; None where no key is known.
        tonics: the keys' pitch classes, below 0 where none is known.
        copy_context: of the rows so far.
        bar: the row's bar: its number, the tick it begins at and that of its bar line.
        now: the row's tick.
        sounding: whether a note can go on.
        pitch: the last note's event, 0 before the first.
    """

    bars: tuple[Bars, ...]
    keys: tuple[Key | None, ...]
    tonics: Int[np.ndarray, " B"]
    copy_context: CopyContext
    bar: Int[np.ndarray, "B 3"]
    now: Int[np.ndarray, " B"]
    sounding: Bool[np.ndarray, " B"]
    pitch: Int[np.ndarray, " B"]

    @classmethod
    def first(cls, abouts: Sequence[Score]) -> "DecodingState":
        """Before the first row of melodies of the time signatures, the pickups and the keys of these.

        Raises:
            DataError: bars are too long, or a pickup is.
        """
        bars = tuple(bars_on_grid(about, UNIT) for about in abouts)
        keys = tuple(next(iter(about.keys), None) for about in abouts)
        tonics = np.array([key.tonic_pitch_class if key else -1 for key in keys])
        copy_context = CopyContext.empty(len(bars), len(COLUMNS), together=True)
        zero = np.zeros(len(bars), dtype=np.int64)
        return cls(bars, keys, tonics, copy_context, np.array([_bar(one, 0) for one in bars]), zero, zero > 0, zero)

    @property
    def quarters(self) -> Float[np.ndarray, " B"]:
        """Quarter notes from the beginning of the piece."""
        quarters: np.ndarray = self.now / TICKS_PER_QUARTER
        return quarters

    @property
    def context(self) -> Int[np.ndarray, "B 8"]:
        """Context features of the next row."""
        number, start, end = self.bar.T
        degree = (1 + (self._pitch_class - self.tonics) % 12) * ((self.pitch > 0) & (self.tonics >= 0))
        now = [_units(self.now - start), _units(end - self.now), number % BARS, self.pitch, degree]
        following, matched = self.copy_context.match
        return np.concatenate([np.stack(now, axis=1), following, np.minimum(matched, LONGEST_MATCH)], axis=1)

    @property
    def bar_numbers(self) -> Int[np.ndarray, " B"]:
        """The number of the next row's bar in each piece."""
        return self.bar[:, 0]

    @property
    def closes(self) -> Bool[np.ndarray, " B"]:
        """Whether a note has filled the bar that is of the tonic's chord, or of any where no key is known."""
        pitches = zip(self.keys, self._pitch_class.tolist(), strict=True)
        return self.sounding & [key is None or key.has_chord({pitch}) for key, pitch in pitches]

    @property
    def _pitch_class(self) -> Int[np.ndarray, " B"]:
        pitch_class: np.ndarray = (LOWEST + self.pitch - FIRST_PITCH) % 12
        return pitch_class

    def resolves(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, " B"]:
        """Whether the next row begins in the last quarter note of its bar."""
        left = self.bar[:, 2] - self.now
        found: np.ndarray = (left > 0) & (left <= TICKS_PER_QUARTER)
        return found

    def next(self, rows: Int[np.ndarray, "B 2"]) -> "DecodingState":
        """After these rows."""
        event, lengths, bar = rows[:, 0], _ticks(rows), self.bar.copy()
        for piece in np.flatnonzero(event == BAR_LINE).tolist():
            bar[piece] = _bar(self.bars[piece], int(bar[piece, 0]) + 1)
        return replace(
            self,
            copy_context=self.copy_context.after(rows),
            bar=bar,
            now=self.now + lengths,
            sounding=_sounds(event, lengths, self.sounding),
            pitch=np.where(event >= FIRST_PITCH, event, self.pitch),
        )

    def mask(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column keep every bar full, 0 never; `chosen` are the rows' columns before it."""
        may = np.zeros((len(chosen), 1 + VOCABULARY[chosen.shape[1]]), dtype=bool)
        left = self.bar[:, 2] - self.now
        if chosen.shape[1] == 0:
            may[:, REST:] = left[:, np.newaxis] > 0
            may[:, HOLD] &= self.sounding
            may[:, BAR_LINE], may[:, END] = left <= 0, self._may_end
        else:
            timeless = chosen[:, :1] <= END
            may[:, NO_TIME] = timeless[:, 0]
            may[:, NO_TIME + 1 :] = ~timeless & (left[:, np.newaxis] >= DURATIONS)
        return may

    @property
    def _may_end(self) -> Bool[np.ndarray, " B"]:
        ends = zip(self.bars, self.bar[:, 0].tolist(), self.now.tolist(), strict=True)
        return np.array([now > 0 and bars.is_full(bars.bar(number), now) for bars, number, now in ends])


def _bar(bars: Bars, number: int) -> tuple[int, int, int]:
    bar = bars.bar(number)
    return bar.index, bar.end - bar.length, bar.end


def _units(spans: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
    units: np.ndarray = np.clip(spans // UNIT, 0, LONGEST_BAR)
    return units
