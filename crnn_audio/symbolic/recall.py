"""Where a piece was before as it is now, and what came then: row by row, voice by voice or all of a row together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Recall:
    """What a piece has been so far, row by row, for knowing what came where it went on as it does now.

    Args:
        length: rows so far.
        phases: the rows from the first one on by the period, those from the second one on, and so on, voice by voice
            and the last row first. Earlier places are compared with now where they are whole periods before it: those
            of one phase.
        agreeing: of these places how many rows before each of them are, one by one, the last rows of the piece, voice
            by voice; where voices are compared together there is one number for all of them.
    """

    length: int
    phases: tuple[Int[np.ndarray, "V _"], ...]
    agreeing: Int[np.ndarray, "A U"]

    @classmethod
    def of_nothing(cls, num_voices: int, period: int = 1, *, together: bool = False) -> "Recall":
        """Before the first row."""
        nothing = np.zeros((num_voices, 0), dtype=np.int64)
        return cls(0, (nothing,) * period, nothing[:1] if together else nothing)

    def after(self, row: Sequence[int]) -> "Recall":
        """Once this row has come, too: every place moves on by a row."""
        now, place = np.array(row, dtype=np.int64)[:, np.newaxis], self.length % len(self.phases)
        same = self.phases[place] == now
        if len(self.agreeing) < len(now):
            same = same.all(axis=0, keepdims=True)
        agreeing = (self.agreeing + 1) * same
        if place == len(self.phases) - 1:
            agreeing = np.concatenate([agreeing, np.zeros_like(agreeing, shape=(len(agreeing), 1))], axis=1)
        heard = np.concatenate([now, self.phases[place]], axis=1)
        return Recall(self.length + 1, (*self.phases[:place], heard, *self.phases[place + 1 :]), agreeing)

    @property
    def last(self) -> tuple[int, ...]:
        """The row that came last; there is one."""
        return tuple(self.phases[(self.length - 1) % len(self.phases)][:, 0].tolist())

    @property
    def found(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each voice what came at the earlier place that is longest as now, the latest of several; and how long.

        Zeros where there is no earlier place, or none that agrees in its last row.
        """
        came = self.phases[self.length % len(self.phases)]
        if not self.agreeing.shape[1]:
            return (0,) * len(came), (0,) * len(self.agreeing)
        best, length = self.agreeing.argmax(axis=1), self.agreeing.max(axis=1)
        return tuple((came[np.arange(len(came)), best] * (length > 0)).tolist()), tuple(length.tolist())
