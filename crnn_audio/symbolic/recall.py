"""Where pieces were before as they are now, and what came then: row by row, voice by voice or all of a row together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Integer


@dataclass(frozen=True)
class Recall:
    """What pieces side by side have been so far, row by row, for knowing what came where they went on as they do now.

    Args:
        length: rows so far.
        phases: the rows from the first one on by the period, those from the second one on, and so on, of each piece
            voice by voice and the last row first. Earlier places are compared with now where they are whole periods
            before it: those of one phase.
        agreeing: of these places how many rows before each of them are, one by one, the last rows of the piece, voice
            by voice; where voices are compared together there is one number for all of them.
    """

    length: int
    phases: tuple[Int[np.ndarray, "B V _"], ...]
    agreeing: Int[np.ndarray, "B A U"]

    @classmethod
    def of_nothing(cls, num_pieces: int, num_voices: int, period: int = 1, *, together: bool = False) -> "Recall":
        """Before the first row."""
        nothing = np.zeros((num_pieces, num_voices, 0), dtype=np.int32)
        return cls(0, (nothing,) * period, nothing[:, :1] if together else nothing)

    def after(self, rows: Integer[np.ndarray, "B V"]) -> "Recall":
        """Once these rows have come, too, one of each piece: every place moves on by a row."""
        now, place = rows.astype(np.int32)[:, :, np.newaxis], self.length % len(self.phases)
        same = self.phases[place] == now
        if self.agreeing.shape[1] < rows.shape[1]:
            same = same.all(axis=1, keepdims=True)
        agreeing = (self.agreeing + 1) * same
        if place == len(self.phases) - 1:
            agreeing = np.concatenate([agreeing, np.zeros_like(agreeing, shape=(*agreeing.shape[:2], 1))], axis=2)
        heard = np.concatenate([now, self.phases[place]], axis=2)
        return Recall(self.length + 1, (*self.phases[:place], heard, *self.phases[place + 1 :]), agreeing)

    @property
    def last(self) -> Int[np.ndarray, "B V"]:
        """The rows that came last, zeros before the first."""
        if not self.length:
            return np.zeros(self.phases[0].shape[:2], dtype=np.int32)
        return self.phases[(self.length - 1) % len(self.phases)][:, :, 0]

    @property
    def found(self) -> tuple[Int[np.ndarray, "B V"], Int[np.ndarray, "B A"]]:
        """Of each voice what came at the earlier place that is longest as now, the latest of several; and how long.

        Zeros where there is no earlier place, or none that agrees in its last row.
        """
        came = self.phases[self.length % len(self.phases)]
        if not self.agreeing.shape[2]:
            return np.zeros(came.shape[:2], dtype=np.int32), np.zeros(self.agreeing.shape[:2], dtype=np.int32)
        best, length = self.agreeing.argmax(axis=2), self.agreeing.max(axis=2)
        picked = came[np.arange(came.shape[0])[:, np.newaxis], np.arange(came.shape[1]), best]
        return picked * (length > 0), length

    def came_twice(self, shortest: int) -> Bool[np.ndarray, "B A"]:
        """Of which voices the last rows, so many or more, are the same as those right before them."""
        back = len(self.phases) * np.arange(1, 1 + self.agreeing.shape[2])
        twice: np.ndarray = np.logical_or.reduce((self.agreeing >= back) & (back >= shortest), axis=2)
        return twice
