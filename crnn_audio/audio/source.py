"""Where sound comes from: a path, standard input, bytes or a file object, as one binary file that can be rewound."""

import difflib
import io
import os
import stat
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from crnn_audio import files
from crnn_audio.errors import DataError


@runtime_checkable
class Readable(Protocol):
    """A binary file object; it need not know how to seek."""

    def read(self, size: int = -1, /) -> bytes:
        """All that is left, or `size` bytes."""


Source: TypeAlias = str | Path | bytes | Readable
Binary: TypeAlias = io.FileIO | io.BytesIO


LARGEST_PIPE = 2**32
"""Bytes of a pipe that are kept."""
WRITER_SECONDS = 10.0
"""How long a pipe may be without anybody who writes into it."""


class MemoryFile(io.BytesIO):
    """Bytes as a file that answers a decoder's seek to nowhere by staying where it is, not by a traceback."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Where it is now."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


@dataclass(frozen=True)
class PipeContent:
    """The content of a pipe, which can be read only once, kept: each `read` gives all of it."""

    name: str
    content: bytes

    def read(self, size: int = -1, /) -> bytes:
        """All of it."""
        return self.content


def rereadable(source: Source) -> Source:
    """The same, or the content of a pipe or a file object, so that it can be read several times."""
    is_path = isinstance(source, str | Path) and source != "-"
    if isinstance(source, bytes | PipeContent) or (is_path and not files.endless(Path(str(source)))):
        return source
    try:
        if is_path:
            with open_sound(Path(str(source))) as pipe:
                return PipeContent(name_of(source), files.bounded(pipe, LARGEST_PIPE))
        content = _all_of(source)
        return PipeContent(name_of(source), content)
    except OSError:
        return source  # reading it again gives the error


def name_of(source: Source) -> str:
    """What messages call a source: its path, "standard input", "bytes" or "file object"."""
    if isinstance(source, bytes):
        return "bytes"
    if isinstance(source, str | Path):
        return "standard input" if source == "-" else str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "file object"


def binary(source: Source, name: str) -> Binary:
    """The file itself, unbuffered, or all that a stream holds.

    Raises:
        DataError: there is no such file, it is a folder, unreadable or empty.
    """
    try:
        if isinstance(source, str | Path) and source != "-":
            return _opened_path(Path(source))
        content = source if isinstance(source, bytes) else _all_of(source)
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}).") from None
    if not content:
        raise DataError(f"{name}: empty (0 bytes).")
    return MemoryFile(content)


def _all_of(source: str | Path | Readable) -> bytes:
    if isinstance(source, str | Path):
        return files.bounded(sys.stdin.buffer, LARGEST_PIPE)
    return source.read()


def open_sound(path: Path) -> io.FileIO:
    """A file or a pipe, unbuffered. A device is refused, and a pipe that nobody writes to after some seconds.

    Raises:
        OSError: it cannot be opened.
    """
    mode = path.stat().st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OSError("a device, where a recording is expected")
    return io.FileIO(_opened_pipe(path), "rb") if stat.S_ISFIFO(mode) else path.open("rb", 0)


def _opened_pipe(path: Path) -> int:
    """The system opens a pipe once somebody writes into it; after a while we do it, so as to give up."""
    handles = list[int]()
    opening = threading.Thread(target=lambda: handles.append(os.open(path, os.O_RDONLY)), daemon=True)
    opening.start()
    opening.join(WRITER_SECONDS)
    if not handles:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        opening.join(1)
        for handle in handles:
            os.close(handle)
        raise OSError(f"a pipe into which nobody has written for {WRITER_SECONDS:g} s")
    return handles[0]


def _opened_path(path: Path) -> Binary:
    try:
        stream = open_sound(path)
    except FileNotFoundError:
        raise DataError(f"{path}: {files.dangling(path) or f'no such file{_nearest(path)}'}.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder where an audio file is expected.") from None
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):  # a pipe cannot be rewound, as decoders need
        with stream:
            return MemoryFile(files.bounded(stream, LARGEST_PIPE))
    if status.st_size == 0:
        stream.close()
        raise DataError(f"{path}: empty (0 bytes).")
    return stream


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"; did you mean {close[0]!r}" if close else ""
