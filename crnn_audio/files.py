"""Files read and replaced: the new one is written beside the old, flushed to the disk, then renamed over it.

A reader sees the old file or the new one, never half of one; a full disk or a killed process leaves the old one whole.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDLESS = "a pipe or a device, where a file is expected"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the same folder; on leaving without an error it takes the place of `path`.

    Raises:
        OSError: the folder cannot be written or the disk is full. `path` is then as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
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


def read_bytes(path: Path) -> bytes:
    """The content of a file. A pipe or a device, which may never end or never begin, is refused.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    if endless(path):
        raise OSError(ENDLESS)
    return path.read_bytes()


def endless(path: Path) -> bool:
    """Whether a path is that of a pipe or a device: who reads it may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:  # which reading it will tell
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def remove_partials(folder: Path) -> None:
    """Removes what a killed process left in a folder: files that were to replace others and never did."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
