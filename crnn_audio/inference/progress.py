"""How far a long transcription is: a bar on a terminal, a line now and then anywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_SECONDS = 30.0
"""Where there is no terminal, a line at least this often."""


class Listening:
    """A bar for `num_files` recordings with `seconds` of sound, with the rate and the time left, on standard error."""

    def __init__(self, num_files: int, seconds: float) -> None:
        self.num_files = num_files
        self.seconds = seconds
        self.files_done = 0
        self.seconds_done = self.seconds_within = 0.0
        self.started = self.said = time.monotonic()
        self.console = Console(file=sys.stderr, highlight=False)
        self.bar = Progress(
            TextColumn("transcribing"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_interactive,
        )
        self.task = self.bar.add_task("", total=seconds, figures=f"0/{num_files} files")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def within(self, seconds: float) -> None:
        """So many seconds of the recording after those that are done have been heard."""
        self.seconds_within = seconds
        self._show()

    def heard(self, seconds: float) -> None:
        """One more recording, of so many seconds, is done."""
        self.files_done += 1
        self.seconds_done += seconds
        self.within(0.0)

    def _show(self) -> None:
        self.bar.update(self.task, completed=self._so_far, figures=self._figures())
        if not self.console.is_interactive and time.monotonic() - self.said > LINE_SECONDS:
            self.said = time.monotonic()
            self.console.print(f"transcribing: {self._figures()}", markup=False, soft_wrap=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the bar away while something else is written to the terminal."""
        self.bar.stop()
        yield
        self.bar.start()

    @property
    def rate(self) -> float:
        """Seconds of sound that are done in a second."""
        return self._so_far / max(time.monotonic() - self.started, 1e-6)

    @property
    def _so_far(self) -> float:
        return self.seconds_done + self.seconds_within

    def _figures(self) -> str:
        done = f"{self.files_done}/{self.num_files} files  {self.rate:.0f}x real time"
        if not self._so_far:
            return done
        left = timedelta(seconds=round(max(self.seconds - self._so_far, 0) / self.rate))
        return f"{done}  {left} left"
