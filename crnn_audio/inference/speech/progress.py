"""How far a long transcription is, in seconds of sound."""

import time
from datetime import timedelta
from typing import Self

from crnn_audio.console import ProgressBar


class TranscriptionProgress:
    """A bar for `num_files` recordings with `seconds` of sound, with the rate and the time left."""

    def __init__(self, num_files: int, seconds: float, making: str = "transcribing") -> None:
        self.making = making
        self.num_files = num_files
        self.seconds = seconds
        self.files_done = 0
        self.seconds_done = self.seconds_within = 0.0
        self.started = time.monotonic()
        self.bar = ProgressBar()
        self._show()

    def __enter__(self) -> Self:
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)

    def within(self, seconds: float) -> None:
        """So many seconds of the recording after those that are done are done too."""
        self.seconds_within = seconds
        self._show()

    def finished(self, seconds: float) -> None:
        """One more recording, of so many seconds, is done."""
        self.files_done += 1
        self.seconds_done += seconds
        self.within(0.0)

    def _show(self) -> None:
        self.bar.show(self.making, self._so_far, self.seconds, self._figures())

    @property
    def rate(self) -> float:
        """Seconds of sound that are done in a second."""
        return self._so_far / max(time.monotonic() - self.started, 1e-6)

    @property
    def _so_far(self) -> float:
        return self.seconds_done + self.seconds_within

    def _figures(self) -> str:
        done = f"{self.files_done}/{self.num_files} files"
        if not self._so_far:
            return done
        left = timedelta(seconds=round(max(self.seconds - self._so_far, 0) / self.rate))
        return f"{done}  {self.rate:.0f}x real time  {left} left"
