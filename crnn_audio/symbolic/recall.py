"""Where a piece was before as it is now, and what came then: voice by voice, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Recall:
    """What a piece has been so far, row by row, for knowing what came where it went on as it does now.

    `agreeing[u]` of a voice is how many rows before row u are, one by one, the last rows of the piece.

    Args:
        period: rows by which earlier places are apart from now; others are not compared.
    """

    rows: Int[np.ndarray, "T V"]
    agreeing: Int[np.ndarray, "T V"]
    period: int

    @classmethod
    def of_nothing(cls, num_voices: int, period: int) -> "Recall":
        """Before the first row."""
        nothing = np.zeros((0, num_voices), dtype=np.int64)
        return cls(nothing, nothing, period)

    def after(self, row: Sequence[int]) -> "Recall":
        """Once this row has come, too."""
        now = np.array(row, dtype=np.int64)
        agreeing = np.where(self.rows == now, self.agreeing + 1, 0)
        return Recall(
            np.concatenate([self.rows, now[None]]), np.concatenate([np.zeros_like(now)[None], agreeing]), self.period
        )

    @property
    def found(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each voice what came at the earlier place that is longest as now, the latest of several; and how long.

        Zeros where there is no earlier place, or none that agrees in its last row.
        """
        begin = len(self.rows) % self.period
        agreeing, came = self.agreeing[begin :: self.period], self.rows[begin :: self.period]
        if not len(agreeing):
            return (0,) * self.rows.shape[1], (0,) * self.rows.shape[1]
        best = len(agreeing) - 1 - agreeing[::-1].argmax(axis=0)
        voices = np.arange(self.rows.shape[1])
        length = agreeing[best, voices]
        return tuple((came[best, voices] * (length > 0)).tolist()), tuple(length.tolist())
