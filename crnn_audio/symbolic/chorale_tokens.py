"""Four voices on a grid of sixteenths: each row has a mark and, for every voice, an onset, a hold or a rest.

The mark is that of an ordinary row, of one where a note with a fermata begins, or of the end, which is a row of its own
in which all voices rest. So a held note and one that is repeated differ. Context features of a row are its place in
the bar, what sounds, and what followed the longest earlier match of each voice, since phrases come back, if once. In
all columns token 0 is nothing: what stands before the first row, or for a voice that is not fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import Bars, bars_on_grid
from crnn_audio.symbolic.copy_context import CopyContext
from crnn_audio.symbolic.representation import PitchColumn, full_mask
from crnn_audio.symbolic.score import Key, Note, Part, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

STEPS_PER_QUARTER = 4
STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
"""Ticks of a row."""
VOICES = ("soprano", "alto", "tenor", "bass")
ORDINARY, FERMATA, END = 1, 2, 3
"""Marks."""
REST, HOLD, FIRST_PITCH = 1, 2, 3
"""Of a voice; FIRST_PITCH is the token of pitch LOWEST."""
LOWEST, HIGHEST = 30, 90
"""MIDI pitches, half an octave more on either side than two octaves below and above middle C, where voices sing."""
LONGEST_BAR = 8 * STEPS_PER_QUARTER

COLUMNS = ("mark", *VOICES)
VOCABULARY = (END, *[FIRST_PITCH + HIGHEST - LOWEST] * len(VOICES))
"""The largest token of each column; the smallest is 1."""
LONGEST_HELD = 16
LONGEST_MATCH = 48
"""Rows up to which a match is counted."""
SHORTEST_REPEATED = 2 * STEPS_PER_QUARTER
"""Rows from which on a voice that has just sung the same twice gets no copy context: a model that saw it go on would
repeat it for ever. In chorales it is one row in a hundred."""
BARS = 32
"""Bars after which their numbers begin anew."""
PAIRS = tuple(combinations(range(len(VOICES)), 2))
UPPER, LOWER = zip(*PAIRS, strict=True)
CONTEXT = (
    "passed",
    "left",
    "bar",
    *VOICES,
    *(f"{voice} degree" for voice in VOICES),
    *(f"{voice} held" for voice in VOICES),
    *(f"{VOICES[upper]} to {VOICES[lower]}" for upper, lower in PAIRS),
    *(f"{voice} copied" for voice in VOICES),
    *(f"{voice} matched" for voice in VOICES),
)
CONTEXT_SIZES = (
    LONGEST_BAR,
    LONGEST_BAR + 1,
    BARS,
    *(size + 1 for size in VOCABULARY[1:]),
    *(13 for _ in VOICES),
    *(LONGEST_HELD + 1 for _ in VOICES),
    *(13 for _ in PAIRS),
    *(size + 1 for size in VOCABULARY[1:]),
    *(LONGEST_MATCH // STEPS_PER_QUARTER + 1 for _ in VOICES),
)
"""Ids of each, from 0 on: sixteenths of the bar that have passed, and that are left, the row's own among them, and the
bar's number; of each voice the token of the pitch that sounds before the row, 1 + its semitones above the tonic without
octaves, and for how many rows it has sounded or rested; of two voices 1 + the interval between them without octaves; of
each voice the token after the longest match, and the quarters of that match. Where a voice is silent stands 0, and in
the place of degrees where no key is known."""
COPIED = slice(CONTEXT.index(f"{VOICES[0]} copied"), CONTEXT.index(f"{VOICES[-1]} copied") + 1)
PITCHED = tuple(
    PitchColumn(
        place,
        FIRST_PITCH,
        before=len(COLUMNS) + CONTEXT.index(name),
        copied=(len(COLUMNS) + CONTEXT.index(f"{name} copied"),),
        hold=HOLD,
    )
    for place, name in enumerate(VOICES, 1)
)

Tokens = Int[np.ndarray, "T 5"]
Voice = Int[np.ndarray, " T"]


def encode(score: Score) -> Tokens:
    """The rows of a piece of four parts, the highest first, and the row of its end.

    Raises:
        DataError: it has fewer or more parts, or no notes; notes of a part overlap, are out of range or off the grid of
            sixteenths; a fermata begins where no step does; bars are of more than eight quarters, no whole sixteenths,
            or not full where the time signature changes. `fitting.to_chorale` changes most of this.
    """
    name = score.title or "the piece"
    if len(score.parts) != len(VOICES):
        raise DataError(f"{name}: {len(score.parts)} parts; a chorale has four, soprano, alto, tenor and bass.")
    if not score.end:
        raise DataError(f"{name}: holds no notes.")
    bars_on_grid(score, STEP)
    steps = -(-ticks(score.end) // STEP)
    tokens = np.full((steps + 1, len(COLUMNS)), REST, dtype=np.int64)
    tokens[:, 0] = [ORDINARY] * steps + [END]
    for start in score.fermatas:
        if ticks(start) % STEP or not 0 <= ticks(start) < steps * STEP:
            raise DataError(f"{name}: a fermata at quarter {start:g}, where no sixteenth of the piece begins.")
        tokens[ticks(start) // STEP, 0] = FERMATA
    for column, part in enumerate(score.parts, 1):
        tokens[:-1, column] = encode_voice(part.notes, steps, f"{name}, {VOICES[column - 1]}")
    return tokens


def encode_voice(notes: Sequence[Note], steps: int, where: str) -> Voice:
    """One voice's column of so many steps; `where` names it in errors.

    Raises:
        DataError: notes overlap, are out of range, off the grid or beyond the steps.
    """
    tokens, last = np.full(steps, REST, dtype=np.int64), 0
    for note in notes:
        said = f"{where}, the note of pitch {note.pitch} at quarter {note.start:g}"
        begin, end = ticks(note.start), ticks(note.end)
        if not LOWEST <= note.pitch <= HIGHEST:
            raise DataError(f"{said}: it is outside {LOWEST} to {HIGHEST}. Transpose the piece.")
        if not last <= begin < end:
            raise DataError(f"{said}: it begins before the last one ended, or lasts no time. One note at a time.")
        if begin % STEP or end % STEP:
            raise DataError(f"{said}: it is off the grid of sixteenths.")
        if end > steps * STEP:
            raise DataError(f"{said}: it ends after {steps} sixteenths, where the piece does.")
        tokens[begin // STEP : end // STEP] = HOLD
        tokens[begin // STEP] = FIRST_PITCH + note.pitch - LOWEST
        last = end
    return tokens


def decode(tokens: Tokens, about: Score) -> Score:
    """The piece of rows: `about` with these notes and fermatas; four parts keep their names and programs.

    Rows are read up to the end; where there is nothing to hold, a voice rests.
    """
    ends = np.flatnonzero(tokens[:, 0] == END)
    rows = tokens[: ends[0]] if len(ends) else tokens
    parts = about.parts if len(about.parts) == len(VOICES) else [Part(name, ()) for name in VOICES]
    return replace(
        about,
        parts=tuple(replace(part, notes=decode_voice(rows[:, column])) for column, part in enumerate(parts, 1)),
        fermatas=tuple(step / STEPS_PER_QUARTER for step in np.flatnonzero(rows[:, 0] == FERMATA).tolist()),
    )


def decode_voice(tokens: Voice) -> tuple[Note, ...]:
    """The notes of one voice's column."""
    spans: list[tuple[int, int, int]] = []
    for step, token in enumerate(tokens.tolist()):
        if token >= FIRST_PITCH:
            spans.append((step, step + 1, LOWEST + token - FIRST_PITCH))
        elif token == HOLD and spans and spans[-1][1] == step:
            begin, _, pitch = spans.pop()
            spans.append((begin, step + 1, pitch))
    return tuple(
        Note(begin / STEPS_PER_QUARTER, (end - begin) / STEPS_PER_QUARTER, pitch) for begin, end, pitch in spans
    )


def transposed(tokens: Tokens, semitones: int) -> Tokens | None:
    """The same piece higher, or lower if negative; None where a note would be out of range."""
    return raised(tokens, semitones, FIRST_PITCH, VOCABULARY[1])


def raised(tokens: Tokens, semitones: int, lowest: int, highest: int) -> Tokens | None:
    """Rows whose voices stand after the first column, their pitches being the tokens from `lowest` to `highest`."""
    moved, pitched = tokens.copy(), tokens >= lowest
    pitched[:, 0] = False
    moved[pitched] += semitones
    fits = (moved[pitched] >= lowest) & (moved[pitched] <= highest)
    return moved if fits.all() else None


def transposed_context(context: Int[np.ndarray, "T Q"], semitones: int) -> Int[np.ndarray, "T Q"]:
    """The context features of the piece transposed; its key is, too."""
    moved, pitches = context.copy(), slice(3, 3 + len(VOICES))
    moved[:, pitches][context[:, pitches] > 0] += semitones
    moved[:, COPIED][context[:, COPIED] >= FIRST_PITCH] += semitones
    return moved


def num_notes(tokens: Tokens) -> int:
    """What a likelihood is divided by: voices times sixteenths: onsets, holds and rests."""
    return len(VOICES) * int((tokens[:, 0] != END).sum())


def counted(tokens: Tokens) -> Bool[np.ndarray, "T 5"]:
    """Whose nats enter a likelihood a note: all tokens'."""
    return np.ones(tokens.shape, dtype=bool)


@dataclass(frozen=True)
class DecodingState:
    """The state of pieces while they are generated: `first(abouts)` before the first row, `.next(rows)` after each.

    Args:
        bars, keys: of each piece; None where no key is known.
        tonics: the keys' pitch classes, below 0 where none is known.
        copy_context: of the rows so far; held notes stand as their pitches below zero, so that only the same ones
            match.
        bar: the row's bar: its number, its first row and the one after its last.
        pitches, held: of each voice the token of the pitch that sounds before the row, 0 where none does, and for how
            many rows that has been so.
        fermata, marked: whether the soprano's note has one, and whether any note had.
    """

    bars: tuple[Bars, ...]
    keys: tuple[Key | None, ...]
    tonics: Int[np.ndarray, "B 1"]
    copy_context: CopyContext
    bar: Int[np.ndarray, "B 3"]
    pitches: Int[np.ndarray, "B 4"]
    held: Int[np.ndarray, "B 4"]
    fermata: Bool[np.ndarray, " B"]
    marked: Bool[np.ndarray, " B"]

    @classmethod
    def first(cls, abouts: Sequence[Score]) -> "DecodingState":
        """Before the first row of pieces of the time signatures, the pickups and the keys of these.

        Raises:
            DataError: bars are too long or no whole sixteenths, or a pickup is.
        """
        bars = tuple(bars_on_grid(about, STEP) for about in abouts)
        keys = tuple(next(iter(about.keys), None) for about in abouts)
        tonics = np.array([[key.tonic_pitch_class if key else -1] for key in keys])
        copy_context = CopyContext.empty(len(bars), len(VOICES), STEPS_PER_QUARTER)
        silent = np.zeros((len(bars), len(VOICES)), dtype=np.int64)
        at = np.array([_bar_of_row(one, 0) for one in bars])
        return cls(bars, keys, tonics, copy_context, at, silent, silent, *np.zeros((2, len(bars)), dtype=bool))

    @property
    def quarters(self) -> Float[np.ndarray, " B"]:
        """Quarter notes from the beginning of the piece."""
        return np.full(len(self.bars), self.copy_context.length / STEPS_PER_QUARTER)

    @property
    def context(self) -> Int[np.ndarray, "B 29"]:
        """Context features of the next row."""
        (number, start, end), step, pitches = self.bar.T, self.copy_context.length, self.pitches
        place = np.stack([step - start, end - step, number % BARS], axis=1)
        degrees = (1 + (pitches + (LOWEST - FIRST_PITCH) - self.tonics) % 12) * ((pitches > 0) & (self.tonics >= 0))
        upper, lower = pitches[:, UPPER], pitches[:, LOWER]
        intervals = (1 + (upper - lower) % 12) * ((upper > 0) & (lower > 0))
        following, matched = self.copy_context.match
        fresh = ~self.copy_context.repeats(SHORTEST_REPEATED)
        following = np.where(following < 0, HOLD, following) * fresh
        matched = np.minimum(matched, LONGEST_MATCH) // STEPS_PER_QUARTER * fresh
        return np.concatenate([place, pitches, degrees, self.held, intervals, following, matched], axis=1)

    @property
    def bar_numbers(self) -> Int[np.ndarray, " B"]:
        """The number of the next row's bar in each piece."""
        return self.bar[:, 0]

    @property
    def closes(self) -> Bool[np.ndarray, " B"]:
        """Whether the tonic's chord has filled the bar, or any has where no key is known.

        Where there are fermatas it has one, as chorales end.
        """
        may = np.array([self._closes(piece) for piece in range(len(self.bars))])
        found: np.ndarray = may & (self.fermata | ~self.marked)
        return found

    def _closes(self, piece: int) -> bool:
        bars, key, now = self.bars[piece], self.keys[piece], self.copy_context.length * STEP
        chord = {(LOWEST + pitch - FIRST_PITCH) % 12 for pitch in self.pitches[piece].tolist() if pitch}
        if not chord or not bars.is_full(bars.at(now - 1), now):
            return False
        return key is None or key.has_chord(chord)

    def resolves(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, " B"]:
        """Whether the next row is under a fermata: one that begins there, or whose note goes on."""
        if chosen.shape[1] == 0:
            return np.zeros(len(chosen), dtype=bool)
        held = self.fermata & ((chosen[:, 1] == HOLD) if chosen.shape[1] > 1 else (chosen[:, 0] == ORDINARY))
        found: np.ndarray = held | (chosen[:, 0] == FERMATA)
        return found

    def next(self, rows: Int[np.ndarray, "B 5"]) -> "DecodingState":
        """After these rows."""
        tokens, before, step = rows[:, 1:], self.pitches, self.copy_context.length + 1
        hold = tokens == HOLD
        pitches = np.where(hold, before, tokens * (tokens >= FIRST_PITCH))
        same = hold | ((tokens == REST) & (before == 0))
        begins = rows[:, 0] == FERMATA
        return replace(
            self,
            copy_context=self.copy_context.after(np.where(hold, -before, tokens)),
            bar=self._bar_at(step),
            pitches=pitches,
            held=np.where(same, np.minimum(self.held + 1, LONGEST_HELD), 1),
            fermata=begins | (self.fermata & same[:, 0]),
            marked=self.marked | begins,
        )

    def _bar_at(self, step: int) -> Int[np.ndarray, "B 3"]:
        over = self.bar[:, 2] <= step
        if not over.any():
            return self.bar
        later = self.bar.copy()
        later[over] = [_bar_of_row(self.bars[piece], step) for piece in np.flatnonzero(over)]
        return later

    def mask(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column are valid, 0 never; `chosen` are the rows' columns before it."""
        column, may = chosen.shape[1], full_mask(chosen, VOCABULARY)
        if column == 0:
            may[:, END] = self.copy_context.length > 0
        else:
            may[:, HOLD] = self.pitches[:, column - 1] > 0
            may[chosen[:, 0] == END, HOLD:] = False
        return may


def _bar_of_row(bars: Bars, step: int) -> tuple[int, int, int]:
    bar = bars.at(step * STEP)
    return bar.index, (bar.end - bar.length) // STEP, bar.end // STEP
