"""Batches of sequences: parts side by side, one a row, whose state is carried on; or whole ones of similar lengths.

With truncated back-propagation through time (`bptt`) a row is one running sequence to the network: its state is carried
from batch to batch and begins anew with each piece. Like the plan of cuts, the plan is a pure function of lengths, seed
and epoch, so that a run can resume anywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from crnn_audio.batching.plan import key
from crnn_audio.types import SequenceBatch

JITTER = 0.3
"""Largest relative change of the length by which whole sequences are sorted."""


@dataclass(frozen=True)
class Span:
    """`length` inputs of sequence number `index`, from `start` on, and the target after each of them."""

    index: int
    start: int
    length: int


Step = tuple[Span, ...]
"""The spans of one batch, a row each. A row that has ended is left away, and none comes after it."""


@runtime_checkable
class Sequences(Protocol):
    """Sequences of which batches are made."""

    @property
    def lengths(self) -> Sequence[int]:
        """Inputs of each, all of which have a target."""

    def batch(self, spans: Sequence[Span], epoch: int) -> SequenceBatch:
        """These spans side by side, as they are in an epoch."""


def batch(
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    spans: Sequence[Span],
    cut_ids: Sequence[str],
) -> SequenceBatch:
    """What stands in the spans side by side, padded with zeros."""
    return SequenceBatch(
        inputs=_padded(inputs),
        targets=_padded(targets),
        weights=_padded([one.astype(np.float32) for one in weights]),
        lengths=torch.tensor([span.length for span in spans]),
        begins=torch.tensor([span.start == 0 for span in spans]),
        cut_ids=tuple(cut_ids),
    )


def _padded(rows: Sequence[np.ndarray]) -> torch.Tensor:
    padded = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(padded)


def whole(sequences: Sequences, batch_size: int) -> Iterator[SequenceBatch]:
    """Every sequence once and whole, the longest first, for evaluation."""
    lengths = sequences.lengths
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    for at in range(0, len(order), batch_size):
        yield sequences.batch([Span(index, 0, lengths[index]) for index in order[at : at + batch_size]], 0)


@dataclass(frozen=True)
class SequenceFeed:
    """A training split as the loop reads it.

    Args:
        batch_size: sequences side by side.
        bptt: inputs of a step, the length of truncated back-propagation through time; 0 takes whole sequences.
        accumulate: parts that each batch is split into, every part with rows of its own.
        rank: of the `ranks` that share each batch, whose parts these are.
    """

    sequences: Sequences
    batch_size: int
    bptt: int
    seed: int
    accumulate: int = 1
    rank: int = 0
    ranks: int = 1

    def _plan(self, epoch: int) -> list[Step]:
        return plan_spans(
            self.sequences.lengths, batch_size=self.batch_size, bptt=self.bptt, seed=self.seed, epoch=epoch
        )

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        if self.bptt == 0:
            return -(-len(self.sequences.lengths) // self.batch_size)
        return len(self._plan(epoch))

    def steps(self, epoch: int, start: int) -> Iterator[list[SequenceBatch]]:
        """This rank's parts of each global batch, from step `start` on."""
        count = self.accumulate * self.ranks
        for spans in self._plan(epoch)[start:]:
            parts = [spans[index::count] for index in range(self.rank, count, self.ranks)]
            yield [self.sequences.batch(part, epoch) for part in parts if part]


def plan_spans(lengths: Sequence[int], *, batch_size: int, bptt: int, seed: int, epoch: int) -> list[Step]:
    """Every input of every sequence once; the arguments are those of `SequenceFeed`."""
    generator = np.random.default_rng(key(seed, epoch, "rows"))
    if bptt == 0:
        return _whole(lengths, batch_size, generator)
    queues: list[list[Span]] = [[] for _ in range(min(batch_size, len(lengths)))]
    for index in generator.permutation(len(lengths)).tolist():
        length = lengths[index]
        spans = [Span(index, start, min(bptt, length - start)) for start in range(0, length, bptt)]
        min(queues, key=len).extend(spans)
    queues.sort(key=len, reverse=True)
    return [tuple(queue[step] for queue in queues if step < len(queue)) for step in range(len(queues[0]))]


def _whole(lengths: Sequence[int], batch_size: int, generator: np.random.Generator) -> list[Step]:
    jitter = 1 + JITTER * generator.uniform(-1, 1, len(lengths))
    elements = np.asarray(lengths) + 1  # the last of which is a target only
    order = np.argsort(elements * jitter, kind="stable").tolist()
    groups = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    steps = [tuple(Span(index, 0, lengths[index]) for index in group) for group in groups]
    return [steps[place] for place in generator.permutation(len(steps))]
