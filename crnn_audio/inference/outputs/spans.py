"""Words with times as file formats need them: whole milliseconds, in order, without overlaps, inside the recording."""

from dataclasses import dataclass
from itertools import pairwise

from crnn_audio.hypotheses import Hypothesis


@dataclass(frozen=True)
class Span:
    """A word; start and end in milliseconds from the start of the recording, confidence in [0, 1]."""

    text: str
    start: int
    end: int
    confidence: float


def spans(hypothesis: Hypothesis) -> list[Span]:
    """The words, with times corrected where they would break a format.

    Two that overlap meet in the middle of the overlap, and one without a length lasts a millisecond. More words than
    milliseconds extend past the end of the recording.
    """
    words = hypothesis.words
    starts, ends = [milliseconds(word.start) for word in words], [milliseconds(word.end) for word in words]
    for one, other in pairwise(range(len(words))):
        if starts[other] < ends[one]:
            starts[other] = ends[one] = (starts[other] + ends[one]) // 2
    _push_later(starts, ends)
    _pull_earlier(starts, ends, max(milliseconds(hypothesis.seconds), len(words)))
    return [Span(word.text, start, end, word.confidence) for word, start, end in zip(words, starts, ends, strict=True)]


def milliseconds(seconds: float) -> int:
    """The nearest whole number."""
    return round(1000 * seconds)


def _push_later(starts: list[int], ends: list[int]) -> None:
    free = 0
    for index in range(len(starts)):
        starts[index] = max(starts[index], free)
        ends[index] = free = max(ends[index], starts[index] + 1)


def _pull_earlier(starts: list[int], ends: list[int], free: int) -> None:
    for index in reversed(range(len(starts))):
        ends[index] = min(ends[index], free)
        starts[index] = free = min(starts[index], ends[index] - 1)
