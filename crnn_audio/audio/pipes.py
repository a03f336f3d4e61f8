"""Sound through a pipe, block by block as it comes: 16-bit WAV, such samples without a header, or what PyAV reads."""

import struct
import sys
from collections.abc import Iterator

import numpy as np

from crnn_audio.audio import mpeg
from crnn_audio.audio.decoders import Damage
from crnn_audio.audio.kinds import HEAD, Kind, kind_of
from crnn_audio.audio.media import Media
from crnn_audio.audio.riff import FORMS, KNOWN, is_unknown_size
from crnn_audio.audio.sound import Loss, OnLoss, refuse_rate, report_loss
from crnn_audio.audio.source import Readable
from crnn_audio.errors import DataError

ADVICE = "A pipe must hold 16-bit WAV or PCM; give other formats as files"


class Ahead:
    """A stream that begins with bytes which were read from it before."""

    def __init__(self, stream: Readable, head: bytes) -> None:
        self.stream = stream
        self.head = head

    def read(self, size: int = -1, /) -> bytes:
        """The bytes read before, then those that follow."""
        if not self.head:
            return self.stream.read(size)
        taken, self.head = (self.head, b"") if size < 0 else (self.head[:size], self.head[size:])
        return taken + self.stream.read(size - len(taken) if size >= 0 else -1)

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay."""
        self.head += self.stream.read(size - len(self.head)) if size > len(self.head) else b""
        return self.head[:size]

    def seekable(self) -> bool:
        """Never."""
        return False


def piped(
    stream: Readable, name: str, seconds: float, raw_rate: int, on_loss: OnLoss | None
) -> tuple[int, int, Iterator[np.ndarray]]:
    """The sample rate, the number of channels, and pieces (S, C) of `seconds` each.

    Raises:
        DataError: it holds something else, or nothing.
    """
    ahead = Ahead(stream, b"")
    head = ahead.peek(12)
    channels, rate, expected = 1, raw_rate, None
    if not head:
        raise DataError(f"{name}: empty (0 bytes). {ADVICE}.")
    if head[:4] in FORMS and head[:4] != b"RIFX" and head[8:] == b"WAVE":
        ahead.read(12)
        channels, rate, expected = _wav_header(ahead, name)
    elif head[:4] in FORMS and head[8:] != b"AVI ":
        raise DataError(f"{name}: begins with {head[:4]!r}. {ADVICE}.")
    elif kind := _other_kind(ahead, head):
        return _media(ahead, name, kind, seconds, on_loss)
    refuse_rate(rate, name)
    size = max(round(seconds * rate), 1)
    pieces = _pcm_pieces(ahead, size, channels, sys.maxsize if expected is None else expected)
    counted = _counted(pieces, name, rate, None if expected is None else expected // (2 * channels), on_loss)
    return rate, channels, counted


def _other_kind(ahead: Ahead, head: bytes) -> Kind | None:
    """The format, where it is no PCM; MP3 and AAC look like PCM at first, and are known by their next frames."""
    if head.startswith(b"ID3") or (head[0] == 0xFF and mpeg.is_mp3(ahead.peek(mpeg.LONGEST * mpeg.IN_A_ROW))):
        return Kind("MP3", "mp3")
    if head[0] == 0xFF and mpeg.is_adts(ahead.peek(4 * HEAD)):
        return Kind("AAC", "aac")
    kind = kind_of(head)
    return None if kind is None or kind.demuxer in ("aac", "ac3", "mpegts") else kind


def _media(
    ahead: Ahead, name: str, kind: Kind, seconds: float, on_loss: OnLoss | None
) -> tuple[int, int, Iterator[np.ndarray]]:
    try:
        media = Media(ahead, name, kind)
    except DataError as error:
        raise DataError(f"{str(error).rstrip('.')}. {ADVICE}.") from None
    refuse_rate(media.sample_rate, name)
    return media.sample_rate, media.num_channels, _of_media(media, name, seconds, on_loss)


def _of_media(media: Media, name: str, seconds: float, on_loss: OnLoss | None) -> Iterator[np.ndarray]:
    position = 0
    try:
        for piece in media.pieces(0, max(round(seconds * media.sample_rate), 1)):
            position += len(piece)
            yield piece
    except Damage as error:
        report_loss(Loss(name, position / media.sample_rate, None, str(error)), on_loss)


def _wav_header(stream: Ahead, name: str) -> tuple[int, int, int | None]:
    """Channels, rate and bytes of samples, if stated, of a WAV stream, read up to its first sample."""
    channels = rate = 0
    while len(chunk := stream.read(8)) == 8:
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if kind == b"data" and rate:
            return channels, rate, None if is_unknown_size(size) else size
        body = stream.read(size)
        if size % 2 and stream.peek(4) not in KNOWN:  # the pad byte is forgotten by some
            stream.read(1)
        if kind == b"fmt ":
            coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16].ljust(16, b"\0"))
            if coding not in (1, 0xFFFE) or bits != 16 or not channels or not rate:
                found = f"format {coding}, {bits} bits, {channels} x {rate} Hz"
                raise DataError(f"{name}: a WAV pipe must hold 16-bit PCM (found {found}).")
    raise DataError(f"{name}: a WAV header without samples.")


def _pcm_pieces(stream: Readable, size: int, channels: int, left: int) -> Iterator[np.ndarray]:
    """Pieces of `size` samples, of the next `left` bytes; a piece of a sample at the end is left out."""
    width, content, rest = 2 * channels, b"any", b""
    while content:
        content = stream.read(min(size * width, left))
        left -= len(content)
        rest += content
        whole = len(rest) // width * width
        if whole:
            yield np.frombuffer(rest[:whole], "<i2").reshape(-1, channels).astype(np.float32) / 32768
        rest = rest[whole:]


def _counted(
    pieces: Iterator[np.ndarray], name: str, rate: int, expected: int | None, on_loss: OnLoss | None
) -> Iterator[np.ndarray]:
    there = 0
    for piece in pieces:
        there += len(piece)
        yield piece
    if expected is not None and there < expected:
        report_loss(Loss(name, there / rate, expected / rate), on_loss)
