"""The sound that a live stream is fed, block by block, at the rate of its model. Nothing here needs torch."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np

from crnn_audio import audio
from crnn_audio.errors import StreamError


class Blocks:
    """Checks and resamples the blocks of one stream, and counts them.

    Args:
        sample_rate: of the blocks, in samples per second.
        model_rate: that of the model's features.

    Raises:
        StreamError: there is no such sample rate.
    """

    def __init__(self, sample_rate: int, model_rate: int) -> None:
        if sample_rate < 1:
            raise StreamError(f"a stream has at least one sample per second (found a sample rate of {sample_rate}).")
        self.sample_rate = sample_rate
        self._resample = audio.resampler(sample_rate, model_rate)
        self._fed = 0
        self._closed = False

    @property
    def seconds(self) -> float:
        """How much was fed."""
        return self._fed / self.sample_rate

    def check(self, block: np.ndarray) -> None:
        """Refuses a block before anything changes.

        Raises:
            StreamError: the stream has ended, or the samples are not floating-point numbers of one channel, or not
                finite.
        """
        if self._closed:
            raise StreamError("this stream has ended; open another one for more sound.")
        if block.ndim != 1 or not np.issubdtype(block.dtype, np.floating):
            found = f"{block.dtype} of shape {block.shape}"
            raise StreamError(f"a block is one channel of floating-point samples in [-1, 1] (found {found}).")
        if not np.isfinite(block).all():
            raise StreamError(f"a block holds samples that are not finite numbers, after {self.seconds:.2f} s.")

    def take(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        """The samples at the model's rate that a block makes possible; after the last one the stream has ended.

        Raises:
            StreamError: as `check`.
        """
        self.check(block)
        self._closed = last
        self._fed += len(block)
        samples: np.ndarray = self._resample(np.asarray(block, dtype=np.float32), last)
        return samples

    def close(self) -> None:
        """Ends the stream without more sound."""
        self._closed = True


NO_SOUND = np.zeros(0, dtype=np.float32)
"""The block that ends a stream."""


Said = TypeVar("Said")
"""What a stream says of a block."""


class BlockStream(ABC, Generic[Said]):
    """One live stream, fed block by block; several may run on one model at a time."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.blocks.close()

    def feed(self, block: np.ndarray) -> Said:
        """The next samples of one channel, floating-point numbers in [-1, 1], as many as there are.

        Raises:
            StreamError: the stream was flushed before, or the samples are of another kind or not finite.
        """
        return self._advance(block, last=False)

    def flush(self) -> Said:
        """The end of the sound: releases what waited for look-ahead and finishes what is open.

        Raises:
            StreamError: the stream was flushed before.
        """
        return self._advance(NO_SOUND, last=True)

    @abstractmethod
    def _advance(self, block: np.ndarray, last: bool) -> Said:
        """What the next block makes possible; nothing comes after the last."""
