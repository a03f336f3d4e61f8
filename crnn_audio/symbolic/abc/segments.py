"""What a voice of an ABC tune consists of, as written: segments of music between bar lines, and their repeat signs."""

from dataclasses import dataclass, field
from fractions import Fraction

from crnn_audio.errors import DataError

MOST, MOST_TONES = 20_000, 100_000
"""Segments, and notes and chords, that a voice may have when it is played; more is a mistake."""
FINEST_BITS = 64
"""Of the number below the line in a sum of lengths; that of all the tuplets of music is far smaller."""


@dataclass
class Tone:
    """Pitches that begin together, in quarter notes from the beginning of the segment.

    `tied` are those that the next tone of the same pitch goes on.
    """

    start: Fraction
    durations: dict[int, Fraction]
    tied: set[int] = field(default_factory=set)
    fermata: bool = False


@dataclass
class Segment:
    """Music under one time signature and one key without a bar line in it.

    Args:
        time_signature: beats and beat type.
        key: sharps and mode.
        part: the label of the P: that stands right before.
        opens: a repeat begins here.
        endings: the passes in which an ending that begins here is played.
        line: a bar line stands after it.
        closes: how often a repeat that ends here is played; 0 where none ends.
        double: a double bar line stands after it, which ends a section.
    """

    time_signature: tuple[int, int] | None
    key: tuple[int, str] | None
    part: str = ""
    opens: bool = False
    endings: frozenset[int] = frozenset()
    tones: list[Tone] = field(default_factory=list)
    chords: list[tuple[Fraction, str]] = field(default_factory=list)
    length: Fraction = Fraction(0)
    line: bool = False
    closes: int = 0
    double: bool = False

    @property
    def blank(self) -> bool:
        """Whether nothing is known of it yet."""
        return not (self.length or self.tones or self.chords or self.line or self.closes)


def addable(place: Fraction) -> Fraction:
    """A sum of lengths, in quarter notes, as it is.

    Raises:
        DataError: its fractions are so odd that each further sum would take longer.
    """
    if place.denominator.bit_length() > FINEST_BITS:
        raise DataError("the lengths of its notes are fractions too odd to be added, such as 1/997 and 1/991.")
    return place
