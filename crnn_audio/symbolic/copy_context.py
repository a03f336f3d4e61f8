"""Longest suffix matches: what followed where a piece was like its last rows before, by voice or by whole rows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Integer


@dataclass(frozen=True)
class CopyContext:
    """The rows of pieces so far, for finding what followed the longest earlier match of their last rows.

    Args:
        length: rows so far.
        phases: the rows from the first one on by the period, those from the second one on, and so on, of each piece
            voice by voice and the last row first. Only places whole periods before the next row are compared with it:
            those of one phase.
        matches: for each of these places how many rows before it equal, one by one, the last rows of the piece, voice
            by voice; where voices are compared together there is one number for all of them.
    """

    length: int
    phases: tuple[Int[np.ndarray, "B V _"], ...]
    matches: Int[np.ndarray, "B A U"]

    @classmethod
    def empty(cls, num_pieces: int, num_voices: int, period: int = 1, *, together: bool = False) -> "CopyContext":
        """Before the first row."""
        nothing = np.zeros((num_pieces, num_voices, 0), dtype=np.int32)
        return cls(0, (nothing,) * period, nothing[:, :1] if together else nothing)

    def after(self, rows: Integer[np.ndarray, "B V"]) -> "CopyContext":
        """With these rows added, one of each piece."""
        now, place = rows.astype(np.int32)[:, :, np.newaxis], self.length % len(self.phases)
        same = self.phases[place] == now
        if self.matches.shape[1] < rows.shape[1]:
            same = same.all(axis=1, keepdims=True)
        matches = (self.matches + 1) * same
        if place == len(self.phases) - 1:
            matches = np.concatenate([matches, np.zeros_like(matches, shape=(*matches.shape[:2], 1))], axis=2)
        rows_so_far = np.concatenate([now, self.phases[place]], axis=2)
        return CopyContext(self.length + 1, (*self.phases[:place], rows_so_far, *self.phases[place + 1 :]), matches)

    @property
    def last(self) -> Int[np.ndarray, "B V"]:
        """The last rows, zeros before the first."""
        if not self.length:
            return np.zeros(self.phases[0].shape[:2], dtype=np.int32)
        return self.phases[(self.length - 1) % len(self.phases)][:, :, 0]

    @property
    def match(self) -> tuple[Int[np.ndarray, "B V"], Int[np.ndarray, "B A"]]:
        """For each voice what followed the longest earlier match, the latest of several; and how long that match is.

        Zeros where there is none.
        """
        following = self.phases[self.length % len(self.phases)]
        if not self.matches.shape[2]:
            return np.zeros(following.shape[:2], dtype=np.int32), np.zeros(self.matches.shape[:2], dtype=np.int32)
        best, length = self.matches.argmax(axis=2), self.matches.max(axis=2)
        picked = following[np.arange(following.shape[0])[:, np.newaxis], np.arange(following.shape[1]), best]
        return picked * (length > 0), length

    def repeats(self, shortest: int) -> Bool[np.ndarray, "B A"]:
        """For which voices the last rows, so many or more, equal those right before them."""
        back = len(self.phases) * np.arange(1, 1 + self.matches.shape[2])
        twice: np.ndarray = np.logical_or.reduce((self.matches >= back) & (back >= shortest), axis=2)
        return twice
