"""One training at a time in a run directory: the folder itself is locked, and a killed process releases it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crnn_audio import runs
from crnn_audio.errors import RunError

TIMEOUT = 2.0
"""Seconds to wait for the children of a killed process: those that read ahead for it end a moment later."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Locks a run directory, which is made first; one that is left empty is removed again.

    Raises:
        RunError: another process is training in it, or it cannot be made.
    """
    if path.exists() and not path.is_dir():  # creating the run reports it
        yield
        return
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        with runs.writing(path):
            handle = _locked(path)
        try:
            yield
        finally:
            _unlock(handle)
    finally:
        with suppress(OSError):  # it is not empty
            for folder in made:
                folder.rmdir()


def _locked(path: Path) -> int:
    """The open and locked folder."""
    until = time.monotonic() + TIMEOUT
    while True:
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY)
        if _lock(handle) and path.is_dir() and os.path.samestat(os.fstat(handle), path.stat()):
            return handle
        os.close(handle)
        if time.monotonic() > until:
            raise RunError(f"{path}: another process is training in it. Wait for it, or choose another --out.")
        time.sleep(0.1)


def _lock(handle: int) -> bool:
    """Locks the folder, if no other process has; where a system has no locks it always succeeds."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _unlock(handle: int) -> None:
    """Releases it, also in processes that were forked since and have it open."""
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
