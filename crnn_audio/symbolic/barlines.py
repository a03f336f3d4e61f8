"""The bars that a piece takes, by its metres and its pickup, whatever they are: for pictures and statistics."""

from dataclasses import dataclass

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Metre, Score, on_tick


@dataclass(frozen=True)
class Bar:
    """From `start` to `end`, in quarter notes; the first full bar is number 1, a pickup number 0.

    It is as long as its metre says, the last one too; only a pickup and a bar that another metre interrupts are not.
    """

    number: int
    start: float
    end: float
    metre: Metre


def bars(score: Score) -> list[Bar]:
    """Those that it takes to hold every note; none where no metre is known.

    Raises:
        DataError: a metre's bars last no time.
    """
    if not score.metres:
        return []
    found: list[Bar] = []
    start, last = 0.0, score.end
    while start < last:
        metre = metre_at(score, start)
        length = score.pickup if score.pickup > 0 and not found else metre.bar
        end = min([on_tick(start + length), *(later.start for later in score.metres if later.start > start)])
        found.append(Bar(len(found) + (score.pickup <= 0), start, end, metre))
        start = end
    return found


def metre_at(score: Score, quarter: float) -> Metre:
    """The one that holds there; before the first, the first, of which there must be one.

    Raises:
        DataError: its bars last no time.
    """
    metre = next((one for one in reversed(score.metres) if one.start <= quarter), score.metres[0])
    if metre.beats < 1 or metre.beat_type < 1:
        raise DataError(f"a metre of {metre} at quarter {metre.start:g}; both its numbers should be 1 or more.")
    return metre
