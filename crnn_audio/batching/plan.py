"""Which cuts are batched together: a pure function of ids, durations, seed and epoch.

No random number comes from a running stream, so workers, ranks and resumed runs agree, and going on in the middle of an
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
    """A 63-bit number that is a function of these values alone, to seed one generator with."""
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
        ids: of the cuts; each cut's speed depends on (seed, epoch, id).
        durations: in seconds, at speed 1.
        budget: seconds of the longest cut times the number of cuts.
        short_first: batches in the order of their durations, not shuffled.

    Raises:
        ValueError: a cut by itself is longer than the budget.
    """
    sampled = _sample(ids, durations, seed, epoch, speeds)
    groups = _groups(sampled.seconds[sampled.order].tolist(), budget)
    if not short_first:
        groups = [groups[index] for index in sampled.generator.permutation(len(groups))]
    order, factors, seconds = sampled.order.tolist(), sampled.speeds.tolist(), sampled.seconds.tolist()
    return [tuple(PlannedCut(one, factors[one], seconds[one]) for one in order[group]) for group in groups]


def num_batches(
    ids: Sequence[str],
    durations: Sequence[float],
    *,
    budget: float,
    seed: int,
    epoch: int,
    speeds: Sequence[float] = (1.0,),
) -> int:
    """How many batches `plan_epoch` makes, in a third of its time: all epochs are counted before the first step."""
    sampled = _sample(ids, durations, seed, epoch, speeds)
    return len(_groups(sampled.seconds[sampled.order].tolist(), budget))


def in_order(durations: Sequence[float], *, budget: float) -> list[Batch]:
    """Every cut once at its own speed, longest first, for evaluation: peak memory comes first."""
    cuts = [PlannedCut(index, 1.0, duration) for index, duration in enumerate(durations)]
    longest = max(durations, default=0.0)
    ranked = sorted(cuts, key=lambda cut: -cut.duration)
    return [tuple(ranked[group]) for group in _groups([cut.duration for cut in ranked], max(budget, longest))]


def part(batch: Batch, index: int, count: int) -> Batch:
    """The part of a global batch that accumulation part or rank `index` of `count` computes: every count-th cut."""
    return batch[index::count]


def padding_ratio(batches: Sequence[Batch]) -> float:
    """The fraction of padded seconds that are padding."""
    real = sum(cut.duration for batch in batches for cut in batch)
    padded = sum(len(batch) * max(cut.duration for cut in batch) for batch in batches)
    return 1 - real / padded if padded else 0.0


@dataclass(frozen=True)
class _Sampled:
    """What chance decides in an epoch: each cut's speed and so its seconds, and the order in which batches are filled.

    The generator goes on with the order of the batches.
    """

    speeds: np.ndarray
    seconds: np.ndarray
    order: np.ndarray
    generator: np.random.Generator


def _sample(ids: Sequence[str], durations: Sequence[float], seed: int, epoch: int, speeds: Sequence[float]) -> _Sampled:
    if len(speeds) == 1:
        chosen = np.full(len(ids), speeds[0])
    else:
        chosen = np.array([speeds[key(seed, epoch, cut_id, "speed") % len(speeds)] for cut_id in ids])
    seconds = np.asarray(durations) / chosen
    generator = np.random.default_rng(key(seed, epoch, "plan"))
    jitter = 1 + JITTER * generator.uniform(-1, 1, len(ids))
    return _Sampled(chosen, seconds, np.argsort(seconds * jitter, kind="stable"), generator)


def _groups(durations: Sequence[float], budget: float) -> list[slice]:
    """Runs of cuts, in this order, each as long as its padded length allows."""
    groups: list[slice] = []
    start, longest = 0, 0.0
    for place, duration in enumerate(durations):
        if duration > budget:
            raise ValueError(f"a cut of {duration:.2f} s does not fit in a batch of {budget:g} s")
        longest = max(longest, duration)
        if longest * (place - start + 1) > budget:
            groups.append(slice(start, place))
            start, longest = place, duration
    return [*groups, slice(start, len(durations))] if durations else groups
