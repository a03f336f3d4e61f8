"""What a representation of music gives: a piece as rows of tokens, and back.

Each is a module: `chorales`, `events`, `quartet`. Token ids are 1 and up in every column; 0 is nothing: what stands
before the first row, or for a voice that is not given.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from crnn_audio.symbolic.score import Score

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
class Place(Protocol):
    """Where the next row of a piece stands, for writing row after row."""

    @property
    def told(self) -> Row:
        """What is known before the row is drawn."""
        ...

    @property
    def quarters(self) -> float:
        """Quarter notes from the beginning of the piece."""
        ...

    @property
    def closes(self) -> bool:
        """Whether notes of the tonic's chord have filled the bar, or any have where no key is known."""
        ...

    def next(self, row: Any) -> Self:
        """After this row."""
        ...

    def allowed(self, drawn: Any = ()) -> Bool[np.ndarray, " V"]:
        """Which tokens of the next column make sense, 0 never; `drawn` are the row's columns before it."""
        ...


@runtime_checkable
class Representation(Protocol):
    """Rows of tokens, whose columns are drawn one after the other; the first column tells the end."""

    @property
    def COLUMNS(self) -> tuple[str, ...]:
        """Names of what is drawn."""
        ...

    @property
    def VOCABULARY(self) -> tuple[int, ...]:
        """The largest token of each column; the smallest is 1."""
        ...

    @property
    def TOLD_SIZES(self) -> tuple[int, ...]:
        """Ids, from 0, of each column that is known before a row is drawn."""
        ...

    @property
    def PITCHED(self) -> tuple[PitchColumn, ...]:
        """Which columns are pitches, and where in what is known before a row the pitches before them stand."""
        ...

    @property
    def END(self) -> int:
        """In the first column: the piece ends here."""
        ...

    @property
    def Place(self) -> Any:
        """Its `Place`; `Place.first(about)` stands before the first row."""
        ...

    def encode(self, score: Score) -> Rows:
        """The rows of a piece, the end's among them.

        Raises:
            DataError: it holds what the representation cannot.
        """
        ...

    def decode(self, tokens: Rows, about: Score) -> Score:
        """`about` with the notes of these rows."""
        ...

    def told(self, tokens: Rows, about: Score) -> Rows:
        """What is known before each row."""
        ...

    def retold(self, told: Rows, semitones: int) -> Rows:
        """What is known before each row of the piece transposed, of what is known of it as it stands."""
        ...

    def transposed(self, tokens: Rows, semitones: int) -> Rows | None:
        """The same higher or lower; None where it would be out of range."""
        ...

    def num_notes(self, tokens: Rows) -> int:
        """What a likelihood is divided by."""
        ...

    def counted(self, tokens: Rows) -> Bool[np.ndarray, "T P"]:
        """Which tokens' nats enter a likelihood a note."""
        ...


def told_at(place: Place, rows: Rows, width: int) -> Int[np.ndarray, "T Q"]:
    """What is told before each of these rows, from `place` on; so many numbers."""
    found = list[Row]()
    for row in rows.tolist():
        found.append(place.told)
        place = place.next(tuple(row))
    return np.array(found, dtype=np.int64).reshape(-1, width)
