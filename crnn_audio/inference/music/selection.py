"""Which of several attempts at a piece is kept: the first without a lapse, else the one with the fewest.

A lapse is what `metrics.lapses` counts, a length that is not the requested one, a voice outside of its range, or a tune
that does not end on a long tonic. So pieces are samples of the model, given that they have none (rejection sampling).
"""

from collections.abc import Sequence
from dataclasses import replace

from crnn_audio.metrics.lapses import lapses
from crnn_audio.symbolic.score import Part, Score

TOLERANCE = 1.15
"""Times the requested length that a piece may have."""
LONG = 0.5
"""Quarter notes of a last note, at the least: the median of the fiddle tunes in 2/4, 4/4 and 9/8."""

Ranges = Sequence[tuple[int, int]]
"""The lowest and highest pitch of each voice."""


def count(score: Score, *, ended: bool, ranges: Ranges = (), closing: bool = False, fixed: Sequence[str] = ()) -> int:
    """The lapses of a piece, but those of its fixed voices by themselves.

    Args:
        ended: whether it ends where it may.
        ranges: those of its voices, if they are known.
        closing: whether it is to end on the tonic.
        fixed: the names of its fixed voices.
    """
    free = [part for part in score.parts if part.name not in fixed]
    found = _of_any(score) - (_of_any(_with(score, fixed)) if fixed else 0)
    found += not ended
    if len(ranges) == len(score.parts):
        found += sum(part in free and _outside(part, *own) for part, own in zip(score.parts, ranges, strict=True))
    return found + (closing and len(score.parts) == 1 and not _ends_on_tonic(score))


def _of_any(score: Score) -> int:
    found = lapses(score)
    return found.leaping + found.repeating + found.silent + (found.phrased - found.closing)


def _with(score: Score, names: Sequence[str]) -> Score:
    return replace(score, parts=tuple(part for part in score.parts if part.name in names))


def _outside(part: Part, lowest: int, highest: int) -> bool:
    return any(not lowest <= note.pitch <= highest for note in part.notes)


def _ends_on_tonic(score: Score) -> bool:
    last = score.parts[0].notes[-1:]
    return bool(last and score.keys) and (
        last[0].pitch % 12 == score.keys[-1].tonic_pitch_class and last[0].duration >= LONG
    )
