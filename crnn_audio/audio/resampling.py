"""Sound at another sample rate, by soxr at high quality: a waveform at once, or blocks as they come."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

Resampler = Callable[[Float[np.ndarray, " S"], bool], Any]


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Changes the sample rate by soxr at high quality.

    S samples become floor(S * to_rate / from_rate + 1/2): the nearest count, halves up, but never none.
    """
    if from_rate == to_rate:
        return waveform
    import soxr

    resampled = np.asarray(soxr.resample(waveform, from_rate, to_rate, quality="HQ"), dtype=np.float32)
    return resampled if resampled.size else waveform[:1]


def resampler(from_rate: int, to_rate: int) -> Resampler:
    """A function from the next block, and whether it is the last, to the samples at the other rate that are complete.

    All that it gives, joined, is what `resample` gives at once.
    """
    if from_rate == to_rate:
        return lambda block, last: block
    import soxr

    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    beginning, given = np.zeros(0, np.float32), 0

    def advance(block: Float[np.ndarray, " S"], last: bool) -> Any:
        nonlocal beginning, given
        beginning = beginning if beginning.size else block[:1].copy()
        out = stream.resample_chunk(block, last=last)
        given += len(out)
        return out if given or not last else beginning

    return advance


def resampled(pieces: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """As `resample`, of one waveform in pieces."""
    if from_rate == to_rate:
        yield from pieces
        return
    through = resampler(from_rate, to_rate)
    for piece in pieces:
        yield through(piece, False)
    yield through(np.zeros(0, np.float32), True)


def regrouped(pieces: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of `size`, the last one shorter."""
    held, count = list[np.ndarray](), 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count < size:
            continue
        joined = np.concatenate(held)
        whole = count // size * size
        yield from np.split(joined[:whole], range(size, whole, size))
        held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
