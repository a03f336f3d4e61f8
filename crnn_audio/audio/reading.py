"""Recordings read at once or block by block, and the facts in their headers."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crnn_audio.audio.pipes import piped
from crnn_audio.audio.resampling import resample
from crnn_audio.audio.sound import OnLoss, Sound, opened, refuse_impossible
from crnn_audio.audio.source import Source, name_of
from crnn_audio.errors import DataError


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
    """Reads the header alone.

    Raises:
        DataError: as `read`, as far as the header shows.
    """
    with opened(source) as sound:
        file = sound.file
        return AudioInfo(sound.sample_rate, sound.num_samples, int(file.channels), f"{file.format} {file.subtype}")


def read(
    source: Source,
    sample_rate: int | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    on_loss: OnLoss | None = None,
) -> tuple[np.ndarray, int]:
    """Gives a float32 mono waveform, shape (S,), and its sample rate.

    Channels are averaged. Full scale is 1; float files and lossy ones may overshoot it, and are not clipped.

    Args:
        source: a path, "-" for standard input (read to its end), the bytes of a file, or a binary file object.
        sample_rate: what to resample to; by default the file's own.
        start: seconds into the recording, rounded to the nearest sample of the file's own rate.
        duration: seconds to read from there; by default to the end.
        on_loss: called with the loss where a file was cut short or damaged, and the rest is returned; without it, that
            is an error.

    Raises:
        DataError: there is no such file, it is a folder, empty, not audio, cut short, damaged, without samples or
            unreadable, holds impossible samples (NaN, infinite, beyond `LOUDEST`), or ends before `start + duration`.
    """
    with opened(source) as sound:
        first, last = _span(sound, start, duration)
        begin = 0 if sound.file.format == "MP3" else first  # seeking in MP3 may land beside the mark
        waveform = np.concatenate(list(sound.decoded(begin, last, on_loss)))[first - begin :]
    refuse_impossible(waveform, sound.name, first)
    if sample_rate is None:
        return waveform, sound.sample_rate
    return resample(waveform, sound.sample_rate, sample_rate), sample_rate


def _span(sound: Sound, start: float, duration: float | None) -> tuple[int, int]:
    """The first sample and the one after the last."""
    if not (start >= 0 and (duration is None or duration > 0)):
        raise DataError(
            f"{sound.name}: asked for {duration} s from {start} s on; start is 0 or more, duration above 0."
        )
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
    source: str | Path, seconds: float = 0.32, *, raw_rate: int = 16000, on_loss: OnLoss | None = None
) -> Blocks:
    """A file, or a pipe such as standard input ("-"), in blocks of `seconds`, without reading ahead.

    A pipe holds a WAV stream of 16-bit PCM, or such samples without a header (mono, little-endian) at `raw_rate`.

    Args:
        on_loss: called after the last block of a file that was cut short or damaged; without it, that is an error.

    Raises:
        DataError: it cannot be read, at once or while iterating.
    """
    if source == "-":
        return Blocks(*piped(sys.stdin.buffer, name_of(source), seconds, raw_rate, on_loss))
    if Path(source).is_fifo():
        return Blocks(*piped(Path(source).open("rb"), name_of(source), seconds, raw_rate, on_loss))
    return Blocks(inspect(source).sample_rate, _file_blocks(source, seconds, on_loss))


def _file_blocks(source: str | Path, seconds: float, on_loss: OnLoss | None) -> Iterator[np.ndarray]:
    with opened(source) as sound:
        yield from sound.blocks(seconds, on_loss=on_loss)
