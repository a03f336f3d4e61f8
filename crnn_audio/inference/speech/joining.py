"""Long sequences in windows that overlap, and their outputs joined again: of tensors and of arrays."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool

BLOCK = 60.0
"""Seconds that are read, and convolved, at once."""
WINDOW = 900.0
"""Seconds of a recording that a bidirectional stack processes in one pass, besides the context."""
CONTEXT = 60.0
"""Seconds that a window begins before and ends after what is taken from it."""
SURE = 0.9
"""Lowest probability of a blank at which windows are joined."""

Item = TypeVar("Item")


def windows(
    pieces: Iterable[Any], size: int, context: int, joined_up: Callable[[list[Any]], Any]
) -> Iterator[tuple[int, Any]]:
    """Windows of frames (1, T, D) and where each begins: `size` frames, and on each side `context` more if there are.

    What is no longer than the first of them, `size + context`, is one window.

    Args:
        joined_up: joins frames in time.
    """
    held, count, first, middle = list[Any](), 0, 0, 0
    for piece in pieces:
        held.append(piece)
        count += piece.shape[1]
        while first + count > (end := middle + size + context):
            frames = joined_up(held)
            yield first, frames[:, : end - first]
            middle += size
            held, count = [frames[:, middle - context - first :]], first + count - (middle - context)
            first = middle - context
    yield first, joined_up(held)


def joined(outputs: Iterable[tuple[int, Any]], sure_blank: Callable[[Any], Bool[np.ndarray, " U"]]) -> Iterator[Any]:
    """Log-probabilities (U, V) of overlapping windows as of one: of each up to where it is joined to the next.

    Args:
        sure_blank: which frames are a blank with at least `SURE`.
    """
    rest = iter(outputs)
    begin, log_probs = next(rest)
    for first, following in rest:
        overlap = log_probs[first - begin :]
        cut = join(sure_blank(overlap), sure_blank(following[: len(overlap)]))
        yield log_probs[: first - begin + cut]
        begin, log_probs = first + cut, following[cut:]
    yield log_probs


def join(one: Bool[np.ndarray, " U"], other: Bool[np.ndarray, " U"]) -> int:
    """The frame nearest to the middle at which both are sure of a blank; the middle where there is none."""
    blank = one & other
    middle = len(blank) // 2
    (candidates,) = blank.nonzero()
    return int(candidates[np.abs(candidates - middle).argmin()]) if len(candidates) else middle


def marked(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether it is the last."""
    rest = iter(items)
    previous = next(rest)
    for item in rest:
        yield previous, False
        previous = item
    yield previous, True
