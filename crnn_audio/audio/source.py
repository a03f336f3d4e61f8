"""Where sound comes from: a path, standard input, bytes or a file object, as one binary file that can be rewound."""

import difflib
import io
import os
import stat
import sys
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
        content = Path(str(source)).read_bytes() if is_path else _all_of(source)
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
    return sys.stdin.buffer.read() if isinstance(source, str | Path) else source.read()


def _opened_path(path: Path) -> Binary:
    try:
        stream = path.open("rb", 0)
    except FileNotFoundError:
        raise DataError(f"{path}: {files.dangling(path) or f'no such file{_nearest(path)}'}.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder where an audio file is expected.") from None
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):  # a pipe cannot be rewound, as decoders need
        with stream:
            return MemoryFile(stream.read())
    if status.st_size == 0:
        stream.close()
        raise DataError(f"{path}: empty (0 bytes).")
    return stream


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"; did you mean {close[0]!r}" if close else ""
