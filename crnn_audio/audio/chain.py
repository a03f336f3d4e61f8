"""Decoders in a row, for files that were joined and what stands between places of damage."""

from collections.abc import Iterator, Sequence

import numpy as np

from crnn_audio.audio.decoders import Damage, Decoder
from crnn_audio.audio.resampling import resampled

LARGEST_RATIO = 50
"""Of the sample rates of joined files; a damaged header may make hours of a second."""


class Chain:
    """Decoders in a row, at the rate of the first, mixed if their channels differ, and silence for what is damaged.

    Args:
        gaps: samples of silence before each decoder.
        breaks_off: whether something follows that cannot be read.
    """

    def __init__(self, decoders: Sequence[Decoder], gaps: Sequence[int], *, breaks_off: bool = False) -> None:
        self.decoders = decoders
        self.gaps = gaps
        self.breaks_off = breaks_off
        self.sample_rate = decoders[0].sample_rate
        counts = {one.num_channels for one in decoders}
        self.num_channels = counts.pop() if len(counts) == 1 else 1
        self.format = decoders[0].format
        self.holes: list[tuple[int, int]] = []

    def num_samples(self) -> int:
        """In one channel."""
        return sum(self.gaps) + sum(self._at_this_rate(one, one.num_samples()) for one in self.decoders)

    def expected(self) -> int | None:
        """Samples that the headers state."""
        expected = [one.expected() for one in self.decoders]
        if self.breaks_off or None in expected:
            return None
        stated = zip(self.decoders, expected, strict=True)
        return sum(self.gaps) + sum(self._at_this_rate(one, count or 0) for one, count in stated)

    @property
    def estimated_seconds(self) -> float:
        """The length."""
        return sum(one.estimated_seconds for one in self.decoders) + sum(self.gaps) / self.sample_rate

    def _at_this_rate(self, one: Decoder, count: int) -> int:
        return round(count * self.sample_rate / one.sample_rate)

    def pieces(self, first: int, size: int) -> Iterator[np.ndarray]:
        """From that sample to the end."""
        for piece in self._all(size):
            if len(piece) > first:
                yield piece[first:]
            first = max(first - len(piece), 0)

    def _all(self, size: int) -> Iterator[np.ndarray]:
        self.holes, position = [], 0
        damage: Damage | None = None
        for one, gap in zip(self.decoders, self.gaps, strict=True):
            if gap:
                self.holes.append((position, gap))
            for begin in range(0, gap, size):
                yield np.zeros((min(size, gap - begin), self.num_channels), np.float32)
            position += gap
            try:
                for piece in self._alike(one, size):
                    position += len(piece)
                    yield piece
            except Damage as error:  # the next one is there all the same
                damage = error
        if damage:
            raise damage

    def _alike(self, one: Decoder, size: int) -> Iterator[np.ndarray]:
        pieces = one.pieces(0, size)
        if one.num_channels != self.num_channels:
            pieces = (piece.mean(axis=1, keepdims=True) for piece in pieces)
        if one.sample_rate == self.sample_rate:
            yield from pieces
            return
        if not 1 / LARGEST_RATIO < one.sample_rate / self.sample_rate < LARGEST_RATIO:
            raise Damage(f"damaged {one.format} audio (a sample rate of {one.sample_rate} after {self.sample_rate})")
        mixed = (piece.mean(axis=1) for piece in pieces)
        for piece in resampled(mixed, one.sample_rate, self.sample_rate):
            yield np.repeat(piece[:, None], self.num_channels, axis=1)

    def close(self) -> None:
        """Frees all of them."""
        for one in self.decoders:
            one.close()
