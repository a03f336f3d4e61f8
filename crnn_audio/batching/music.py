"""Pieces of music as sequences of rows of tokens: inputs known before each row, and the row as the target.

What changes from epoch to epoch (transposition, fixed voices, conditions left out) is sampled from (seed, epoch,
piece), never from a running stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from crnn_audio.batching import sequence
from crnn_audio.batching.plan import key
from crnn_audio.batching.sequence import Span
from crnn_audio.types import SequenceBatch


@dataclass(frozen=True)
class EncodedPiece:
    """A piece: its tokens, the context features of each row, and the ids of its conditions; 0 is "not given"."""

    id: str
    rows: Int[np.ndarray, "T P"]
    context: Int[np.ndarray, "T Q"]
    condition: Int[np.ndarray, " C"]


@dataclass(frozen=True)
class Augmentation:
    """How training pieces vary.

    Args:
        fixed_voice_probability: that some columns of a piece are fixed.
        melody: the column that is fixed most often.
        condition_dropout: probability that a condition is left out.
        bars_left: whether the last context feature is how many bars are left, which is hidden as a condition is.
    """

    seed: int
    fixed_voice_probability: float = 0.0
    melody: int = 0
    condition_dropout: float = 0.0
    bars_left: bool = False

    def piece(self, transpositions: Sequence[EncodedPiece], epoch: int) -> tuple[EncodedPiece, Bool[np.ndarray, " P"]]:
        """One of a piece's transpositions, and which of its columns are predicted in that epoch."""
        generator = np.random.default_rng(key(self.seed, epoch, transpositions[0].id))
        piece = transpositions[int(generator.integers(len(transpositions)))]
        stays = generator.random(len(piece.condition)) >= self.condition_dropout
        fixed = generator.random() < self.fixed_voice_probability
        predicted = (
            _some(piece.rows.shape[1], self.melody, generator) if fixed else np.ones(piece.rows.shape[1], dtype=bool)
        )
        context = piece.context
        if self.bars_left and generator.random() < self.condition_dropout:
            context = hidden(context)
        return EncodedPiece(piece.id, piece.rows, context, piece.condition * stays), predicted


def hidden(context: Int[np.ndarray, "T Q"]) -> Int[np.ndarray, "T Q"]:
    """Context features whose last one, how many bars are left, is not known."""
    found = context.copy()
    found[:, -1] = 0
    return found


def _some(count: int, melody: int, generator: np.random.Generator) -> Bool[np.ndarray, " P"]:
    """All columns but some: in half of all cases but one, which is the melody half the time; else but any subset."""
    predicted = np.ones(count, dtype=bool)
    if generator.random() < 0.5:
        predicted[melody if generator.random() < 0.5 else int(generator.integers(count))] = False
    else:
        predicted[generator.permutation(count)[: int(generator.integers(1, count))]] = False
    return predicted


@dataclass(frozen=True)
class Pieces:
    """Pieces in their transpositions, one or more of each.

    Args:
        reads_ahead: whether the network has inputs for fixed voices.
        augmentation: without it, all columns of the first transposition are predicted.
    """

    transpositions: Sequence[Sequence[EncodedPiece]]
    reads_ahead: bool
    augmentation: Augmentation | None = None

    @property
    def lengths(self) -> list[int]:
        """Rows of each."""
        return [len(piece.rows) for piece, *_ in self.transpositions]

    def batch(self, spans: Sequence[Span], epoch: int = 0) -> SequenceBatch:
        """The spans side by side, padded with zeros."""
        return batch([self._piece(span.index, epoch) for span in spans], spans, reads_ahead=self.reads_ahead)

    def _piece(self, index: int, epoch: int) -> tuple[EncodedPiece, Bool[np.ndarray, " P"]]:
        transpositions = self.transpositions[index]
        if self.augmentation:
            return self.augmentation.piece(transpositions, epoch)
        return transpositions[0], np.ones(transpositions[0].rows.shape[1], dtype=bool)


def batch(
    pieces: Sequence[tuple[EncodedPiece, Bool[np.ndarray, " P"]]], spans: Sequence[Span], *, reads_ahead: bool
) -> SequenceBatch:
    """The spans side by side: of each its piece, and which columns are predicted while the others are fixed."""
    parts = [
        (piece, predicted, span.start, span.start + span.length)
        for (piece, predicted), span in zip(pieces, spans, strict=True)
    ]
    return sequence.batch(
        [inputs_of(piece, predicted, start, end, reads_ahead=reads_ahead) for piece, predicted, start, end in parts],
        [piece.rows[start:end].astype(np.int64) for piece, _, start, end in parts],
        [np.tile(predicted, (end - start, 1)) for _, predicted, start, end in parts],
        spans,
        [piece.id for piece, *_ in parts],
    )


def inputs_of(
    piece: EncodedPiece, predicted: Bool[np.ndarray, " P"], start: int, end: int, *, reads_ahead: bool
) -> Int[np.ndarray, "T N"]:
    """What is known before each of these rows.

    The row before it, context features, conditions, and with `reads_ahead` the tokens of the fixed columns.
    """
    rows = piece.rows[start:end]
    before = np.zeros_like(rows)
    before[1:] = rows[:-1]
    if start:
        before[0] = piece.rows[start - 1]
    conditions = np.broadcast_to(piece.condition, (len(rows), len(piece.condition)))
    fixed = [rows * ~predicted] if reads_ahead else []
    return np.concatenate([before, piece.context[start:end], conditions, *fixed], axis=1).astype(np.int64)
