"""Where a piece was before as it is now, and what came then: row by row, voice by voice or all of a row together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Recall:
    """What a piece has been so far, row by row, for knowing what came where it went on as it does now.

    `agreeing[u]` of a voice is how many rows before row u are, one by one, the last rows of the piece. Where voices are
    compared together there is one number for all of them.

    Args:
        period: rows by which earlier places are apart from now; others are not compared.
    """

    rows: Int[np.ndarray, "T V"]
    agreeing: Int[np.ndarray, "T A"]
    period: int

    @classmethod
    def of_nothing(cls, num_voices: int, period: int = 1, *, together: bool = False) -> "Recall":
        """Before the first row."""
        nothing = np.zeros((0, num_voices), dtype=np.int64)
        return cls(nothing, nothing[:, :1] if together else nothing, period)

    def after(self, row: Sequence[int]) -> "Recall":
        """Once this row has come, too."""
        now = np.array(row, dtype=np.int64)
        same = self.rows == now
        if self.agreeing.shape[1] < len(now):
            same = same.all(axis=1, keepdims=True)
        agreeing = np.where(same, self.agreeing + 1, 0)
        return Recall(
            np.concatenate([self.rows, now[None]]),
            np.concatenate([np.zeros((1, agreeing.shape[1]), dtype=np.int64), agreeing]),
            self.period,
        )

    @property
    def found(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each voice what came at the earlier place that is longest as now, the latest of several; and how long.

        Zeros where there is no earlier place, or none that agrees in its last row.
        """
        begin = len(self.rows) % self.period
        agreeing, came = self.agreeing[begin :: self.period], self.rows[begin :: self.period]
        if not len(agreeing):
            return (0,) * self.rows.shape[1], (0,) * self.agreeing.shape[1]
        best = len(agreeing) - 1 - agreeing[::-1].argmax(axis=0)
        length = agreeing[best, np.arange(agreeing.shape[1])]
        return tuple((came[best, np.arange(came.shape[1])] * (length > 0)).tolist()), tuple(length.tolist())
