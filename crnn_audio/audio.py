"""Sound from a file, standard input or memory as one mono waveform: `read`, `inspect`, `resample`.

soundfile decodes and soxr resamples. Whatever cannot be used is a `DataError` of one line that names the source.
"""

import difflib
import io
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import soundfile

from crnn_audio.errors import DataError


@runtime_checkable
class Readable(Protocol):
    """A binary file object; it need not know how to seek."""

    def read(self, size: int = -1, /) -> bytes:
        """All that is left, or `size` bytes."""


Source: TypeAlias = str | Path | bytes | Readable

# What errors offer; soundfile reads more.
FORMATS = "WAV, FLAC, Ogg (Vorbis or Opus) and MP3"
BLOCK = 1 << 20
UNKNOWN_LENGTH = (1 << 63) - 1
NOT_PCM = (b"fLaC", b"OggS", b"ID3", b"\x1aE\xdf\xa3", b"RIFF", b"RIFX", b"RF64", b"FORM")  # how others begin
ENDLESS = 0x7FFF0000  # bytes that a WAV header claims, or more, where nobody knew how long it would be


@dataclass(frozen=True)
class AudioInfo:
    """What an audio file's header says: samples per second, samples in one channel, channels, such as `FLAC PCM_16`."""

    sample_rate: int
    num_samples: int
    num_channels: int
    format: str

    @property
    def seconds(self) -> float:
        """Length."""
        return self.num_samples / self.sample_rate


def read(
    source: Source, sample_rate: int | None = None, *, start: float = 0.0, duration: float | None = None
) -> tuple[np.ndarray, int]:
    """Gives a float32 mono waveform, shape (S,), and its sample rate.

    Channels are averaged. Full scale is 1; float files and lossy ones may overshoot it, and are not clipped.

    Args:
        source: a path, "-" for standard input (read to its end), the bytes of a file, or a binary file object.
        sample_rate: what to resample to; by default the file's own.
        start: seconds into the recording, rounded to the nearest sample of the file's own rate.
        duration: seconds to read from there; by default to the end.

    Raises:
        DataError: there is no such file, it is a folder, empty, not audio, damaged, without samples or unreadable,
            holds NaN or infinite samples, or ends before `start + duration`.
    """
    with _opened(source) as (file, name):
        first, last = _span(file, name, start, duration)
        waveform = _decoded(file, name, first, last)
        native_rate = int(file.samplerate)
    _refuse_non_finite(waveform, name, first)
    if sample_rate is None:
        return waveform, native_rate
    return resample(waveform, native_rate, sample_rate), sample_rate


@dataclass(frozen=True)
class Blocks:
    """Sound as it arrives: iterating gives float32 mono blocks at `sample_rate`, the last one shorter."""

    sample_rate: int
    pieces: Iterator[np.ndarray]

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.pieces


def blocks(source: str | Path, seconds: float = 0.32, *, raw_rate: int = 16000) -> Blocks:
    """A file, or a pipe such as standard input ("-"), in blocks of `seconds`, without reading ahead.

    A pipe holds a WAV stream of 16-bit PCM, or such samples without a header (mono, little-endian) at `raw_rate`.

    Raises:
        DataError: it cannot be read, at once or while iterating.
    """
    if source == "-":
        return _piped(sys.stdin.buffer, name_of(source), seconds, raw_rate)
    if Path(source).is_fifo():
        return _piped(Path(source).open("rb"), name_of(source), seconds, raw_rate)
    rate = inspect(source).sample_rate
    return Blocks(rate, _file_blocks(source, max(round(seconds * rate), 1)))


def _file_blocks(source: str | Path, size: int) -> Iterator[np.ndarray]:
    with _opened(source) as (file, name), _damage_named(file, name):
        position = 0
        while len(block := _mono(file.read(size, dtype="float32", always_2d=True))):
            _refuse_non_finite(block, name, position)
            position += len(block)
            yield block


def _piped(stream: Readable, name: str, seconds: float, raw_rate: int) -> Blocks:
    head = stream.read(12)
    channels, rate, left = 1, raw_rate, sys.maxsize
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        channels, rate, left = _wav_header(stream, name)
        head = b""
    elif not head or head.startswith(NOT_PCM):
        found = f"begins with {head[:4]!r}" if head else "empty (0 bytes)"
        raise DataError(f"{name}: {found}. A pipe must hold 16-bit WAV or PCM; give other formats as files.")
    return Blocks(rate, _pcm_blocks(stream, head, max(round(seconds * rate), 1), channels, left))


def _wav_header(stream: Readable, name: str) -> tuple[int, int, int]:
    """Channels, rate and bytes of samples of a WAV stream, read up to its first sample."""
    channels = rate = 0
    while len(chunk := stream.read(8)) == 8:
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if kind == b"data" and rate:
            return channels, rate, size if 0 < size < ENDLESS else sys.maxsize
        body = stream.read(size + size % 2)
        if kind == b"fmt ":
            coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16].ljust(16, b"\0"))
            if coding not in (1, 0xFFFE) or bits != 16 or not channels or not rate:
                found = f"format {coding}, {bits} bits, {channels} x {rate} Hz"
                raise DataError(f"{name}: a WAV pipe must hold 16-bit PCM (found {found}).")
    raise DataError(f"{name}: a WAV header without samples.")


def _pcm_blocks(stream: Readable, rest: bytes, size: int, channels: int, left: int) -> Iterator[np.ndarray]:
    """Blocks of `size` samples, of `rest` and the next `left` bytes; a piece of a sample at the end is left out."""
    width, content = 2 * channels, b"any"
    while content:
        content = stream.read(min(size * width, left))
        left -= len(content)
        rest += content
        whole = len(rest) // width * width
        if whole:
            yield _mono(np.frombuffer(rest[:whole], "<i2").reshape(-1, channels).astype(np.float32)) / 32768
        rest = rest[whole:]


def _mono(samples: np.ndarray) -> np.ndarray:
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def inspect(source: Source) -> AudioInfo:
    """Reads the header alone.

    Raises:
        DataError: as `read`, as far as the header tells.
    """
    with _opened(source) as (file, _):
        return AudioInfo(int(file.samplerate), int(file.frames), int(file.channels), f"{file.format} {file.subtype}")


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Changes the sample rate by soxr at high quality.

    S samples become floor(S * to_rate / from_rate + 1/2): the nearest count, halves up, but never none.
    """
    if from_rate == to_rate:
        return waveform
    import soxr

    resampled = np.asarray(soxr.resample(waveform, from_rate, to_rate, quality="HQ"), dtype=np.float32)
    return resampled if resampled.size else waveform[:1]


@contextmanager
def _opened(source: Source) -> Iterator[tuple[soundfile.SoundFile, str]]:
    name = name_of(source)
    with _stream(source, name) as stream:
        # A descriptor, where there is one: given a name, soundfile takes `x.raw` for headerless samples.
        target = stream if isinstance(stream, io.BytesIO) else stream.fileno()
        try:
            file = soundfile.SoundFile(target, closefd=False)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{name}: not audio that can be read ({_reason(error)}). Read are {FORMATS}.") from None
        with file:
            _refuse_length(file, name)
            yield file, name


def _refuse_length(file: soundfile.SoundFile, name: str) -> None:
    if file.frames == 0:
        raise DataError(f"{name}: a header of {file.format} audio without a single sample.")
    if file.frames == UNKNOWN_LENGTH:
        raise DataError(f"{name}: its {file.format} header gives no length; write it to a file, not a pipe.")


def name_of(source: Source) -> str:
    """What messages call a source: its path, "standard input", "bytes" or "file object"."""
    if isinstance(source, bytes):
        return "bytes"
    if isinstance(source, str | Path):
        return "standard input" if source == "-" else str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "file object"


def _stream(source: Source, name: str) -> io.BufferedIOBase:
    try:
        if isinstance(source, str | Path) and source != "-":
            return _opened_path(Path(source))
        content = source if isinstance(source, bytes) else _all_of(source)
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}).") from None
    if not content:
        raise DataError(f"{name}: empty (0 bytes).")
    return io.BytesIO(content)


def _all_of(source: str | Path | Readable) -> bytes:
    return sys.stdin.buffer.read() if isinstance(source, str | Path) else source.read()


def _opened_path(path: Path) -> io.BufferedIOBase:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file{_nearest(path)}.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder where an audio file is expected.") from None
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):  # a pipe cannot be rewound, as decoders need
        with stream:
            return io.BytesIO(stream.read())
    if status.st_size == 0:
        stream.close()
        raise DataError(f"{path}: empty (0 bytes).")
    return stream


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"; did you mean {close[0]!r}" if close else ""


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


def _span(file: soundfile.SoundFile, name: str, start: float, duration: float | None) -> tuple[int, int]:
    """The first sample and the one after the last."""
    if not (start >= 0 and (duration is None or duration > 0)):
        raise DataError(f"{name}: asked for {duration} s from {start} s on; start is 0 or more, duration above 0.")
    rate, frames = file.samplerate, file.frames
    first = round(start * rate)
    last = frames if duration is None else round((start + duration) * rate)
    if not first < last <= frames:
        end = "its end" if duration is None else f"{start + duration:.4f} s"
        raise DataError(f"{name}: asked for {start:.4f} s to {end}, but it is {frames / rate:.4f} s long.")
    return first, last


def _decoded(file: soundfile.SoundFile, name: str, first: int, last: int) -> np.ndarray:
    begin = 0 if file.format == "MP3" else first  # seeking in MP3 may land beside the mark
    blocks: list[np.ndarray] = []
    with _damage_named(file, name):
        file.seek(begin)
        # Block by block, since a damaged header may claim more than fits into memory.
        for position in range(begin, last, BLOCK):
            blocks.append(_mono(file.read(min(BLOCK, last - position), dtype="float32", always_2d=True)))
    waveform = np.concatenate(blocks)[first - begin :]
    if not waveform.size:
        raise DataError(f"{name}: damaged {file.format} audio; not one sample could be decoded.")
    return waveform


@contextmanager
def _damage_named(file: soundfile.SoundFile, name: str) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: damaged {file.format} audio ({_reason(error)}).") from None


def _refuse_non_finite(waveform: np.ndarray, name: str, first: int) -> None:
    bad = np.flatnonzero(~np.isfinite(waveform))
    if bad.size:
        where = f"the first at sample {first + bad[0]}"
        raise DataError(f"{name}: {bad.size} of {waveform.size} samples are NaN or infinite, {where}.")
