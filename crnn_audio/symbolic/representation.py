"""What a representation of music gives: a piece as rows of tokens, and back.

Each is a module: `chorales`, `events`, `quartet`. Token ids are 1 and up in every column; 0 is nothing: what stands
before the first row, or for a voice that is not given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.symbolic.score import Score

TOGETHER = 32
"""Pieces that are read side by side."""

Row = tuple[int, ...]
Rows = Int[np.ndarray, "T P"]


@dataclass(frozen=True)
class PitchColumn:
    """A column of a row whose tokens from `first_pitch` on are pitches, from one to the next a semitone.

    Columns of what is known before a row are counted from those of the row before it on, `told` after them.

    Args:
        place: which column of a row.
        first_pitch: the token of the lowest pitch; smaller ones are none.
        before: the column there with the token of the pitch that sounds before the row.
        recalled: columns there with tokens of pitches that it may come back to.
        goes_on: the token by which the pitch before sounds on; 0 where there is none.
        given: the column with its token in the row that is drawn, 0 where it is not given; None if it never is.
    """

    place: int
    first_pitch: int
    before: int
    recalled: tuple[int, ...] = ()
    goes_on: int = 0
    given: int | None = None


@runtime_checkable
class Places(Protocol):
    """Where the next row of each of several pieces stands, for writing them side by side, row after row."""

    @property
    def told(self) -> Int[np.ndarray, "B Q"]:
        """What is known before the row is drawn."""

    @property
    def quarters(self) -> Float[np.ndarray, " B"]:
        """Quarter notes from the beginning of the piece."""

    @property
    def closes(self) -> Bool[np.ndarray, " B"]:
        """Whether notes of the tonic's chord have filled the bar, or any have where no key is known."""

    def next(self, rows: Int[np.ndarray, "B P"]) -> Self:
        """After these rows."""

    def allowed(self, drawn: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column make sense, 0 never; `drawn` are the rows' columns before it."""


@runtime_checkable
class Representation(Protocol):
    """Rows of tokens, whose columns are drawn one after the other; the first column tells the end."""

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        """Names of what is drawn."""

    @property
    def VOCABULARY(self) -> tuple[int, ...]:
        """The largest token of each column; the smallest is 1."""

    @property
    def TOLD_SIZES(self) -> tuple[int, ...]:
        """Ids, from 0, of each column that is known before a row is drawn."""

    @property
    def PITCHED(self) -> tuple[PitchColumn, ...]:
        """Which columns are pitches, and where in what is known before a row the pitches before them stand."""

    @property
    def END(self) -> int:
        """In the first column: the piece ends here."""

    @property
    def Places(self) -> Any:
        """Its `Places`; `Places.first(abouts)` stands before the first row of a piece each."""

    def encode(self, score: Score) -> Rows:
        """The rows of a piece, the end's among them.

        Raises:
            DataError: it holds what the representation cannot.
        """

    def decode(self, tokens: Rows, about: Score) -> Score:
        """`about` with the notes of these rows."""

    def told(self, tokens: Rows, about: Score) -> Rows:
        """What is known before each row."""

    def retold(self, told: Rows, semitones: int) -> Rows:
        """What is known before each row of the piece transposed, of what is known of it as it stands."""

    def transposed(self, tokens: Rows, semitones: int) -> Rows | None:
        """The same higher or lower; None where it would be out of range."""

    def num_notes(self, tokens: Rows) -> int:
        """What a likelihood is divided by."""

    def counted(self, tokens: Rows) -> Bool[np.ndarray, "T P"]:
        """Which tokens' nats enter a likelihood a note."""


def every_token(drawn: Int[np.ndarray, "B _"], vocabulary: Sequence[int]) -> Bool[np.ndarray, "B V"]:
    """All tokens of the column after those drawn; 0 is none."""
    may = np.ones((len(drawn), 1 + vocabulary[drawn.shape[1]]), dtype=bool)
    may[:, 0] = False
    return may


def side_by_side(pieces: Sequence[Int[np.ndarray, "_ P"]]) -> Int[np.ndarray, "B longest P"]:
    """Rows of pieces, padded with zeros and followed by a row of them."""
    padded = np.zeros((len(pieces), 1 + max(map(len, pieces)), pieces[0].shape[1]), dtype=np.int64)
    for piece, rows in zip(padded, pieces, strict=True):
        piece[: len(rows)] = rows
    return padded


def told_before(places: Places, pieces: Int[np.ndarray, "B T P"], width: int) -> Int[np.ndarray, "B T Q"]:
    """What is told before each row of pieces that begin at `places`; so many numbers."""
    found = np.zeros((*pieces.shape[:2], width), dtype=np.int64)
    for time in range(pieces.shape[1]):
        found[:, time] = places.told
        places = places.next(pieces[:, time])
    return found


def told_of_all(
    representation: Representation, pieces: Sequence[Int[np.ndarray, "_ P"]], abouts: Sequence[Score]
) -> list[Int[np.ndarray, "_ Q"]]:
    """What `told` has of each of these pieces, many at once: far quicker than one by one."""
    found, width = dict[int, np.ndarray](), len(representation.TOLD_SIZES)
    by_length = sorted(range(len(pieces)), key=lambda piece: len(pieces[piece]))
    for start in range(0, len(pieces), TOGETHER):
        chosen = by_length[start : start + TOGETHER]
        places = representation.Places.first([abouts[piece] for piece in chosen])
        told = told_before(places, side_by_side([pieces[piece] for piece in chosen]), width)
        found |= {piece: one[: len(pieces[piece])] for piece, one in zip(chosen, told, strict=True)}
    return [found[piece] for piece in range(len(pieces))]
