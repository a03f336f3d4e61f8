"""Where the bars of a tune that is played begin: its pickup, and the metres that its bar lines tell."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from crnn_audio.symbolic.abc_stretches import Stretch
from crnn_audio.symbolic.bars import quarters, ticks
from crnn_audio.symbolic.score import Metre

Beats = tuple[int, int]
"""A metre's beats and the note that is one of them."""


@dataclass(frozen=True)
class Placed:
    """A stretch, and where it begins when the tune is played, in quarter notes."""

    start: Fraction
    stretch: Stretch

    @property
    def end(self) -> Fraction:
        """Where the next one begins."""
        return self.start + self.stretch.length


def placed(stretches: Iterable[Stretch]) -> list[Placed]:
    """One after the other."""
    found, place = [], Fraction(0)
    for stretch in stretches:
        found.append(Placed(place, stretch))
        place += stretch.length
    return found


def metres_and_pickup(music: list[Placed]) -> tuple[tuple[Metre, ...], float]:
    """The metres, and the quarter notes before the first full bar.

    A bar line within a bar, as a repeat sign often is, is no bar's beginning. One that a full bar follows is, and is
    then told as the same metre anew, as after a bar that is short.
    """
    changes = _changes(music)
    end = music[-1].end if music else Fraction(0)
    lines = sorted({one.end for one in music if one.stretch.line and 0 < one.end < end} | {end})
    pickup = _pickup(changes, lines)
    metres: list[Metre] = []
    for (start, beats), stop in zip(changes, [*(start for start, _ in changes[1:]), end], strict=True):
        if beats is not None:
            grid = pickup if start == 0 else start
            metres += [_metre(place, beats) for place in (start, *_anew(grid, stop, lines, _bar(beats)))]
    return tuple(metres), float(pickup)


def _changes(music: list[Placed]) -> list[tuple[Fraction, Beats | None]]:
    found: list[tuple[Fraction, Beats | None]] = []
    for one in music:
        if one.stretch.length and (not found or found[-1][1] != one.stretch.metre):
            found.append((one.start, one.stretch.metre))
    return found


def _pickup(changes: list[tuple[Fraction, Beats | None]], lines: list[Fraction]) -> Fraction:
    beats, first = changes[0][1] if changes else None, lines[0]
    if beats is None or first == lines[-1] or first >= _bar(beats) or _bar(beats) in lines:
        return Fraction(0)
    return first


def _anew(grid: Fraction, stop: Fraction, lines: list[Fraction], bar: Fraction) -> Iterator[Fraction]:
    """The bar lines off the bars counted from `grid` that a full bar follows."""
    within = [line for line in lines if grid < line <= stop]
    for line, after in zip(within, within[1:], strict=False):
        if (line - grid) % bar and after - line == bar:
            yield line
            grid = line


def _bar(beats: Beats) -> Fraction:
    return Fraction(4 * beats[0], beats[1])


def _metre(start: Fraction, beats: Beats) -> Metre:
    return Metre(quarters(ticks(float(start))), *beats)
