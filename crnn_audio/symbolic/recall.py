"""Where a piece was before as it is now, and what came then: row by row, voice by voice or all of a row together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Recall:
    """What a piece has been so far, row by row, for knowing what came where it went on as it does now.

    Args:
        agreeing: of each voice how many rows before an earlier place are, one by one, the last rows of the piece, for
            the places from which the end is a number of periods apart. Where voices are compared together there is one
            number for all of them.
        period: rows by which earlier places are apart from now; others are not compared.
    """

    rows: Int[np.ndarray, "T V"]
    agreeing: Int[np.ndarray, "U A"]
    period: int

    @classmethod
    def of_nothing(cls, num_voices: int, period: int = 1, *, together: bool = False) -> "Recall":
        """Before the first row."""
        nothing = np.zeros((0, num_voices), dtype=np.int64)
        return cls(nothing, nothing[:, :1] if together else nothing, period)

    def after(self, row: Sequence[int]) -> "Recall":
        """Once this row has come, too: every place moves on by a row."""
        now = np.array([row], dtype=np.int64)
        same = self._places == now
        if self.agreeing.shape[1] < now.shape[1]:
            same = same.all(axis=1, keepdims=True)
        agreeing = (self.agreeing + 1) * same
        if (len(self.rows) + 1) % self.period == 0:
            agreeing = np.concatenate([np.zeros_like(agreeing, shape=(1, agreeing.shape[1])), agreeing])
        return Recall(np.concatenate([self.rows, now]), agreeing, self.period)

    @property
    def _places(self) -> Int[np.ndarray, "U V"]:
        """What came at each place that is compared with now."""
        return self.rows[len(self.rows) % self.period :: self.period]

    @property
    def found(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each voice what came at the earlier place that is longest as now, the latest of several; and how long.

        Zeros where there is no earlier place, or none that agrees in its last row.
        """
        if not len(self.agreeing):
            return (0,) * self.rows.shape[1], (0,) * self.agreeing.shape[1]
        best = len(self.agreeing) - 1 - self.agreeing[::-1].argmax(axis=0)
        length = self.agreeing[best, np.arange(self.agreeing.shape[1])]
        came = self._places[best, np.arange(self.rows.shape[1])] * (length > 0)
        return tuple(came.tolist()), tuple(length.tolist())
