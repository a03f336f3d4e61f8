"""Pairs of token sequences in batches of like lengths; the plan is that of cuts, with tokens in place of seconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from crnn_audio.batching import plan
from crnn_audio.batching.plan import Batch
from crnn_audio.types import PairBatch


@dataclass(frozen=True)
class TokenPair:
    """The ids of a source and of its target, without an end; `id` names both."""

    id: str
    source: tuple[int, ...]
    target: tuple[int, ...]

    @property
    def amount(self) -> float:
        """Tokens of the longer side, with the end of the target."""
        return float(max(len(self.source), len(self.target) + 1))


@dataclass(frozen=True)
class PairFeed:
    """A training split as the loop reads it.

    Args:
        budget: padded tokens of a batch, counted on the longer side.
        accumulate: parts that each batch is split into.
        rank: of the `ranks` that share each batch, whose parts these are.
    """

    pairs: Sequence[TokenPair]
    budget: float
    seed: int
    short_first: bool = False
    accumulate: int = 1
    rank: int = 0
    ranks: int = 1

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        return len(self._plan(epoch))

    def steps(self, epoch: int, start: int) -> Iterator[list[PairBatch]]:
        """This rank's parts of each global batch, from step `start` on."""
        count = self.accumulate * self.ranks
        for batch in self._plan(epoch)[start:]:
            parts = [plan.part(batch, index, count) for index in range(self.rank, count, self.ranks)]
            yield [batched([self.pairs[one.index] for one in part]) for part in parts if part]

    def _plan(self, epoch: int) -> list[Batch]:
        return plan.plan_epoch(
            [pair.id for pair in self.pairs],
            [pair.amount for pair in self.pairs],
            budget=self.budget,
            seed=self.seed,
            epoch=epoch,
            short_first=self.short_first and epoch == 0,
        )


def in_order(pairs: Sequence[TokenPair], budget: float) -> Iterator[PairBatch]:
    """Every pair once, the longest first, for evaluation."""
    for batch in plan.in_order([pair.amount for pair in pairs], budget=budget):
        yield batched([pairs[one.index] for one in batch])


def batched(pairs: Sequence[TokenPair]) -> PairBatch:
    """The pairs side by side."""
    sources, source_lengths = _padded([pair.source for pair in pairs])
    targets, target_lengths = _padded([pair.target for pair in pairs])
    return PairBatch(sources, source_lengths, targets, target_lengths, tuple(pair.id for pair in pairs))


def _padded(rows: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.zeros(len(rows), max(1, int(lengths.max())), dtype=torch.long)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = torch.tensor(row, dtype=torch.long)
    return padded, lengths
