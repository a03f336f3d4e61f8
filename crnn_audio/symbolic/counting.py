"""Counting out bars: where each begins, by a piece's metres and pickup; times in ticks of 1/480 of a quarter note."""

from dataclasses import dataclass

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import ticks
from crnn_audio.symbolic.score import TICKS_PER_QUARTER, Metre, Score

COMMON = Metre(0.0, 4, 4)
"""What counts where a piece tells no metre."""


@dataclass(frozen=True)
class Bar:
    """Its number, counted from the beginning; the tick it begins at, below 0 with a pickup; and its ticks."""

    number: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """The tick of its bar line."""
        return self.start + self.length


@dataclass(frozen=True)
class Bars:
    """The bars of a piece, which never ends: stretches of equal bars, each (number of its first bar, start, length)."""

    stretches: tuple[tuple[int, int, int], ...]
    pickup: int = 0

    def bar(self, number: int) -> Bar:
        """The bar of a number, 0 for the first, be it only a pickup."""
        first, start, length = next(one for one in reversed(self.stretches) if one[0] <= number)
        return Bar(number, start + (number - first) * length, length)

    def at(self, tick: int) -> Bar:
        """The bar that a tick from 0 on lies in; a bar's last tick is the next one's first."""
        first, start, length = next(one for one in reversed(self.stretches) if one[1] <= tick)
        return self.bar(first + (tick - start) // length)

    def is_full(self, bar: Bar, tick: int) -> bool:
        """Whether a piece may end there: at the bar's end, or short of it by the pickup, with which it is one bar."""
        return tick in (bar.end, bar.end - self.pickup)


def bars_of(score: Score) -> Bars:
    """The bars of a piece; a pickup is the end of bar 0, and its first metre counts from the beginning.

    Raises:
        DataError: the pickup is a bar or longer, or the metre changes within a bar.
    """
    metres = score.metres or (COMMON,)
    name = score.title or "the piece"
    if empty := [metre for metre in metres if metre.beats < 1]:
        raise DataError(f"{name}: a metre of {empty[0]} at quarter {empty[0].start:g}, whose bars last no time.")
    length, pickup = ticks(metres[0].bar), ticks(score.pickup)
    if not 0 <= pickup < length:
        raise DataError(
            f"{name}: a pickup of {score.pickup:g} quarters before bars of {metres[0].bar:g}. "
            "It should be shorter than a bar."
        )
    stretches = [(0, pickup - length if pickup else 0, length)]
    for metre in metres[1:]:
        first, start, length = stretches[-1]
        bars, rest = divmod(ticks(metre.start) - start, length)
        if rest or bars < 0:
            raise DataError(
                f"{name}: the metre becomes {metre} at quarter {metre.start:g}, where a bar of "
                f"{length / TICKS_PER_QUARTER:g} quarters is not full. Mend the bar or the pickup."
            )
        stretches.append((first + bars, ticks(metre.start), ticks(metre.bar)))
    return Bars(tuple(stretches), pickup)
