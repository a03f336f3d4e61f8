"""A file put together from pieces of another: a repaired header before the samples, or one of several joined files."""

import io
import mmap
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, TypeAlias

from crnn_audio.audio.source import Binary

Piece: TypeAlias = bytes | tuple[int, int]
"""Bytes as they are, or where a piece of the file begins and ends."""


class Spliced(io.RawIOBase):
    """Pieces of a file in a row, read only; like a `MemoryFile`, it answers a seek to nowhere by staying."""

    def __init__(self, stream: Binary, pieces: Sequence[Piece]) -> None:
        self.stream = stream
        self.pieces = [piece for piece in pieces if size_of(piece)]
        self.ends = list(accumulate(map(size_of, self.pieces)))
        self.position = 0

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self.ends[-1] if self.ends else 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes from the beginning."""
        return self.position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Where it is now."""
        goal = offset + (0, self.position, self.size)[whence]
        self.position = goal if goal >= 0 else self.position
        return self.position

    def readinto(self, buffer: Any, /) -> int:
        """As many bytes as there are and as fit."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self.position < self.size:
            content = self._next(len(view) - done)
            if not content:
                break
            view[done : done + len(content)] = content
            done += len(content)
            self.position += len(content)
        return done

    def _next(self, count: int) -> bytes:
        index = bisect_right(self.ends, self.position)
        piece = self.pieces[index]
        within = self.position - (self.ends[index] - size_of(piece))
        count = min(count, self.ends[index] - self.position)
        if isinstance(piece, bytes):
            return piece[within : within + count]
        self.stream.seek(piece[0] + within)
        return self.stream.read(count)


def size_of(piece: Piece) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, bytes) else max(piece[1] - piece[0], 0)


@contextmanager
def mapped(stream: Binary) -> Iterator[Any]:
    """All bytes of a file, to search in without reading them into memory."""
    if isinstance(stream, io.BytesIO):
        yield stream.getvalue()
        return
    try:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # not every file system can
        stream.seek(0)
        yield stream.read()
        return
    with content:
        yield content
