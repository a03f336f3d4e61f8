"""What the terminal shows: messages on standard error, and one progress bar for everything that takes long.

No text of others, such as a file's name or a model's token, reaches a terminal with characters that would control it.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from crnn_audio.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Unicode's controls of lines and of the direction of writing, by which a text may be shown as another."""
CONTROLS = {code: ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160), *DIRECTIONS)}
"""Control characters, which would change the terminal or what it seems to show, as Python writes them."""
ESCAPES = {code: shown for code, shown in CONTROLS.items() if code < 160}
"""Those alone that no text has."""
JSON_CONTROLS = {code: f"\\u{code:04x}" for code in CONTROLS if code > 31}
CONTROLS_OF_LINES = {code: shown for code, shown in CONTROLS.items() if chr(code) not in "\t\n"}
LINE_SECONDS = 30.0
"""Where there is no terminal, a line at least this often."""
DONE_SECONDS = 1.0
"""Jobs that take longer are mentioned when they are done."""


def report(message: str) -> None:
    """Writes a message to standard error, where it does not mix with results."""
    print(message.translate(CONTROLS_OF_LINES), file=sys.stderr)


def one_line(text: str) -> str:
    """A name or a message on one line: line breaks and other control characters as Python writes them."""
    return text.translate(CONTROLS)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON with letters as they are and all control characters as JSON writes them."""
    return json.dumps(value, ensure_ascii=False, indent=indent).translate(JSON_CONTROLS)


class Stream:
    """A standard stream; where it is a terminal, control characters are written as Python writes them.

    Args:
        required: whether what cannot be written is an error. Of messages, there is nobody to be informed of it.
        cleaned: whether control characters are written out; by default, whether it is a terminal.
    """

    def __init__(self, stream: Any, *, required: bool, cleaned: bool | None = None) -> None:
        self.stream = stream
        self.required = required
        self.failed: Exception | None = None
        self.cleaned = stream.isatty() if cleaned is None else cleaned

    def write(self, text: str) -> int:
        """Writes a text.

        Raises:
            OutputError: it cannot be written.
        """
        with self._checked():
            self.stream.write(text.translate(CONTROLS_OF_LINES) if self.cleaned else text)
        return len(text)

    def flush(self) -> None:
        """Writes what is kept back; the errors are those of `write`."""
        with self._checked():
            self.stream.flush()

    def controlling(self) -> "Stream":
        """The same stream, for the program's own control sequences."""
        return Stream(self.stream, required=self.required, cleaned=False)

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            discard(self.stream)
            self.failed = OutputError(f"standard output cannot be written ({error.strerror}).")
            if isinstance(error, BrokenPipeError):  # the reader has had enough
                self.failed = error
        if self.failed and (self.required or isinstance(self.failed, BrokenPipeError)):
            raise type(self.failed)(*self.failed.args) from None  # again, as a caller may have caught the first one

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def discard(stream: Any) -> None:
    """What is still to be written to a stream goes nowhere; Python would try it again at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def standard_streams() -> Iterator[None]:
    """Puts a `Stream` in the place of standard output and error, and opens those that were closed."""
    before = sys.stdin, sys.stdout, sys.stderr
    opened = [_opened(number, stream) for number, stream in enumerate(before)]
    opened[1].reconfigure(errors="backslashreplace")  # names of files may be any bytes
    sys.stdin = opened[0]
    sys.stdout, sys.stderr = Stream(opened[1], required=True), Stream(opened[2], required=False)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def _opened(number: int, stream: Any) -> Any:
    """A stream, or an empty one if it is closed: a file that is opened later may not take its number.

    Standard output cannot be written to then.
    """
    if stream is not None:
        return stream
    handle = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    return open(handle, "w" if number else "r", encoding="utf-8", closefd=False)


_silencing = threading.RLock()


@contextmanager
def standard_error_silenced() -> Iterator[None]:
    """Within this, what libraries in C write to standard error by themselves goes nowhere."""
    with _silencing:
        try:
            usual, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except OSError:  # standard error is closed
            yield
            return
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(usual, 2)
            with suppress(OSError):
                os.close(usual)
                os.close(nowhere)


class ProgressBar:
    """A bar on standard error for each job that is under way; where it is no terminal, a line now and then.

    `with ProgressBar() as progress: ... progress("reading", 30, 100)`
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self.console = _terminal(quiet)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_interactive,
        )
        self.last_line = time.monotonic()
        self._jobs: dict[str, tuple[TaskID, float]] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def __call__(self, job: str, done: int, total: int) -> None:
        """`done` of `total` (0: unknown) are done; once all are, a line says how long it took, if that was long."""
        _, started = self._job(job)
        elapsed = time.monotonic() - started
        figures = f"{done}/{total}" if total else str(done)
        if 0 < done < total:
            figures += f"  {timedelta(seconds=round(elapsed / done * (total - done)))} left"
        self.show(job, done, total, figures)
        if done == total and elapsed > DONE_SECONDS:
            self.print(f"{job}: {total} done in {elapsed:.0f} s")

    def show(self, job: str, done: float, total: float, figures: str, label: str | None = None) -> None:
        """Moves the bar of a job, with the job's name (or `label`) before and figures after it."""
        label, figures = one_line(label or job), one_line(figures)
        task, _ = self._job(job)
        self.bars.update(task, completed=done, total=total or None, description=label, figures=figures)
        if not self.console.is_interactive and time.monotonic() - self.last_line > LINE_SECONDS:
            self.print(f"{label}: {figures}")

    def print(self, line: str) -> None:
        """Writes a line above the bars."""
        self.last_line = time.monotonic()
        self.console.print(line.translate(CONTROLS_OF_LINES), markup=False, soft_wrap=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the bars away while something else is written to the terminal."""
        self.bars.stop()
        yield
        self.bars.start()

    def _job(self, job: str) -> tuple["TaskID", float]:
        """The bar of a job, and when the job began."""
        if job not in self._jobs:
            self._jobs[job] = self.bars.add_task(job, total=None, figures=""), time.monotonic()
        return self._jobs[job]


def _terminal(quiet: bool) -> "Console":
    from rich.console import Console

    stderr: Any = sys.stderr.controlling() if isinstance(sys.stderr, Stream) else sys.stderr
    return Console(file=stderr, highlight=False, quiet=quiet)
