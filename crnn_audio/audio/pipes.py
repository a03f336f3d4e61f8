"""Sound through a pipe, block by block as it comes: 16-bit WAV, or such samples without a header."""

import struct
import sys
from collections.abc import Iterator

import numpy as np

from crnn_audio.audio.sound import Loss, OnLoss, mono, refuse_rate, report_loss
from crnn_audio.audio.source import Readable
from crnn_audio.audio.truncation import is_unknown_size
from crnn_audio.errors import DataError

NOT_PCM = (b"fLaC", b"OggS", b"ID3", b"\x1aE\xdf\xa3", b"RIFF", b"RIFX", b"RF64", b"FORM")  # how others begin


def piped(
    stream: Readable, name: str, seconds: float, raw_rate: int, on_loss: OnLoss | None
) -> tuple[int, Iterator[np.ndarray]]:
    """The sample rate and the blocks of `seconds` each.

    Raises:
        DataError: it holds something else, or nothing.
    """
    head = stream.read(12)
    channels, rate, expected = 1, raw_rate, None
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        channels, rate, expected = _wav_header(stream, name)
        head = b""
    elif not head or head.startswith(NOT_PCM):
        found = f"begins with {head[:4]!r}" if head else "empty (0 bytes)"
        raise DataError(f"{name}: {found}. A pipe must hold 16-bit WAV or PCM; give other formats as files.")
    refuse_rate(rate, name)
    size = max(round(seconds * rate), 1)
    blocks = _pcm_blocks(stream, head, size, channels, sys.maxsize if expected is None else expected)
    return rate, _counted(blocks, name, rate, None if expected is None else expected // (2 * channels), on_loss)


def _wav_header(stream: Readable, name: str) -> tuple[int, int, int | None]:
    """Channels, rate and bytes of samples, if stated, of a WAV stream, read up to its first sample."""
    channels = rate = 0
    while len(chunk := stream.read(8)) == 8:
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if kind == b"data" and rate:
            return channels, rate, None if is_unknown_size(size) else size
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
            yield mono(np.frombuffer(rest[:whole], "<i2").reshape(-1, channels).astype(np.float32)) / 32768
        rest = rest[whole:]


def _counted(
    blocks: Iterator[np.ndarray], name: str, rate: int, expected: int | None, on_loss: OnLoss | None
) -> Iterator[np.ndarray]:
    there = 0
    for block in blocks:
        there += len(block)
        yield block
    if expected is not None and there < expected:
        report_loss(Loss(name, there / rate, expected / rate), on_loss)
