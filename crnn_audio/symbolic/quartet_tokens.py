"""Four voices on a grid of sixteenths, pitches alone: each row says whether the piece goes on, and of every voice its
pitch or silence.

A held note and one that is repeated look alike, so equal pitches in a row are one note. The end is a row of its
own in which all voices are silent. Context features of a row are its place in sixteen and in twelve sixteenths from the
beginning, since no bars are known, and what of the rows before it is hard to count: how long each pitch has been held,
how high the voices stand above the bass, and what followed the longest earlier match. In all columns token 0 is
nothing.

A likelihood a note is that of the cells (sixteenth, voice), silence being one of the classes, whatever follows from the
rows before and from the voices above in the row: given that the piece goes on, since what the first column costs does
not enter, and neither does the row of the end. So it is set beside the figures of Music Transformer (Huang et al.
2019), which reads tokens in the order soprano, alto, tenor, bass without an end. Coconet (Huang et al. 2017) has its
voices in each sixteenth in a random order, averages the probabilities of several such orders, and counts a silent
cell without a cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens
from crnn_audio.symbolic.chorale_tokens import STEP, STEPS_PER_QUARTER, VOICES
from crnn_audio.symbolic.copy_context import CopyContext
from crnn_audio.symbolic.representation import PitchColumn, full_mask
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import ticks

CONTINUE, END = 1, 2
"""Of the piece."""
SILENCE, FIRST_PITCH = 1, 2
"""Of a voice; FIRST_PITCH is the token of pitch LOWEST."""
LOWEST, HIGHEST = chorale_tokens.LOWEST, chorale_tokens.HIGHEST
LONGEST_HELD = 32
"""Rows up to which a pitch's are counted."""
LONGEST_MATCH = 48
"""Rows up to which a match is counted."""

COLUMNS = ("piece", *VOICES)
VOCABULARY = (END, *[FIRST_PITCH + HIGHEST - LOWEST] * len(VOICES))
"""The largest token of each column; the smallest is 1."""
CONTEXT = (
    "of sixteen",
    "of twelve",
    *(f"{voice} held" for voice in VOICES),
    *(f"{voice} above the bass" for voice in VOICES[:-1]),
    *(f"{voice} copied" for voice in VOICES),
    *(f"{voice} matched" for voice in VOICES),
)
CONTEXT_SIZES = (
    16,
    12,
    *[LONGEST_HELD + 1] * len(VOICES),
    *[1 + 12] * (len(VOICES) - 1),
    *[VOCABULARY[1] + 1] * len(VOICES),
    *[LONGEST_MATCH // STEPS_PER_QUARTER + 1] * len(VOICES),
)
"""Ids of each, from 0 on: of the sixteenth, of rows that a pitch is held, of semitones above the bass without octaves
(after 0, where either is silent), of tokens after the longest match, and of the quarters of that match."""
COPIED = slice(CONTEXT.index(f"{VOICES[0]} copied"), CONTEXT.index(f"{VOICES[-1]} copied") + 1)
PITCHED = tuple(
    PitchColumn(place, FIRST_PITCH, before=place, copied=(len(COLUMNS) + CONTEXT.index(f"{name} copied"),))
    for place, name in enumerate(VOICES, 1)
)

Tokens = Int[np.ndarray, "T 5"]


def encode(score: Score) -> Tokens:
    """The rows of a piece of four parts, the highest first, and the row of its end.

    Raises:
        DataError: it has fewer or more parts, or no notes; notes of a part overlap, are out of range or off the grid of
            sixteenths.
    """
    name = score.title or "the piece"
    if len(score.parts) != len(VOICES):
        raise DataError(f"{name}: {len(score.parts)} parts; a quartet has four, soprano, alto, tenor and bass.")
    if not score.end:
        raise DataError(f"{name}: holds no notes.")
    steps = -(-ticks(score.end) // STEP)
    voices = [
        _sounding(chorale_tokens.encode_voice(part.notes, steps, f"{name}, {voice}"))
        for part, voice in zip(score.parts, VOICES, strict=True)
    ]
    return _rows(np.stack(voices, axis=1))


def _sounding(onsets: Int[np.ndarray, " T"]) -> Int[np.ndarray, " T"]:
    """What sounds in each row of a voice of `chorales`."""
    last = np.maximum.accumulate(np.where(onsets != chorale_tokens.HOLD, np.arange(len(onsets)), 0))
    sounding = onsets[last]
    return np.where(sounding == chorale_tokens.REST, SILENCE, sounding - chorale_tokens.FIRST_PITCH + FIRST_PITCH)


def _rows(voices: Int[np.ndarray, "S 4"]) -> Tokens:
    rows = np.full((len(voices) + 1, len(COLUMNS)), SILENCE, dtype=np.int64)
    rows[:-1, 1:] = voices
    rows[:, 0] = [CONTINUE] * len(voices) + [END]
    return rows


def of_pitches(pitches: Int[np.ndarray, "S 4"]) -> Tokens:
    """The rows of MIDI pitches within the range, -1 being silence."""
    return _rows(np.where(pitches < 0, SILENCE, FIRST_PITCH + pitches - LOWEST))


def decode(tokens: Tokens, about: Score) -> Score:
    """The piece of rows up to the end: `about` with these notes; four parts keep their names and programs."""
    onsets = np.empty_like(tokens)
    onsets[:, 0] = np.where(tokens[:, 0] == END, chorale_tokens.END, chorale_tokens.ORDINARY)
    for column in range(1, len(COLUMNS)):
        onsets[:, column] = _onsets(tokens[:, column])
    return chorale_tokens.decode(onsets, about)


def _onsets(sounding: Int[np.ndarray, " T"]) -> Int[np.ndarray, " T"]:
    """A voice of `chorale_tokens`, with onsets where pitches change."""
    onsets = np.where(sounding >= FIRST_PITCH, sounding - FIRST_PITCH + chorale_tokens.FIRST_PITCH, chorale_tokens.REST)
    onsets[1:][(sounding[1:] == sounding[:-1]) & (sounding[1:] >= FIRST_PITCH)] = chorale_tokens.HOLD
    return onsets


def transposed(tokens: Tokens, semitones: int) -> Tokens | None:
    """The same piece higher, or lower if negative; None where a note would be out of range."""
    return chorale_tokens.raised(tokens, semitones, FIRST_PITCH, VOCABULARY[1])


def transposed_context(context: Int[np.ndarray, "T Q"], semitones: int) -> Int[np.ndarray, "T Q"]:
    """The context features of the piece transposed."""
    moved = context.copy()
    moved[:, COPIED][context[:, COPIED] >= FIRST_PITCH] += semitones
    return moved


def num_notes(tokens: Tokens) -> int:
    """What a likelihood is divided by: voices times sixteenths: onsets, holds and rests."""
    return int(counted(tokens).sum())


def counted(tokens: Tokens) -> Bool[np.ndarray, "T 5"]:
    """Whose nats enter a likelihood a note: every voice's in every row but that of the end."""
    cells = np.ones(tokens.shape, dtype=bool)
    cells[:, 0] = False
    cells[tokens[:, 0] == END] = False
    return cells


@dataclass(frozen=True)
class DecodingState:
    """The state of pieces while they are generated: `first(abouts)` before the first row, `.next(rows)` after each."""

    copy_context: CopyContext
    held: Int[np.ndarray, "B 4"]

    @classmethod
    def first(cls, abouts: Sequence[Score]) -> "DecodingState":
        """Before the first row of as many pieces, whatever they are about."""
        copy_context = CopyContext.empty(len(abouts), len(VOICES), STEPS_PER_QUARTER)
        return cls(copy_context, np.zeros((len(abouts), len(VOICES)), dtype=np.int64))

    @property
    def quarters(self) -> Float[np.ndarray, " B"]:
        """Quarter notes from the beginning of the piece."""
        return np.full(len(self.held), self.copy_context.length / STEPS_PER_QUARTER)

    @property
    def context(self) -> Int[np.ndarray, "B 17"]:
        """Context features of the next row."""
        step, (following, matched) = self.copy_context.length, self.copy_context.match
        place = np.broadcast_to([step % 16, step % 12], (len(self.held), 2))
        quarters = np.minimum(matched, LONGEST_MATCH) // STEPS_PER_QUARTER
        return np.concatenate([place, self.held, _above_the_bass(self.copy_context.last), following, quarters], axis=1)

    @property
    def bar_numbers(self) -> Int[np.ndarray, " B"]:
        """Zeros: it knows no bars."""
        return np.zeros(len(self.held), dtype=np.int64)

    @property
    def closes(self) -> Bool[np.ndarray, " B"]:
        """Always: it knows no key."""
        return np.ones(len(self.held), dtype=bool)

    def resolves(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, " B"]:
        """Never: it knows no bars."""
        return np.zeros(len(chosen), dtype=bool)

    def next(self, rows: Int[np.ndarray, "B 5"]) -> "DecodingState":
        """After these rows."""
        voices = rows[:, 1:]
        held = np.where(voices == self.copy_context.last, np.minimum(self.held + 1, LONGEST_HELD), 1)
        return DecodingState(self.copy_context.after(voices), held)

    def mask(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column are valid, 0 never; `chosen` are the rows' columns before it."""
        column, may = chosen.shape[1], full_mask(chosen, VOCABULARY)
        if column == 0:
            may[:, END] = self.copy_context.length > 0
        else:
            may[chosen[:, 0] == END, FIRST_PITCH:] = False
        return may


def _above_the_bass(voices: Int[np.ndarray, "B 4"]) -> Int[np.ndarray, "B 3"]:
    higher, bass = voices[:, :-1], voices[:, -1:]
    above: np.ndarray = (1 + (higher - bass) % 12) * ((higher >= FIRST_PITCH) & (bass >= FIRST_PITCH))
    return above
