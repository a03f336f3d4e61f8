"""Watches each call that reaches a file or a stream, and lets a chosen one fail as a system does."""

import builtins
import errno
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import soundfile
from matplotlib.figure import Figure

from tests.faults.places import PACKAGE, places, within
from tests.trainings import die

READ, WRITE, REMOVE = "read", "write", "remove"
PICTURE = b"\x89PNG" + bytes(100) + b"IEND\xaeB`\x82"
"""In the place of one that takes seconds to draw."""
FEW_BYTES = 100
"""What still fits onto a disk that is full, for libraries that write by themselves."""
ERRORS = {READ: errno.EIO, WRITE: errno.ENOSPC, REMOVE: errno.EACCES}


@dataclass(frozen=True)
class Point:
    """A call from these places, the innermost first, to a function of the system."""

    kind: str
    function: str
    chain: tuple[str, ...]


@dataclass
class Watch:
    """What was reached, in order; and the point that fails, from its first time on: a full disk stays full.

    `read` are the files that were; where it is `fatal`, the point is where the process is killed.
    """

    failing: Point | None = None
    points: dict[Point, Path | None] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    read: dict[str, None] = field(default_factory=dict)
    fatal: bool = False
    failed: bool = False

    def reach(self, kind: str, function: str, path: object = None) -> None:
        """Called before the system is.

        Raises:
            OSError: this is where it fails.
        """
        if self.fails(kind, function, path):
            raise OSError(ERRORS[kind], os.strerror(ERRORS[kind]))

    def fails(self, kind: str, function: str, path: object = None) -> bool:
        """Notes the point; whether it is to fail."""
        frames = list(_frames(sys._getframe(2)))
        if not frames:
            return False
        chain = tuple(dict.fromkeys(key for frame in frames for key in _keys(frame)))
        point = Point(kind, function, chain)
        self.points.setdefault(point, Path(os.fsdecode(path)) if isinstance(path, str | bytes | Path) else None)
        if not _keys(frames[0]) and _is_direct(frames[0]):
            self.outside.add(f"{frames[0].f_code.co_filename}:{frames[0].f_lineno} {function}")
        if kind == READ and function != "scandir" and isinstance(path, str | Path):
            self.read.setdefault(os.path.relpath(path))
        if point == self.failing:
            if self.fatal:
                die()
            self.failed = True
            return True
        return self.failed and self.failing is not None and _medium(point) == _medium(self.failing) is not None


def _medium(point: Point) -> str | None:
    """What stays full once it is: the disk, or where a stream of the program leads to."""
    if point.kind != WRITE:
        return None
    return point.function if point.function in ("stdout", "stderr") else "disk"


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(f"{PACKAGE}/"):
            yield frame
        frame = frame.f_back


def _keys(frame: FrameType) -> list[str]:
    return _keys_at(frame.f_code, frame.f_lasti)


@cache
def _keys_at(code: CodeType, instruction: int) -> list[str]:
    span = list(code.co_positions())[instruction // 2]
    if None in span:
        return []
    file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
    return within(file, span)  # type: ignore[arg-type]


CARRIERS = frozenset("pathlib shutil tempfile contextlib glob os zipfile gzip codecs".split())
"""Modules that only carry a call on: what they reach is reached by their caller."""


def _is_direct(innermost: FrameType) -> bool:
    """Whether the package itself reached the system, and no library in between that has files of its own."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame is not innermost:
        path = Path(frame.f_code.co_filename)
        if path.stem not in CARRIERS and path != Path(__file__) and "<" not in path.name:
            return False
        frame = frame.f_back
    return True


class _File(io.FileIO):
    """A file whose reads and writes are watched."""

    watch: Watch

    def read(self, size: int | None = -1, /) -> bytes:
        self.watch.reach(READ, "read", self.name)
        return super().read(-1 if size is None else size)

    def readall(self) -> bytes:
        self.watch.reach(READ, "read", self.name)
        return super().readall()

    def readinto(self, buffer: Any, /) -> int:
        self.watch.reach(READ, "read", self.name)
        return super().readinto(buffer)

    def write(self, content: Any, /) -> int:
        if self.watch.fails(WRITE, "write", self.name):
            super().write(memoryview(content)[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


class Input(io.RawIOBase):
    """Standard input whose reads are watched."""

    def __init__(self, watch: Watch, content: bytes) -> None:
        self.watch, self.held = watch, io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self.watch.reach(READ, "stdin")
        return self.held.readinto(buffer)


class _Stream(io.RawIOBase):
    """Standard output or error as with PYTHONUNBUFFERED: each write reaches the system."""

    def __init__(self, watch: Watch, name: str) -> None:
        self.watch, self.name = watch, name
        self.content = b""
        self.gone = False
        self.null = os.open(os.devnull, os.O_WRONLY)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.null

    def write(self, content: Any, /) -> int:
        if not self.gone:
            self.watch.reach(WRITE, self.name)
            self.content += bytes(content)
        return len(content)

    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


def stream(watch: Watch, name: str) -> tuple[_Stream, io.TextIOWrapper]:
    """What was written so far, and what the program writes to."""
    raw = _Stream(watch, name)
    errors = "backslashreplace" if name == "stderr" else "strict"
    text = io.TextIOWrapper(io.BufferedWriter(raw, 1), "utf-8", errors, write_through=True)  # type: ignore[type-var]
    text.mode = "w"  # as that of every text file
    return raw, text


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """All that the package reaches goes by `watch`."""
    places()  # read now, or reading them would be watched
    with pytest.MonkeyPatch.context() as patch:
        opened = _opener(watch)
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        for kind, names in {
            WRITE: "mkdir replace rename fsync",
            READ: "scandir listdir",
            REMOVE: "unlink rmdir",
        }.items():
            for name in names.split():
                patch.setattr(os, name, _before(watch, kind, name, getattr(os, name)))
        patch.setattr(os, "open", _os_open(watch))
        patch.setattr(os, "dup2", _dup2(watch))
        git = subprocess.CompletedProcess([], 0, "0123456789ab\n", "")
        patch.setattr(subprocess, "run", _before(watch, READ, "run", lambda *words, **options: git))
        patch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(PICTURE))
        patch.setattr(np, "memmap", _before(watch, READ, "memmap", np.memmap))
        patch.setattr(soundfile.SoundFile, "__init__", _of_instance(watch, "SoundFile", soundfile.SoundFile.__init__))
        patch.setattr(soundfile, "write", _on_full_disk(watch, "soundfile.write", soundfile.write))
        libraries = {
            safetensors.torch.load_file: _before(watch, READ, "load_file", safetensors.torch.load_file),
            safetensors.safe_open: _before(watch, READ, "safe_open", safetensors.safe_open),
            safetensors.torch.save_file: _on_full_disk(watch, "save_file", safetensors.torch.save_file),
        }
        users = [one for name, one in sys.modules.items() if name.startswith("crnn_audio.")]
        for module in [safetensors, safetensors.torch, *users]:
            for plain, replaced in libraries.items():
                if getattr(module, plain.__name__, None) is plain:
                    patch.setattr(module, plain.__name__, replaced)
        yield


def _opener(watch: Watch) -> Callable[..., Any]:
    plain = io.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
        if not isinstance(file, str | bytes | Path | int) or not any(_frames(sys._getframe(1))):
            return plain(file, mode, buffering, *rest, **options)
        watch.reach(WRITE if set(mode) & set("wax+") else READ, "open", file)
        kept = {"closefd": options.pop("closefd", True)}
        raw = type("File", (_File,), {"watch": watch})(file, mode.replace("b", "").replace("t", ""), **kept)
        if buffering == 0:
            return raw
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter)(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *rest, **options)

    return opened


def _before(watch: Watch, kind: str, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        watch.reach(kind, name, arguments[0] if arguments else None)
        return plain(*arguments, **options)

    return called


def _of_instance(watch: Watch, name: str, plain: Callable[..., None]) -> Callable[..., None]:
    """A constructor that reads, which subclasses have too."""

    def begun(self: object, *arguments: Any, **options: Any) -> None:
        watch.reach(READ, name, arguments[0] if arguments else None)
        plain(self, *arguments, **options)

    return begun


def _os_open(watch: Watch) -> Callable[..., int]:
    plain = os.open

    def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        watch.reach(WRITE if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) else READ, "os.open", path)
        return plain(path, flags, *rest, **options)

    return opened


def _dup2(watch: Watch) -> Callable[..., int]:
    plain = os.dup2

    def doubled(source: int, target: int, *rest: Any) -> int:
        watch.reach(READ, "dup2") if watch.failing is None else None
        for one in (sys.stdout, sys.stderr):
            raw = getattr(getattr(one, "buffer", None), "raw", None)
            if isinstance(raw, _Stream) and raw.null == target:
                raw.gone = True
        return plain(source, target, *rest)

    return doubled


def _on_full_disk(watch: Watch, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """A library that opens files by itself meets a limit of their size in place of a full disk."""

    def called(*arguments: Any, **options: Any) -> Any:
        if not watch.fails(WRITE, name):
            return plain(*arguments, **options)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, hard))
        try:
            return plain(*arguments, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return called
