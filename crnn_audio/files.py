"""Files read and replaced: text and JSON with one wording of what is wrong, and new content all or nothing.

A new file is written beside the old, flushed to the disk, then renamed over it. A reader sees the old file or the new
one, never half of one; a full disk or a killed process leaves the old one whole.
"""

import codecs
import errno
import gzip
import io
import json
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENDLESS = "a pipe or a device, where a file is expected"
LARGEST = 2**31
"""Bytes of a file that is read at once, and of what is unpacked from it, where no less is stated."""
LARGEST_JSON = 2**25
"""Bytes of a JSON file, whose values take some twenty times as much memory."""
NAME_BYTES = 255
"""The longest name of a file on most systems."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

MakeError = Callable[[str], Exception]
"""The class of an error, which takes what is wrong."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the same folder; on leaving without an error it takes the place of `path`.

    Raises:
        OSError: the folder cannot be written or the disk is full. `path` is then as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{shortened(path.name, 32)}.", suffix=".partial")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content`, all or nothing."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replaces `path` by `content` in UTF-8, all or nothing."""
    write_bytes(path, content.encode("utf-8"))


def shortened(name: str, reserved: int = 0) -> str:
    """The beginning of a name that leaves so many bytes of the longest legal one, cut between two characters."""
    return os.fsencode(name)[: NAME_BYTES - reserved].decode(errors="ignore") if _is_long(name, reserved) else name


def _is_long(name: str, reserved: int) -> bool:
    return len(os.fsencode(name)) > NAME_BYTES - reserved


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A file to be read. A pipe or a device, which may never end or never begin, is refused.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123 - of a handle
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) if stat.S_ISDIR(mode) else OSError(ENDLESS)
        yield file


def read_bytes(path: Path, limit: int = LARGEST) -> bytes:
    """The content of a file of at most `limit` bytes. A pipe or a device is refused.

    Raises:
        OSError: it cannot be read, is no file, or is larger.
    """
    with opened(path) as file:
        return bounded(file, limit, os.fstat(file.fileno()).st_size + 1)


def bounded(file: Any, limit: int, block: int = 2**20) -> bytes:
    """All of an open file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, or is larger.
    """
    pieces, count = list[bytes](), 0
    try:
        while count <= limit and (piece := file.read(min(block, limit + 1))):
            pieces.append(piece)
            count += len(piece)
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except MemoryError:
        raise OSError("it is too large for the memory of this machine") from None
    if count > limit:
        raise OSError(f"it holds more than {limit / 1e6:,.3g} MB")
    return content


def read_content(path: Path, error: MakeError, *, advice: str = "") -> bytes:
    """The content of a file; the arguments are those of `read_text`."""
    try:
        return read_bytes(path)
    except OSError as problem:
        raise error(_unreadable(path, problem, advice, "")) from None


def read_text(
    path: Path,
    error: MakeError,
    *,
    advice: str = "",
    missing: str = "",
    encoding: str = "utf-8",
    limit: int = LARGEST,
) -> str:
    """The text of a file, without a byte order mark and with its own line ends; unpacked if its name ends in .gz.

    Args:
        error: what is raised where it cannot be read, is packed badly, or is no such text: one line with the path, the
            line and the byte.
        advice: what to do then, in a sentence.
        missing: the message for a file that is not there, in place of the system's words and the advice.
        encoding: "utf-8" or "ascii".
        limit: the most bytes that it may hold.
    """
    try:
        return _decoded(path, encoding, limit)
    except UnicodeDecodeError as problem:
        raise error(f"{path}, {_undecodable(problem, encoding)}. {advice or 'Save it as UTF-8.'}") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise error(_unreadable(path, problem, advice, missing)) from None


def read_json(path: Path, error: MakeError, *, advice: str = "", missing: str = "") -> Any:
    """The value in a JSON file; the arguments are those of `read_text`."""
    try:
        return parse_json(_decoded(path, "utf-8", LARGEST_JSON))
    except UnicodeDecodeError as problem:
        raise error(_sentences(f"{path}: damaged ({_undecodable(problem, 'utf-8')}).", advice)) from None
    except ValueError as problem:
        raise error(_sentences(f"{path}: damaged ({problem}).", advice)) from None
    except (OSError, EOFError, zlib.error) as problem:
        raise error(_unreadable(path, problem, advice, missing)) from None


def read_json_object(path: Path, error: MakeError, *, advice: str = "", missing: str = "") -> dict[str, Any]:
    """The fields of the one object in a JSON file; the arguments are those of `read_text`."""
    content = read_json(path, error, advice=advice, missing=missing)
    if not isinstance(content, dict):
        raise error(_sentences(f"{path}: damaged (not a JSON object).", advice))
    return content


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, or too deep; with the place.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        line = f"line {problem.lineno}, " if problem.lineno > 1 else ""
        raise ValueError(f"{problem.msg} at {line}column {problem.colno}") from None
    except UnicodeDecodeError as problem:
        raise ValueError(_undecodable(problem, "utf-8")) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def reason(error: Exception) -> str:
    """The system's message, without numbers and paths."""
    return getattr(error, "strerror", None) or str(error)


def _decoded(path: Path, encoding: str, limit: int) -> str:
    content = read_bytes(path, limit)
    if path.suffix.lower() == ".gz":
        with gzip.open(io.BytesIO(content)) as packed:
            content = bounded(packed, limit)
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except MemoryError:
        raise OSError("it is too large for the memory of this machine") from None


def _undecodable(error: UnicodeDecodeError, encoding: str) -> str:
    content, at = bytes(error.object), error.start
    if content.startswith(UTF_16):
        return f"line 1: UTF-16 where {encoding.upper()} is expected"
    line = content.count(b"\n", 0, at) + 1
    return f"line {line}: not {encoding.upper()} (byte {at} is 0x{content[at]:02x})"


def _unreadable(path: Path, error: Exception, advice: str, missing: str) -> str:
    if missing and isinstance(error, FileNotFoundError):
        return f"{path}: {missing}"
    return _sentences(f"{path}: cannot be read ({reason(error)}).", advice)


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def endless(path: Path) -> bool:
    """Whether a path is that of a pipe or a device: reading it may never end."""
    try:
        mode = path.stat().st_mode
    except OSError:  # reading it reports the error
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def dangling(path: str | Path) -> str:
    """What to say of a link to a file that is not there; empty for all else."""
    path = Path(path)
    return f"a link to {path.readlink()}, which does not exist" if path.is_symlink() and not path.exists() else ""


def is_file(path: str | Path) -> bool:
    """Whether there is such a file; a text that is no possible name, being too long, is none."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def remove_partials(folder: Path) -> None:
    """Removes what a killed process left in a folder: files that were to replace others and never did."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
