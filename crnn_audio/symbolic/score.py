"""Notes, as music knows them: pitches and times in quarter notes."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Note:
    """A tone: when it begins and how long it lasts, in quarter notes, and its pitch (MIDI: middle C is 60)."""

    start: float
    duration: float
    pitch: int

    @property
    def end(self) -> float:
        """Quarter notes from the beginning of the piece."""
        return self.start + self.duration
