"""Pieces drawn row after row, many side by side, each by its own random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crnn_audio.decoding.sampling import Chance, Sampling, draw
from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.crnn import Carry
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.row_sampling import Row as SampledRow
from crnn_audio.models.row_sampling import RowSampler
from crnn_audio.symbolic.representation import Places, Representation, Row, Rows, side_by_side
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch


@dataclass(frozen=True)
class Request:
    """A piece to write.

    Args:
        about: metre, key and pickup of it; its notes say nothing.
        condition: ids of what is asked for, 0 where nothing is.
        seed: of its random numbers.
        primer: rows that it begins with.
        kept: rows with the tokens of voices that are kept, 0 where they are drawn; the piece ends with the last.
        quarters: it ends at the first row that may end it so many quarter notes on; None lets the model end it.
        max_rows: rows after which it ends in any case.
        closing: it may end on the tonic's chord alone.
    """

    about: Score
    condition: Row
    seed: int
    primer: Rows
    kept: Int[np.ndarray, "K P"] | None
    quarters: float | None
    max_rows: int
    closing: bool = False


@dataclass(frozen=True)
class Drawn:
    """A piece as rows of tokens, and the nats that each token cost the model; `ended` says that the model ended it."""

    rows: Rows
    nats: Float[np.ndarray, "T P"]
    ended: bool


class _Pieces:
    """Pieces while they are written side by side; those that are over get rows that nobody reads."""

    def __init__(self, representation: Representation, requests: Sequence[Request]) -> None:
        self.places: Places = representation.Places.first([one.about for one in requests])
        self.rows, self.nats = list[np.ndarray](), list[np.ndarray]()
        self.lengths = np.zeros(len(requests), dtype=np.int64)
        self.ended = np.zeros(len(requests), dtype=bool)
        self._end = representation.END
        self._fixed = side_by_side([_fixed(one, self._end) for one in requests])
        self._primed = np.array([len(one.primer) for one in requests])
        self._max_rows = np.array([one.max_rows for one in requests])
        kept = np.array([one.kept is not None for one in requests])
        quarters = np.array([np.inf if one.quarters is None else one.quarters for one in requests])
        self._quarters = np.where(kept, np.inf, quarters)
        self._ends_itself = np.array([one.quarters is None for one in requests]) & ~kept
        self._closing = np.array([one.closing for one in requests])

    @property
    def over(self) -> Bool[np.ndarray, " B"]:
        """Which of them need no more rows."""
        return self.ended | (self.lengths >= self._max_rows)

    @property
    def forced(self) -> Int[np.ndarray, "B P"]:
        """The tokens that must stand in the next row, 0 for those that are drawn."""
        time = len(self.rows)
        forced = self._fixed[:, time].copy() if time < self._fixed.shape[1] else np.zeros_like(self._fixed[:, 0])
        full = (self.places.quarters >= self._quarters) & (time >= self._primed)
        if full.any():
            full &= self.places.closes | ~self._closing
            forced[full, 0] = self._end * self.places.allowed(forced[:, :0])[full, self._end]
        return forced

    def allowed(self, drawn: Int[np.ndarray, "B _"], forced: Int[np.ndarray, " B"]) -> Bool[np.ndarray, "B V"]:
        """What may stand in the next column."""
        may = self.places.allowed(drawn)
        if drawn.shape[1] == 0:
            goes_on = ~self._may_end & (may.sum(axis=1) > 1)
            may[goes_on, self._end] = False
        if forced.any():
            may[forced > 0] = False
            may[forced > 0, forced[forced > 0]] = True
        may[self.over] = True
        return may

    @property
    def _may_end(self) -> Bool[np.ndarray, " B"]:
        may: np.ndarray = self._ends_itself
        if (may & self._closing).any():
            may = may & (self.places.closes | ~self._closing)
        return may

    def go_on(self, rows: Int[np.ndarray, "B P"], nats: Float[np.ndarray, "B P"]) -> None:
        """With these rows, one of each piece."""
        going_on = ~self.over
        self.rows.append(rows)
        self.nats.append(nats)
        self.lengths += going_on
        self.ended |= going_on & (rows[:, 0] == self._end)
        self.places = self.places.next(rows)

    def drawn(self) -> list[Drawn]:
        """Each piece as it is now."""
        shape = (-1, *self._fixed[:, 0].shape)
        rows, nats = np.array(self.rows, dtype=np.int64).reshape(shape), np.array(self.nats, dtype=float).reshape(shape)
        return [
            Drawn(rows[:length, piece], nats[:length, piece], ended)
            for piece, (length, ended) in enumerate(zip(self.lengths.tolist(), self.ended.tolist(), strict=True))
        ]


def _fixed(asked: Request, end: int) -> Rows:
    """The tokens that are not drawn, 0 where one is: the primer's, then those of kept voices."""
    if asked.kept is None or not len(asked.kept):
        return asked.primer
    fixed = asked.kept.copy()
    fixed[-1, 0] = end
    return np.concatenate([asked.primer, fixed[len(asked.primer) :]])


@torch.inference_mode()
def compose(
    task: Prediction, representation: Representation, requests: Sequence[Request], sampling: Sampling
) -> list[Drawn]:
    """Writes pieces side by side; each comes out as it would alone."""
    task.eval()
    front, head = task.model.front, task.head
    assert isinstance(front, RowFront), "a model of music reads rows"
    assert isinstance(head, AutoregressiveHead), "a model of music samples rows column by column"
    pieces, sampler = _Pieces(representation, requests), RowSampler(head)
    chance = Chance([one.seed for one in requests])
    width = len(representation.COLUMNS)
    before = np.zeros((len(requests), width), dtype=np.int64)
    conditions = np.array([one.condition for one in requests], dtype=np.int64).reshape(len(requests), -1)
    given = side_by_side([before[:0] if one.kept is None else one.kept for one in requests])
    carry = _encoded(front, given) if task.reads_ahead else None
    for step in count():
        if pieces.over.all():
            break
        now = [given[:, min(step, given.shape[1] - 1)]] if front.num_fixed else []
        columns = np.concatenate([before, pieces.places.told, conditions, *now], axis=1)
        drive, carry = task.model.step(_on(task, columns).unsqueeze(1), carry)
        before, nats = _row(sampler.begin(drive[:, 0].cpu().numpy(), columns), pieces, chance, sampling)
        pieces.go_on(before, nats)
    return pieces.drawn()


def _encoded(front: RowFront, given: Int[np.ndarray, "B T P"]) -> Carry | None:
    if not given.any():
        return None
    lengths = torch.from_numpy((given != 0).any(axis=2).sum(axis=1))
    return Carry((front.encode(torch.from_numpy(given).to(front.now.starts.device), lengths),), ())


def _on(task: Prediction, array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).to(next(task.model.parameters()).device)


def _row(
    drawn: SampledRow, pieces: _Pieces, chance: Chance, sampling: Sampling
) -> tuple[Int[np.ndarray, "B P"], Float[np.ndarray, "B P"]]:
    """The next row of each piece, column by column, and the nats of its tokens."""
    forced, every = pieces.forced, np.arange(len(pieces.lengths))
    rows, nats = np.zeros_like(forced), np.zeros(forced.shape)
    for column, numbers in enumerate(chance.numbers(drawn.num_columns).T):
        log_probs = drawn.log_probs()
        allowed = pieces.allowed(rows[:, :column], forced[:, column])
        tokens = draw(log_probs, numbers, sampling, allowed[:, 1:])
        rows[:, column], nats[:, column] = tokens + 1, -log_probs[every, tokens]
        drawn.append(rows[:, column])
    return rows, nats


def scored(task: Prediction, batch: SequenceBatch) -> list[Float[np.ndarray, "T P"]]:
    """The nats of each token of whole pieces, in the batch's order; zero for those that are fixed."""
    with torch.inference_mode():
        losses = task.eval().losses(batch)[0].double().cpu().numpy()
    return [one[:length] for one, length in zip(losses, batch.lengths.tolist(), strict=True)]
