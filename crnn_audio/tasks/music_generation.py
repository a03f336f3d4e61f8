"""Pieces of music sampled row by row, many side by side, each from a random stream of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from crnn_audio.decoding.sampling import RandomStreams, Sampling, sample
from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.crnn import Carry
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.row_sampling import Row as SampledRow
from crnn_audio.models.row_sampling import RowSampler
from crnn_audio.symbolic.representation import DecodingState, Representation, Row, Rows, bars_left, padded
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.music_guidance import Compass, Guidance
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch


@dataclass(frozen=True)
class Request:
    """A piece to generate.

    Args:
        about: its time signature, key and pickup; its notes are ignored.
        condition: ids of its conditions, 0 where there is none.
        seed: of its random stream.
        primer: rows that it begins with.
        fixed: rows with the tokens of fixed voices, 0 where they are sampled; the piece ends with the last.
        quarters: it ends at the first possible row after so many quarter notes; None lets the model end it.
        max_rows: rows after which it ends in any case.
        closing: it may only end on the tonic's chord.
        bars: of the whole piece, if that is known, else 0.
        latest: quarter notes after which it is broken off, where no such end came.
        attempt: which of several pieces of that seed it is.
        guided: whether it is kept from what `music_guidance` lists.
        compass: the ranges of its voices, as tokens.
    """

    about: Score
    condition: Row
    seed: int
    primer: Rows
    fixed: Int[np.ndarray, "K P"] | None
    quarters: float | None
    max_rows: int
    closing: bool = False
    bars: int = 0
    latest: float = np.inf
    attempt: int = 0
    guided: bool = False
    compass: Compass = ()


@dataclass(frozen=True)
class GeneratedRows:
    """A piece as rows of tokens, and the nats of each token; `ended` says whether the model ended it."""

    rows: Rows
    nats: Float[np.ndarray, "T P"]
    ended: bool


class _Pieces:
    """Pieces while they are generated side by side; those that are over get rows that are ignored."""

    def __init__(self, representation: Representation, requests: Sequence[Request]) -> None:
        self.state: DecodingState = representation.DecodingState.first([one.about for one in requests])
        self.rows, self.nats = list[np.ndarray](), list[np.ndarray]()
        self.lengths = np.zeros(len(requests), dtype=np.int64)
        self.ended = np.zeros(len(requests), dtype=bool)
        self._end = representation.END
        self._fixed = padded([_fixed(one, self._end) for one in requests])
        self._primed = np.array([len(one.primer) for one in requests])
        self._max_rows = np.array([one.max_rows for one in requests])
        fixed = np.array([one.fixed is not None for one in requests])
        quarters = np.array([np.inf if one.quarters is None else one.quarters for one in requests])
        self._quarters = np.where(fixed, np.inf, quarters)
        self._ends_itself = np.array([one.quarters is None for one in requests]) & ~fixed
        self._closing = np.array([one.closing for one in requests])
        self._bars = np.array([one.bars for one in requests], dtype=np.int64)
        self._pickup = np.array([one.about.pickup > 0 for one in requests])
        self._latest = np.array([one.latest for one in requests])
        compasses = [one.compass for one in requests]
        keys = [next(iter(one.about.keys), None) for one in requests]
        self.guidance = Guidance(representation, [one.guided for one in requests], compasses, keys)

    @property
    def bars_left(self) -> Int[np.ndarray, "B 1"]:
        """Of each piece, at its next row."""
        return bars_left(self.state.bar_numbers, self._bars, self._pickup)[:, np.newaxis]

    def last(self, sampled: Int[np.ndarray, "B _"]) -> Bool[np.ndarray, " B"]:
        """In which pieces the next row belongs to a chord that should be the last: it fills the last bar."""
        found: np.ndarray = self._closing & (self.bars_left[:, 0] == 1) & self.state.resolves(sampled)
        return found

    @property
    def over(self) -> Bool[np.ndarray, " B"]:
        """Which of them need no more rows."""
        over: np.ndarray = self.ended | (self.lengths >= self._max_rows)
        over |= (self.state.quarters > self._latest) & (len(self.rows) > self._primed)
        return over

    @property
    def forced(self) -> Int[np.ndarray, "B P"]:
        """The fixed tokens of the next row, 0 for those that are sampled."""
        time = len(self.rows)
        forced = self._fixed[:, time].copy() if time < self._fixed.shape[1] else np.zeros_like(self._fixed[:, 0])
        full = (self.state.quarters >= self._quarters) & (time >= self._primed)
        if full.any():
            full &= self.state.closes | ~self._closing
            forced[full, 0] = self._end * self.state.mask(forced[:, :0])[full, self._end]
        return forced

    def mask(self, sampled: Int[np.ndarray, "B _"], forced: Int[np.ndarray, " B"]) -> Bool[np.ndarray, "B V"]:
        """Which tokens of the next column are possible, after those sampled."""
        mask = self.state.mask(sampled)
        if sampled.shape[1] == 0:
            continues = ~self._may_end & (mask.sum(axis=1) > 1)
            mask[continues, self._end] = False
        if forced.any():
            mask[forced > 0] = False
            mask[forced > 0, forced[forced > 0]] = True
        mask[self.over] = True
        return mask

    @property
    def _may_end(self) -> Bool[np.ndarray, " B"]:
        may: np.ndarray = self._ends_itself
        if (may & self._closing).any():
            may = may & (self.state.closes | ~self._closing)
        return may

    def append(self, rows: Int[np.ndarray, "B P"], nats: Float[np.ndarray, "B P"]) -> None:
        """The next row of each piece."""
        continues = ~self.over
        self.rows.append(rows)
        self.nats.append(nats)
        self.lengths += continues
        self.ended |= continues & (rows[:, 0] == self._end)
        self.state = self.state.next(rows)
        self.guidance.append(rows, self.state)

    def generated(self) -> list[GeneratedRows]:
        """Each piece as it is now."""
        shape = (-1, *self._fixed[:, 0].shape)
        rows, nats = np.array(self.rows, dtype=np.int64).reshape(shape), np.array(self.nats, dtype=float).reshape(shape)
        return [
            GeneratedRows(rows[:length, piece], nats[:length, piece], ended)
            for piece, (length, ended) in enumerate(zip(self.lengths.tolist(), self.ended.tolist(), strict=True))
        ]


def _fixed(request: Request, end: int) -> Rows:
    """The tokens that are not sampled, 0 where one is: the primer's, then those of fixed voices."""
    if request.fixed is None or not len(request.fixed):
        return request.primer
    fixed = request.fixed.copy()
    fixed[-1, 0] = end
    return np.concatenate([request.primer, fixed[len(request.primer) :]])


@torch.inference_mode()
def generate(
    task: Prediction, representation: Representation, requests: Sequence[Request], sampling: Sampling
) -> list[GeneratedRows]:
    """Samples pieces side by side; each is the same as alone."""
    task.eval()
    front, head = task.model.front, task.head
    assert isinstance(front, RowFront), "a model of music reads rows"
    assert isinstance(head, AutoregressiveHead), "a model of music samples rows column by column"
    pieces, sampler = _Pieces(representation, requests), RowSampler(head)
    streams = RandomStreams([(one.seed, one.attempt) if one.attempt else one.seed for one in requests])
    width = len(representation.COLUMNS)
    before = np.zeros((len(requests), width), dtype=np.int64)
    device = next(task.model.parameters()).device
    conditions = np.array([one.condition for one in requests], dtype=np.int64).reshape(len(requests), -1)
    fixed = padded([before[:0] if one.fixed is None else one.fixed for one in requests])
    carry = _encoded(front, fixed) if task.reads_ahead else None
    for step in count():
        if pieces.over.all():
            break
        now = [fixed[:, min(step, fixed.shape[1] - 1)]] if front.num_fixed else []
        known = [before, pieces.state.context, conditions]
        if front.num_known > sum(one.shape[1] for one in known):
            known.insert(2, pieces.bars_left)
        inputs = np.concatenate([*known, *now], axis=1)
        outputs, carry = task.model.step(torch.from_numpy(inputs).to(device).unsqueeze(1), carry)
        row = sampler.begin(outputs[:, 0].cpu().numpy(), inputs)
        before, nats = _row(row, pieces, inputs, streams, sampling)
        pieces.append(before, nats)
    return pieces.generated()


def _encoded(front: RowFront, fixed: Int[np.ndarray, "B T P"]) -> Carry | None:
    if not fixed.any():
        return None
    lengths = torch.from_numpy((fixed != 0).any(axis=2).sum(axis=1))
    return Carry((front.encode(torch.from_numpy(fixed).to(front.now.starts.device), lengths),), ())


def _row(
    row: SampledRow,
    pieces: _Pieces,
    inputs: Int[np.ndarray, "B N"],
    streams: RandomStreams,
    sampling: Sampling,
) -> tuple[Int[np.ndarray, "B P"], Float[np.ndarray, "B P"]]:
    """The next row of each piece, column by column, and the nats of its tokens."""
    forced, every = pieces.forced, np.arange(len(pieces.lengths))
    rows, nats = np.zeros_like(forced), np.zeros(forced.shape)
    for column, uniforms in enumerate(streams.uniforms(row.num_columns).T):
        log_probs = row.log_probs()
        mask = pieces.mask(rows[:, :column], forced[:, column])
        sampled = rows[:, :column]
        penalties = pieces.guidance.penalties(inputs, sampled, log_probs.shape[1], pieces.last(sampled))
        tokens = sample(log_probs - penalties, uniforms, sampling, mask[:, 1:])
        rows[:, column], nats[:, column] = tokens + 1, -log_probs[every, tokens]
        row.append(rows[:, column])
    return rows, nats


def token_nats(task: Prediction, batch: SequenceBatch) -> list[Float[np.ndarray, "T P"]]:
    """The nats of each token of whole pieces, in the batch's order; zero for those that are fixed."""
    with torch.inference_mode():
        losses = task.eval().losses(batch)[0].double().cpu().numpy()
    return [one[:length] for one, length in zip(losses, batch.lengths.tolist(), strict=True)]
