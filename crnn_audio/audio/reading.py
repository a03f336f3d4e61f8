"""Recordings read at once or block by block, and the facts in their headers."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crnn_audio.audio.levels import Levels, one_channel
from crnn_audio.audio.pipes import piped
from crnn_audio.audio.resampling import resample
from crnn_audio.audio.sound import OnAdjustment, OnLoss, Sound, opened, refuse_impossible
from crnn_audio.audio.source import Source, name_of, open_sound
from crnn_audio.errors import DataError

WARN_SECONDS = 30.0
"""Of a stream, after which its levels are known well enough."""


@dataclass(frozen=True)
class AudioInfo:
    """An audio file's header: samples per second, samples in one channel, channels, such as `FLAC PCM_16`."""

    sample_rate: int
    num_samples: int
    num_channels: int
    format: str

    @property
    def seconds(self) -> float:
        """Length."""
        return self.num_samples / self.sample_rate


def inspect(source: Source) -> AudioInfo:
    """Reads the header alone, or counts where it gives no length.

    Raises:
        DataError: as `read`, as far as the header shows.
    """
    with opened(source) as sound:
        return AudioInfo(sound.sample_rate, sound.num_samples, sound.num_channels, sound.decoder.format)


def estimated_seconds(source: Source) -> float:
    """The length, as far as it is known without decoding.

    Raises:
        DataError: as `inspect`.
    """
    with opened(source) as sound:
        return sound.estimated_seconds


def read(
    source: Source,
    sample_rate: int | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
    adjust: bool = True,
    on_loss: OnLoss | None = None,
    on_adjustment: OnAdjustment | None = None,
) -> tuple[np.ndarray, int]:
    """Gives a float32 mono waveform, shape (S,), and its sample rate.

    Channels are averaged; where that cancels them, the strongest stands for them. Full scale is 1; float files and
    lossy ones may overshoot it, and are not clipped. What is in the range of integers is scaled, and what is very quiet
    (`levels.RAISED_BELOW`) is raised.

    Args:
        source: a path, "-" for standard input (read to its end), the bytes of a file, or a binary file object.
        sample_rate: what to resample to; by default the file's own.
        start: seconds into the recording, rounded to the nearest sample of the file's own rate.
        duration: seconds to read from there; by default to the end.
        channel: the one to read, from 0 on, in place of the mean of all.
        adjust: False for channels averaged and levels left as they are, whatever they are.
        on_loss: called with the loss where a file was cut short or damaged, and the rest is returned; without it, that
            is an error.
        on_adjustment: called with what was done to its level and channels, if anything was, or should be known.

    Raises:
        DataError: there is no such file, it is a folder, empty, not audio, cut short, damaged, without samples or
            unreadable, holds impossible samples (NaN, infinite, beyond `LOUDEST`), has no such channel, or ends before
            `start + duration`.
    """
    with opened(source, channel) as sound:
        first, last = _span(sound, start, duration)
        levels = sound.levels()
        waveform = np.concatenate([levels.mixed(piece) for piece in sound.decoded(first, last, on_loss)])
        refuse_impossible(waveform, sound.name, first)
        if adjust:
            adjustment = levels.adjustment()
            if adjustment.channel is not None:
                pieces = sound.decoded(first, last, lambda loss: None)
                waveform = np.concatenate([one_channel(piece, adjustment.channel) for piece in pieces])
            if adjustment.gain != 1:
                waveform = np.concatenate(list(adjustment.scaled([waveform], sound.sample_rate)))
            if on_adjustment and adjustment.remarks:
                on_adjustment(adjustment)
    if sample_rate is None:
        return waveform, sound.sample_rate
    return resample(waveform, sound.sample_rate, sample_rate), sample_rate


def _span(sound: Sound, start: float, duration: float | None) -> tuple[int, int | None]:
    """The first sample and the one after the last; None for the end."""
    if not (start >= 0 and (duration is None or duration > 0)):
        raise DataError(
            f"{sound.name}: asked for {duration} s from {start} s on; start is 0 or more, duration above 0."
        )
    if start == 0 and duration is None:
        return 0, None
    rate, frames = sound.sample_rate, sound.num_samples
    first = round(start * rate)
    last = frames if duration is None else round((start + duration) * rate)
    if not first < last <= frames:
        end = "its end" if duration is None else f"{start + duration:.4f} s"
        raise DataError(f"{sound.name}: asked for {start:.4f} s to {end}, but it is {frames / rate:.4f} s long.")
    return first, last


@dataclass(frozen=True)
class Blocks:
    """Sound as it arrives: iterating gives float32 mono blocks at `sample_rate`, the last one shorter."""

    sample_rate: int
    pieces: Iterator[np.ndarray]

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.pieces


def blocks(
    source: str | Path,
    seconds: float = 0.32,
    *,
    raw_rate: int = 16000,
    on_loss: OnLoss | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Blocks:
    """A file, or a pipe such as standard input ("-"), in blocks of `seconds`, without reading ahead.

    A pipe holds a WAV stream of 16-bit PCM, or such samples without a header (mono, little-endian) at `raw_rate`; with
    the extra `media`, anything that FFmpeg reads without seeking. Levels stay as they are, since nobody knows those of
    a stream before it ends.

    Args:
        on_loss: called after the last block of a file that was cut short or damaged; without it, that is an error.
        on_warning: called with what is wrong with the levels, after the first `WARN_SECONDS` and at the end.

    Raises:
        DataError: it cannot be read, at once or while iterating.
    """
    name = name_of(source)
    if source == "-" or Path(source).is_fifo():
        stream = sys.stdin.buffer if source == "-" else _buffered(Path(source), name)
        rate, num_channels, pieces = piped(stream, name, seconds, raw_rate, on_loss)
        levels = Levels(num_channels)
        return Blocks(rate, _watched(map(levels.mixed, pieces), levels, rate, name, on_warning))
    with opened(source) as sound:
        rate, levels = sound.sample_rate, sound.levels()
    return Blocks(rate, _watched(_file_blocks(source, seconds, levels, on_loss), levels, rate, name, on_warning))


def _buffered(pipe: Path, name: str) -> io.BufferedReader:
    try:
        return io.BufferedReader(open_sound(pipe))
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}).") from None


def _file_blocks(source: str | Path, seconds: float, levels: Levels, on_loss: OnLoss | None) -> Iterator[np.ndarray]:
    with opened(source) as sound:
        yield from sound.blocks(seconds, on_loss=on_loss, levels=levels)


def _watched(
    pieces: Iterator[np.ndarray], levels: Levels, rate: int, name: str, on_warning: Callable[[str], None] | None
) -> Iterator[np.ndarray]:
    """The same; warns of levels once, early in a long stream and at the end of a short one."""
    warned = on_warning is None
    for piece in pieces:
        if not warned and levels.count >= WARN_SECONDS * rate:
            warned = _warned(levels, name, on_warning)
        yield piece
    if not warned:
        _warned(levels, name, on_warning)


def _warned(levels: Levels, name: str, on_warning: Callable[[str], None] | None) -> bool:
    warnings = levels.warnings()
    if warnings and on_warning:
        on_warning(f"{name}: {'; '.join(warnings)}.")
    return bool(warnings)
