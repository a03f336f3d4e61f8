"""Rows of pieces: one after the other, cut into chunks; or whole pieces of like lengths.

A row is one sequence to the network, whose state goes on from chunk to chunk and begins anew with each piece. Like the
plan of cuts it is a pure function of lengths, seed and epoch, so that a run can go on anywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from crnn_audio.batching.plan import key

Batch = TypeVar("Batch")
JITTER = 0.3
"""Largest relative change of the length by which whole pieces are sorted."""


@dataclass(frozen=True)
class Span:
    """`length` frames (rows, characters) of piece number `index`, from `start` on, and what follows each of them."""

    index: int
    start: int
    length: int


Step = tuple[Span, ...]
"""The spans of one batch, a row each. A row that has ended is left away, and none comes after it."""


def plan_rows(lengths: Sequence[int], *, rows: int, chunk: int, seed: int, epoch: int) -> list[Step]:
    """Every frame but a piece's last once, as what is heard.

    Args:
        lengths: of the pieces, in frames; two at least.
        rows: pieces side by side.
        chunk: frames of a step; 0 takes whole pieces.
    """
    generator = np.random.default_rng(key(seed, epoch, "rows"))
    if chunk == 0:
        return _whole(lengths, rows, generator)
    queues: list[list[Span]] = [[] for _ in range(min(rows, len(lengths)))]
    for index in generator.permutation(len(lengths)).tolist():
        heard = lengths[index] - 1
        spans = [Span(index, start, min(chunk, heard - start)) for start in range(0, heard, chunk)]
        min(queues, key=len).extend(spans)
    queues.sort(key=len, reverse=True)
    return [tuple(queue[step] for queue in queues if step < len(queue)) for step in range(len(queues[0]))]


def _whole(lengths: Sequence[int], rows: int, generator: np.random.Generator) -> list[Step]:
    jitter = 1 + JITTER * generator.uniform(-1, 1, len(lengths))
    order = np.argsort(np.asarray(lengths) * jitter, kind="stable").tolist()
    groups = [order[at : at + rows] for at in range(0, len(order), rows)]
    steps = [tuple(Span(index, 0, lengths[index] - 1) for index in group) for group in groups]
    return [steps[place] for place in generator.permutation(len(steps))]


@dataclass(frozen=True)
class RowFeed(Generic[Batch]):
    """A training split as the loop reads it.

    Args:
        lengths: of the pieces, in frames.
        gather: makes a batch of spans, in an epoch.
        accumulate: parts that each batch is split into, every part with rows of its own.
        rank: of the `ranks` that share each batch, whose parts these are.
    """

    lengths: Sequence[int]
    gather: Callable[[Sequence[Span], int], Batch]
    rows: int
    chunk: int
    seed: int
    accumulate: int = 1
    rank: int = 0
    ranks: int = 1

    def _plan(self, epoch: int) -> list[Step]:
        return plan_rows(self.lengths, rows=self.rows, chunk=self.chunk, seed=self.seed, epoch=epoch)

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        if self.chunk == 0:
            return -(-len(self.lengths) // self.rows)
        return len(self._plan(epoch))

    def steps(self, epoch: int, start: int) -> Iterator[list[Batch]]:
        """This rank's parts of each global batch, from step `start` on."""
        count = self.accumulate * self.ranks
        for spans in self._plan(epoch)[start:]:
            shares = [spans[index::count] for index in range(self.rank, count, self.ranks)]
            yield [self.gather(share, epoch) for share in shares if share]


def whole_spans(lengths: Sequence[int], rows: int) -> Iterator[Step]:
    """Every piece once and whole, the longest first, for judging."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    for at in range(0, len(order), rows):
        yield tuple(Span(index, 0, lengths[index] - 1) for index in order[at : at + rows])
