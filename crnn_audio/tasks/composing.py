"""Pieces drawn row after row, many side by side, each by its own random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crnn_audio.decoding.sampling import Chance, Sampling, draw
from crnn_audio.models import drawing
from crnn_audio.models.crnn import Carry
from crnn_audio.symbolic.representation import Place, Representation, Row, Rows
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.next_token import NextToken


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
        closing: the model may end it on the tonic's chord alone.
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


@dataclass
class _Piece:
    """A piece while it is written."""

    request: Request
    place: Place
    end: int
    row: Row
    rows: list[Row]
    nats: list[list[float]]
    ended: bool = False
    forced: Sequence[int] = ()

    def is_over(self) -> bool:
        return self.ended or len(self.rows) >= self.request.max_rows

    def begin_row(self, num_columns: int) -> None:
        """Finds the tokens that must stand in the next row, 0 for those that are drawn."""
        self.row, at, asked = (), len(self.rows), self.request
        self.forced = [0] * num_columns
        if self.is_over():
            return
        if at < len(asked.primer):
            self.forced = asked.primer[at].tolist()
        elif asked.kept is not None:
            last = at == len(asked.kept) - 1
            self.forced = [self.end if last else int(asked.kept[at, 0]), *asked.kept[at, 1:].tolist()]
        elif asked.quarters is not None and self.place.quarters >= asked.quarters:
            self.forced = [self.end if self.place.allowed()[self.end] else 0, *self.forced[1:]]

    def allowed(self) -> Bool[np.ndarray, " V"]:
        """What may stand in the next column."""
        column, may = len(self.row), self.place.allowed(self.row)
        if self.is_over():
            return np.ones_like(may)
        if token := self.forced[column]:
            may[:] = False
            may[token] = True
        elif column == 0 and not self._may_end() and may.sum() > 1:
            may[self.end] = False
        return may

    def _may_end(self) -> bool:
        if self.request.quarters is not None or self.request.kept is not None:
            return False
        return self.place.closes or not self.request.closing


@torch.inference_mode()
def compose(
    task: NextToken, representation: Representation, requests: Sequence[Request], sampling: Sampling
) -> list[Drawn]:
    """Writes pieces side by side; each comes out as it would alone."""
    task.eval()
    pieces = [_Piece(one, representation.Place.first(one.about), representation.END, (), [], []) for one in requests]
    chance = Chance([one.seed for one in requests])
    width, drawer = len(representation.COLUMNS), drawing.Drawer(task.head)
    before = np.zeros((len(pieces), width), dtype=np.int64)
    conditions = np.array([one.condition for one in requests], dtype=np.int64).reshape(len(pieces), -1)
    given = _given(requests, width)
    carry = _listened(task, given) if task.front.listener is not None else None
    for step in count():
        if all(piece.is_over() for piece in pieces):
            break
        told = np.array([piece.place.told for piece in pieces], dtype=np.int64)
        now = [given[:, step] if step < given.shape[1] else np.zeros_like(before)] if task.front.num_ahead else []
        columns = np.concatenate([before, told, conditions, *now], axis=1)
        drive, carry = task.model.step(_on(task, columns).unsqueeze(1), carry)
        before = _row(drawer.begin(drive[:, 0].cpu().numpy(), columns), pieces, chance, sampling)
        for piece in pieces:
            _go_on(piece)
    return [_drawn(piece, width) for piece in pieces]


def _given(requests: Sequence[Request], width: int) -> Int[np.ndarray, "B T P"]:
    """The kept voices side by side, padded with zeros."""
    kept = [one.kept if one.kept is not None else np.zeros((0, width), dtype=np.int64) for one in requests]
    longest = max(len(one) for one in kept)
    return np.stack([np.pad(one, ((0, longest - len(one)), (0, 0))) for one in kept]).astype(np.int64)


def _listened(task: NextToken, given: Int[np.ndarray, "B T P"]) -> Carry | None:
    if not given.shape[1]:
        return None
    lengths = torch.from_numpy((given != 0).any(axis=2).sum(axis=1))
    return Carry((task.front.listen(_on(task, given), lengths),), ())


def _on(task: NextToken, array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).to(next(task.model.parameters()).device)


def _row(drawn: drawing.Row, pieces: Sequence[_Piece], chance: Chance, sampling: Sampling) -> Int[np.ndarray, "B P"]:
    """The next row of each piece, column by column; pieces that are over get one that nobody reads."""
    for piece in pieces:
        piece.begin_row(drawn.num_columns)
    costs = list[np.ndarray]()
    for numbers in chance.numbers(drawn.num_columns).T:
        log_probs = drawn.log_probs()
        allowed = np.concatenate([piece.allowed() for piece in pieces]).reshape(len(pieces), -1)[:, 1:]
        tokens = draw(log_probs, numbers, sampling, allowed)
        costs.append(-log_probs[np.arange(len(tokens)), tokens])
        drawn.tell(tokens + 1)
        for piece, token in zip(pieces, (tokens + 1).tolist(), strict=True):
            piece.row = (*piece.row, token)
    for piece, nats in zip(pieces, np.stack(costs, axis=1).tolist(), strict=True):
        piece.nats.append(nats)
    return np.array([piece.row for piece in pieces], dtype=np.int64)


def _go_on(piece: _Piece) -> None:
    if piece.is_over():
        piece.nats.pop()
        return
    piece.rows.append(piece.row)
    piece.ended = piece.row[0] == piece.end
    piece.place = piece.place.next(piece.row)


def _drawn(piece: _Piece, width: int) -> Drawn:
    rows = np.array(piece.rows, dtype=np.int64).reshape(-1, width)
    return Drawn(rows, np.array(piece.nats, dtype=np.float64).reshape(-1, width), piece.ended)


def scored(task: NextToken, batch: Any) -> list[Float[np.ndarray, "T P"]]:
    """The nats of each token of whole pieces, in the batch's order."""
    with torch.inference_mode():
        losses = task.eval()(batch.columns, batch.next, batch.lengths).double().cpu().numpy()
    return [one[:length] for one, length in zip(losses, batch.lengths.tolist(), strict=True)]
