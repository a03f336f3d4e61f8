"""Batches of pieces as rows of tokens: what is known before each row, and the row.

What changes from epoch to epoch (transposition, which voices are given, what is told of a piece) is drawn from (seed,
epoch, piece), never from a running stream.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int

from crnn_audio.batching.plan import key
from crnn_audio.batching.rows import Span, whole_spans
from crnn_audio.types import EventBatch


@dataclass(frozen=True)
class EventPiece:
    """A piece: its tokens, what is told before each row, and the ids of what may be asked for; 0 is not told."""

    id: str
    rows: Int[np.ndarray, "T P"]
    told: Int[np.ndarray, "T Q"]
    condition: Int[np.ndarray, " C"]


@dataclass(frozen=True)
class Variation:
    """How training varies pieces.

    Args:
        given_share: probability that some columns of a piece are given.
        melody: the column that is given most.
        untold_share: probability that a condition is not told.
    """

    seed: int
    given_share: float = 0.0
    melody: int = 0
    untold_share: float = 0.0

    def piece(self, variants: Sequence[EventPiece], epoch: int) -> tuple[EventPiece, Bool[np.ndarray, " P"]]:
        """One of a piece's transpositions, and which of its columns are drawn in that epoch."""
        generator = np.random.default_rng(key(self.seed, epoch, variants[0].id))
        piece = variants[int(generator.integers(len(variants)))]
        told = generator.random(len(piece.condition)) >= self.untold_share
        given = generator.random() < self.given_share
        drawn = (
            _some(piece.rows.shape[1], self.melody, generator) if given else np.ones(piece.rows.shape[1], dtype=bool)
        )
        return EventPiece(piece.id, piece.rows, piece.told, piece.condition * told), drawn


def _some(count: int, melody: int, generator: np.random.Generator) -> Bool[np.ndarray, " P"]:
    """Some columns, neither none nor all: in half of all cases one alone, half the time the melody; else any subset."""
    drawn = np.ones(count, dtype=bool)
    if generator.random() < 0.5:
        drawn[melody if generator.random() < 0.5 else int(generator.integers(count))] = False
    else:
        drawn[generator.permutation(count)[: int(generator.integers(1, count))]] = False
    return drawn


def columns(
    piece: EventPiece, drawn: Bool[np.ndarray, " P"], start: int, length: int, *, ahead: bool
) -> Int[np.ndarray, "T N"]:
    """What is known before each of `length` rows from `start` on.

    The row before it, what is told, the conditions, and with `ahead` the given voices.
    """
    rows = piece.rows[start : start + length]
    before = np.zeros_like(rows)
    before[1:] = rows[:-1]
    if start:
        before[0] = piece.rows[start - 1]
    conditions = np.broadcast_to(piece.condition, (length, len(piece.condition)))
    given = [rows * ~drawn] if ahead else []
    return np.concatenate([before, piece.told[start : start + length], conditions, *given], axis=1)


def batch(chosen: Sequence[tuple[EventPiece, np.ndarray]], spans: Sequence[Span], *, ahead: bool) -> EventBatch:
    """The spans side by side, padded with zeros; `chosen` are the piece of each span and which columns are drawn."""
    longest = max(span.length for span in spans)
    known, following = list[np.ndarray](), list[np.ndarray]()
    for (piece, drawn), span in zip(chosen, spans, strict=True):
        padding = ((0, longest - span.length), (0, 0))
        known.append(np.pad(columns(piece, drawn, span.start, span.length, ahead=ahead), padding))
        following.append(np.pad(piece.rows[span.start : span.start + span.length], padding))
    return EventBatch(
        columns=torch.from_numpy(np.stack(known).astype(np.int64)),
        next=torch.from_numpy(np.stack(following).astype(np.int64)),
        drawn=torch.from_numpy(np.stack([drawn for _, drawn in chosen])),
        lengths=torch.tensor([span.length for span in spans]),
        begins=torch.tensor([span.start == 0 for span in spans]),
        cut_ids=tuple(piece.id for piece, _ in chosen),
    )


def whole_batches(pieces: Sequence[EventPiece], rows: int, *, ahead: bool) -> Iterator[EventBatch]:
    """Every piece once and whole with all its columns drawn, the longest first, for judging."""
    for spans in whole_spans([len(piece.rows) + 1 for piece in pieces], rows):
        chosen = [(pieces[span.index], np.ones(pieces[span.index].rows.shape[1], dtype=bool)) for span in spans]
        yield batch(chosen, spans, ahead=ahead)
