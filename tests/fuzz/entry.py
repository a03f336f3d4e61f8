"""The command line, called in this process as a shell calls it, and what every call has to keep to."""

import io
import json
import resource
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

from crnn_audio import cli
from crnn_audio.console import one_line

CODES = {0, 2, 3, 4, 5, 6}
"""How a call may end: 1 is a bug."""
SECONDS = 20
"""Of computing: what takes longer hangs."""
MORE_MEMORY = 3 << 29
"""Bytes that a call may take beside what the process holds already."""
STATUS = Path("/proc/self/statm")
SILENT = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings that Python shows nobody outside of tests."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"{' '.join(self.arguments)}\nexit code {self.code}\n{self.stdout[-3000:]}\n{self.stderr[-3000:]}"

    def names(self, *names: object) -> bool:
        """Whether standard error names one of these."""
        return any(str(one) in self.stderr or one_line(str(one)) in self.stderr for one in names)

    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines, of the JSON that every reader takes: without NaN and infinity."""
        return [json.loads(line, parse_constant=_no_json) for line in self.stdout.split("\n") if line]


def _no_json(word: str) -> NoReturn:
    raise AssertionError(f"{word} is no JSON")


class Program:
    """`program("transcribe", run, "a.wav")` runs a verb in this process; what no call may do fails the test."""

    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capfd = capfd
        self.monkeypatch = monkeypatch

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Outcome:
        words = tuple(map(str, arguments))
        self.monkeypatch.setattr(sys, "argv", ["crnn-audio", *words])
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capfd.readouterr()
        with warnings.catch_warnings(record=True) as warned, bounded_memory(), _bounded_time():
            warnings.simplefilter("default")
            code = _exit_code()
        outcome = Outcome(words, code, *self.capfd.readouterr())
        _refuse_mishaps(outcome, [str(one.message) for one in warned if not issubclass(one.category, SILENT)])
        return outcome


def _exit_code() -> int:
    try:
        cli.main()
    except SystemExit as ending:
        return 0 if ending.code is None else int(ending.code)
    return 0


@contextmanager
def _bounded_time() -> Iterator[None]:
    """Ends what computes for too long, on a busy machine too; who waits for something is ended by pytest's timeout."""
    before = signal.signal(signal.SIGPROF, _hangs)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _hangs(number: int, frame: FrameType | None) -> NoReturn:
    pytest.fail(f"it hangs: {SECONDS} s of computing")


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Whoever asks for much more memory than there was gets an error in place of the whole machine; on Linux."""
    if not STATUS.exists():
        yield
        return
    held = int(STATUS.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + MORE_MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _refuse_mishaps(outcome: Outcome, warned: list[str]) -> None:
    assert outcome.code in CODES, outcome
    assert "Traceback" not in outcome.stdout + outcome.stderr, outcome
    assert not warned, f"{outcome}\nwarned: {warned}"
    assert outcome.code == 0 or outcome.stderr or outcome.stdout, f"{outcome}\nnothing is said"
    garbled = {one for one in outcome.stderr if not one.isprintable()} - set("\n\t")
    assert not {one for one in garbled if ord(one) < 32 or 127 <= ord(one) < 160}, f"{outcome}\ngarbled: {garbled}"
