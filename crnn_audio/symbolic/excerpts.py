"""A part of a piece as a piece of its own."""

from dataclasses import replace
from typing import Any

from crnn_audio.symbolic.bars import bars_of
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks


def after(score: Score, quarter: float) -> Score:
    """What begins at that quarter note or later; what is left of its bar becomes the pickup.

    A key, a time signature or a chord that still holds is moved to the beginning.
    """
    bars, tick = bars_of(score), ticks(quarter)
    bar = bars.at(tick)
    left = bar.end - tick
    parts = tuple(
        replace(part, notes=tuple(replace(n, start=n.start - quarter) for n in part.notes if n.start >= quarter))
        for part in score.parts
    )

    def moved(changes: tuple[Any, ...]) -> tuple[Any, ...]:
        earlier = [replace(one, start=0.0) for one in changes if one.start <= quarter][-1:]
        return (*earlier, *(replace(one, start=one.start - quarter) for one in changes if one.start > quarter))

    return replace(
        score,
        parts=parts,
        time_signatures=moved(score.time_signatures),
        keys=moved(score.keys),
        chords=moved(score.chords),
        fermatas=tuple(one - quarter for one in score.fermatas if one >= quarter),
        pickup=0.0 if left == bar.length else left / TICKS_PER_QUARTER,
    )
