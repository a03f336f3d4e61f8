"""What the terminal shows: messages on standard error, and one progress bar for everything that takes long."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}
"""Control characters, which would change the terminal, as Python writes them."""
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
        label = label or job
        task, _ = self._job(job)
        self.bars.update(task, completed=done, total=total or None, description=label, figures=figures)
        if not self.console.is_interactive and time.monotonic() - self.last_line > LINE_SECONDS:
            self.print(f"{label}: {figures}")

    def print(self, line: str) -> None:
        """Writes a line above the bars."""
        self.last_line = time.monotonic()
        self.console.print(line, markup=False, soft_wrap=True)

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

    return Console(file=sys.stderr, highlight=False, quiet=quiet)
