"""What a representation of music gives: a piece as rows of tokens, and back.

Each is a module: `chorale_tokens`, `melody_tokens`, `quartet_tokens`. Token ids are 1 and up in every column; 0 is
nothing: what stands before the first row, or for a voice that is not given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.symbolic.score import Score

MOST_BARS_LEFT = 32
BATCH = 32
"""Pieces that are read side by side."""

Row = tuple[int, ...]
Rows = Int[np.ndarray, "T P"]


@dataclass(frozen=True)
class PitchColumn:
    """A column of a row whose tokens from `first_pitch` on are pitches, from one to the next a semitone.

    Input columns are counted from those of the row before on; context columns come after them.

    Args:
        place: which column of a row.
        first_pitch: the token of the lowest pitch; smaller ones are none.
        before: the input column with the token of the pitch that sounds before the row.
        copied: input columns with the pitches that followed an earlier match.
        hold: the token by which the pitch before is held; 0 where there is none.
        fixed: the input column with its token in the row to come, 0 where it is not fixed; None if it never is.
    """

    place: int
    first_pitch: int
    before: int
    copied: tuple[int, ...] = ()
    hold: int = 0
    fixed: int | None = None


@runtime_checkable
class DecodingState(Protocol):
    """The state of several pieces while they are generated side by side, row after row."""

    @property
    def context(self) -> Int[np.ndarray, "B Q"]:
        """Context features of the next row."""

    @property
    def quarters(self) -> Float[np.ndarray, " B"]:
        """Quarter notes from the beginning of the piece."""

    @property
    def bar_numbers(self) -> Int[np.ndarray, " B"]:
        """The number of the next row's bar in each piece; zeros where bars are not known."""

    @property
    def closes(self) -> Bool[np.ndarray, " B"]:
        """Whether notes of the tonic's chord have filled the bar, or any have where no key is known."""

    def resolves(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, " B"]:
        """Whether the next row is under a fermata, or begins a note that fills its bar; `chosen` are its columns."""

    def next(self, rows: Int[np.ndarray, "B P"]) -> Self:
        """After these rows."""

    def mask(self, chosen: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column are valid, 0 never; `chosen` are the rows' columns before it."""


@runtime_checkable
class Representation(Protocol):
    """Rows of tokens, whose columns are sampled one after the other; the first column has a token for the end."""

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        """Names of a row's tokens."""

    @property
    def VOCABULARY(self) -> tuple[int, ...]:
        """The largest token of each column; the smallest is 1."""

    @property
    def CONTEXT(self) -> tuple[str, ...]:
        """Names of the context features."""

    @property
    def CONTEXT_SIZES(self) -> tuple[int, ...]:
        """Ids, from 0, of each context feature."""

    @property
    def PITCHED(self) -> tuple[PitchColumn, ...]:
        """Which columns are pitches, and which input columns have the pitches before them."""

    @property
    def LOWEST(self) -> int:
        """The pitch of a pitched column's first one."""

    @property
    def END(self) -> int:
        """In the first column: the piece ends here."""

    @property
    def DecodingState(self) -> Any:
        """Its `DecodingState`; `DecodingState.first(abouts)` stands before the first row of a piece each."""

    def encode(self, score: Score) -> Rows:
        """The rows of a piece, the end's among them.

        Raises:
            DataError: it holds what the representation cannot.
        """

    def decode(self, tokens: Rows, about: Score) -> Score:
        """`about` with the notes of these rows."""

    def transposed_context(self, context: Rows, semitones: int) -> Rows:
        """The context features of the transposed piece from those of the original."""

    def transposed(self, tokens: Rows, semitones: int) -> Rows | None:
        """The same higher or lower; None where it would be out of range."""

    def num_notes(self, tokens: Rows) -> int:
        """What a likelihood is divided by."""

    def counted(self, tokens: Rows) -> Bool[np.ndarray, "T P"]:
        """Which tokens' nats enter a likelihood a note."""


def bars_left(
    numbers: Int[np.ndarray, "*B"], bars: Int[np.ndarray, "*B"], pickup: Bool[np.ndarray, "*B"]
) -> Int[np.ndarray, "*B"]:
    """How many bars are left, its own among them, of pieces of so many bars at the bars of these numbers, from 1 on.

    A pickup and the short last bar together count as one of the bars. 0 where there are more than 32, or none is known.
    """
    left: np.ndarray = np.clip(bars - numbers + pickup, 1, MOST_BARS_LEFT)
    return left * ((bars > 0) & (bars <= MOST_BARS_LEFT))


def full_mask(chosen: Int[np.ndarray, "B _"], vocabulary: Sequence[int]) -> Bool[np.ndarray, "B V"]:
    """All tokens of the column after those chosen; 0 is none."""
    may = np.ones((len(chosen), 1 + vocabulary[chosen.shape[1]]), dtype=bool)
    may[:, 0] = False
    return may


def padded(pieces: Sequence[Int[np.ndarray, "_ P"]]) -> Int[np.ndarray, "B longest P"]:
    """Rows of pieces, padded with zeros and followed by a row of them."""
    found = np.zeros((len(pieces), 1 + max(map(len, pieces)), pieces[0].shape[1]), dtype=np.int64)
    for piece, rows in zip(found, pieces, strict=True):
        piece[: len(rows)] = rows
    return found


def context_of(representation: Representation, tokens: Int[np.ndarray, "_ P"], about: Score) -> Int[np.ndarray, "_ Q"]:
    """The context features of each row of a piece; of `about` the time signatures, the pickup and the key matter."""
    return contexts_of(representation, [tokens], [about])[0]


def contexts_of(
    representation: Representation, pieces: Sequence[Int[np.ndarray, "_ P"]], abouts: Sequence[Score]
) -> list[Int[np.ndarray, "_ Q"]]:
    """The context features of each of these pieces, many at once: far quicker than one by one."""
    found, width = dict[int, np.ndarray](), len(representation.CONTEXT_SIZES)
    by_length = sorted(range(len(pieces)), key=lambda piece: len(pieces[piece]))
    for start in range(0, len(pieces), BATCH):
        chosen = by_length[start : start + BATCH]
        state = representation.DecodingState.first([abouts[piece] for piece in chosen])
        rows = padded([pieces[piece] for piece in chosen])
        context = np.zeros((*rows.shape[:2], width), dtype=np.int64)
        for time in range(rows.shape[1]):
            context[:, time] = state.context
            state = state.next(rows[:, time])
        found |= {piece: one[: len(pieces[piece])] for piece, one in zip(chosen, context, strict=True)}
    return [found[piece] for piece in range(len(pieces))]
