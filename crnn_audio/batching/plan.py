"""Which cuts share a batch: a pure function of ids, durations, seed and epoch.

Nothing here is drawn from a running stream, so workers, ranks and resumed runs agree, and going on in the middle of an
epoch is indexing into the same plan.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

JITTER = 0.08
"""Largest relative change of the duration by which cuts are sorted: neighbours change from epoch to epoch."""


@dataclass(frozen=True)
class PlannedCut:
    """A cut's index in the manifest, the speed it is played at in this epoch, and the seconds that this takes."""

    index: int
    speed: float
    duration: float


Batch = tuple[PlannedCut, ...]


def key(*parts: object) -> int:
    """A 63-bit number that is a function of these values alone, to seed one draw with."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def plan_epoch(
    ids: Sequence[str],
    durations: Sequence[float],
    *,
    budget: float,
    seed: int,
    epoch: int,
    speeds: Sequence[float] = (1.0,),
    short_first: bool = False,
) -> list[Batch]:
    """Every cut once, in batches of like durations whose padded length is at most `budget` seconds.

    Args:
        ids: of the cuts; each cut's speed is drawn from (seed, epoch, id).
        durations: in seconds, at speed 1.
        budget: seconds of the longest cut times the number of cuts.
        short_first: batches in the order of their durations, not shuffled.

    Raises:
        ValueError: a cut by itself is longer than the budget.
    """
    cuts = [_planned(index, cut_id, durations[index], speeds, seed, epoch) for index, cut_id in enumerate(ids)]
    generator = np.random.default_rng(key(seed, epoch, "plan"))
    jitter = 1 + JITTER * generator.uniform(-1, 1, len(cuts))
    order = np.argsort([cut.duration * factor for cut, factor in zip(cuts, jitter, strict=True)], kind="stable")
    batches = _fill([cuts[index] for index in order], budget)
    return batches if short_first else [batches[index] for index in generator.permutation(len(batches))]


def in_order(durations: Sequence[float], *, budget: float) -> list[Batch]:
    """Every cut once at its own speed, longest first, for judging and transcribing: memory is known from the start."""
    cuts = [PlannedCut(index, 1.0, duration) for index, duration in enumerate(durations)]
    longest = max(durations, default=0.0)
    return _fill(sorted(cuts, key=lambda cut: -cut.duration), max(budget, longest))


def part(batch: Batch, index: int, count: int) -> Batch:
    """The share of a global batch that accumulation part or rank `index` of `count` computes: every count-th cut."""
    return batch[index::count]


def padding_share(batches: Sequence[Batch]) -> float:
    """The share of padded seconds that are padding."""
    real = sum(cut.duration for batch in batches for cut in batch)
    padded = sum(len(batch) * max(cut.duration for cut in batch) for batch in batches)
    return 1 - real / padded if padded else 0.0


def _planned(index: int, cut_id: str, duration: float, speeds: Sequence[float], seed: int, epoch: int) -> PlannedCut:
    speed = speeds[key(seed, epoch, cut_id, "speed") % len(speeds)]
    return PlannedCut(index, speed, duration / speed)


def _fill(cuts: Sequence[PlannedCut], budget: float) -> list[Batch]:
    batches: list[Batch] = []
    batch: list[PlannedCut] = []
    longest = 0.0
    for cut in cuts:
        if cut.duration > budget:
            raise ValueError(f"a cut of {cut.duration:.2f} s does not fit in a batch of {budget:g} s")
        longest = max(longest, cut.duration)
        if longest * (len(batch) + 1) > budget:
            batches.append(tuple(batch))
            batch, longest = [], cut.duration
        batch.append(cut)
    return [*batches, tuple(batch)] if batch else batches
