"""Times in quarter notes, and the ticks that they are multiples of."""

from fractions import Fraction

TICKS_PER_QUARTER = 480
"""The finest time that is kept: starts and durations of a piece that was read are multiples of 1/480 of a quarter."""


def ticks(quarters: float) -> int:
    """The nearest tick."""
    return round(quarters * TICKS_PER_QUARTER)


def nearest_tick(time: Fraction) -> int:
    """Of a time in quarter notes; halves up."""
    return (2 * TICKS_PER_QUARTER * time.numerator + time.denominator) // (2 * time.denominator)


def quarters(tick: int) -> float:
    """As a `Score` keeps it."""
    return tick / TICKS_PER_QUARTER


def on_tick(time: float) -> float:
    """The nearest time in quarter notes that is a multiple of a tick."""
    return round(time * TICKS_PER_QUARTER) / TICKS_PER_QUARTER
