"""An open recording: decoded piece by piece, and checked against the length that its header states."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crnn_audio.audio.decoders import Damage, Decoder
from crnn_audio.audio.levels import Adjustment, Levels, one_channel
from crnn_audio.audio.opening import decoder_of
from crnn_audio.audio.resampling import regrouped, resampled
from crnn_audio.audio.rounding import step_of
from crnn_audio.audio.source import Source, binary, name_of
from crnn_audio.errors import DataError

BLOCK = 1 << 20
"""Numbers that are decoded at once."""
UNKNOWN_LENGTH = (1 << 63) - 1
LOWEST_RATE = 1000
"""Samples a second."""
LOUDEST = 1e10
"""Far above any scale that samples are written in (1, 2^15, 2^31), and far below where spectra overflow."""


@dataclass(frozen=True)
class Loss:
    """A recording of which only the first `seconds` can be read; `expected` is the length in its header, if it has one.

    `damage` is the decoder's message, where the file does not just end too early. Where there is a `hole`, that many
    seconds after the first `seconds` are silent, and what follows is at its time.
    """

    name: str
    seconds: float
    expected: float | None
    damage: str = ""
    hole: float = 0.0

    def __str__(self) -> str:
        if self.hole:
            where = f"{self.hole:.2f} s from {self.seconds:.2f} s on are lost, and silent here"
            return f"{self.name}: {self.damage}: {where}. Fetch it again."
        if self.expected is None and not self.damage:
            return f"{self.name}: cut short: it breaks off after {self.seconds:.2f} s. Fetch it again."
        of = "" if self.expected is None else f" of the {self.expected:.2f} s that its header states"
        return f"{self.name}: {self.damage or 'cut short'}: {self.seconds:.2f} s{of} can be read. Fetch it again."


OnLoss = Callable[[Loss], None]
OnAdjustment = Callable[[Adjustment], None]


def report_loss(loss: Loss, on_loss: OnLoss | None) -> None:
    """Calls `on_loss`.

    Raises:
        DataError: there is no `on_loss`.
    """
    if on_loss is None:
        raise DataError(str(loss))
    on_loss(loss)


@dataclass(frozen=True)
class Sound:
    """An open recording; `channel` is the one that is read, from 0 on, or None for the mean of all."""

    decoder: Decoder
    name: str
    channel: int | None = None

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.decoder.sample_rate

    @property
    def num_samples(self) -> int:
        """In one channel; a damaged file may hold fewer. Some formats are decoded to count them."""
        return self.decoder.num_samples()

    @property
    def num_channels(self) -> int:
        """All that there are."""
        return self.decoder.num_channels

    @property
    def estimated_seconds(self) -> float:
        """The length, as far as it is known without decoding."""
        return self.decoder.estimated_seconds

    @cached_property
    def adjustment(self) -> Adjustment:
        """What `blocks` does to it, by its levels from beginning to end, for which all of it is decoded."""
        levels = self.levels()
        for _ in self._finite(BLOCK, lambda loss: None, levels):
            pass
        return levels.adjustment()

    def levels(self) -> Levels:
        """What measures it, from nothing on."""
        return Levels(self.num_channels, self.channel, step_of(self.decoder.format))

    def blocks(
        self,
        seconds: float,
        sample_rate: int | None = None,
        on_loss: OnLoss | None = None,
        *,
        levels: Levels | None = None,
    ) -> Iterator[np.ndarray]:
        """All of it from its beginning, as one channel, adjusted, and at `sample_rate`, in blocks of `seconds`, the
        last one shorter.

        Args:
            levels: what measures the sound that passes; nothing is decoded ahead then, and nothing is adjusted.

        Raises:
            DataError: some of it is lost and there is no `on_loss`, or it holds impossible samples.
        """
        rate = sample_rate or self.sample_rate
        adjustment = Adjustment() if levels else self.adjustment
        channel = self.channel if adjustment.channel is None else adjustment.channel
        pieces = self._finite(
            max(round(seconds * self.sample_rate), 1), on_loss, levels or Levels(self.num_channels, channel)
        )
        adjusted = adjustment.scaled(pieces, self.sample_rate)
        return regrouped(resampled(adjusted, self.sample_rate, rate), max(round(seconds * rate), 1))

    def _finite(self, size: int, on_loss: OnLoss | None, levels: Levels) -> Iterator[np.ndarray]:
        position = 0
        for piece in self.decoded(0, None, on_loss, size=size):
            refuse_impossible(one_channel(piece, levels.channel), self.name, position)
            position += len(piece)
            yield levels.mixed(piece)

    def decoded(
        self, first: int, last: int | None, on_loss: OnLoss | None = None, *, size: int | None = None
    ) -> Iterator[np.ndarray]:
        """Samples `first` to `last`, or to the end, in pieces (S, C) of `size` at most.

        Where `last` is the end, the expected end must be present too.
        """
        size = min(size or BLOCK, max(BLOCK // self.num_channels, 1), BLOCK if last is None else last - first)
        position, damage = first, ""
        # Piece by piece, since a damaged header may claim more than fits into memory.
        try:
            for piece in self.decoder.pieces(first, size):
                wanted = piece if last is None else piece[: last - position]
                position += len(wanted)
                yield wanted
                if position == last:
                    break
        except Damage as error:
            damage = str(error)
        kind = self.decoder.format.partition(" ")[0]
        if position == first:
            raise DataError(f"{self.name}: {damage or f'damaged {kind} audio; not one sample could be decoded'}.")
        for begin, length in self.decoder.holes:
            if begin + length > first:
                hole = length / self.sample_rate
                report_loss(Loss(self.name, begin / self.sample_rate, None, f"damaged {kind} audio", hole), on_loss)
        is_to_end = last is None or last == self.num_samples
        end = self.decoder.expected() if is_to_end else last
        if damage or end is None or position < end:
            expected = None if end is None else end / self.sample_rate
            report_loss(Loss(self.name, position / self.sample_rate, expected, damage), on_loss)


@contextmanager
def opened(source: Source, channel: int | None = None) -> Iterator[Sound]:
    """A path, "-" for standard input (read to its end), the bytes of a file, or a binary file object; what it holds
    decides its format, not its name.

    Args:
        channel: the one to read, from 0 on; by default the mean of all.

    Raises:
        DataError: there is no such file, it is a folder, empty, unreadable, not audio, without samples or without that
            channel.
    """
    name = name_of(source)
    with binary(source, name) as stream:
        decoder = decoder_of(stream, name)
        try:
            refuse_rate(decoder.sample_rate, name)
            if channel is not None and channel >= decoder.num_channels:
                count = "one channel" if decoder.num_channels == 1 else f"{decoder.num_channels} channels"
                raise DataError(f"{name}: it has {count}, and no channel {channel + 1}.")
            yield Sound(decoder, name, channel)
        finally:
            with suppress(OSError):
                decoder.close()


def refuse_rate(rate: int, name: str) -> None:
    """Refuses the rate of a damaged header: a few samples a second would make hours of a second.

    Raises:
        DataError: the rate is below `LOWEST_RATE`.
    """
    if rate < LOWEST_RATE:
        raise DataError(f"{name}: {rate} samples a second, fewer than the {LOWEST_RATE} that any sound needs.")


def refuse_impossible(waveform: np.ndarray, name: str, first: int) -> None:
    """Refuses NaN, infinity and what is too loud for its power to be a number; `first` is where the waveform begins.

    Raises:
        DataError: names the count and the place.
    """
    bad = np.flatnonzero(~(np.abs(waveform) <= LOUDEST))
    if bad.size:
        where = f"the first at sample {first + bad[0]} ({waveform[bad[0]]:g})"
        raise DataError(
            f"{name}: {bad.size} of {waveform.size} samples are NaN, infinite or beyond {LOUDEST:g}, {where}. "
            "Write the file again, or leave it out."
        )
