"""Keywords in a stream: how many are missed, against how many false alarms an hour of other sound gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

MOST = 400
"""Thresholds that are tried, at most."""


def alarms(scores: Float[np.ndarray, " N"], threshold: float, gap: int) -> int:
    """How many events there are at a threshold, each followed by `gap` windows that are not counted."""
    count, free = 0, 0
    for place in np.flatnonzero(scores >= threshold):
        if place >= free:
            count, free = count + 1, int(place) + gap
    return count


@dataclass(frozen=True)
class Misses:
    """The part of the keywords that is missed, and false alarms an hour, at each threshold; thresholds rise."""

    thresholds: Float[np.ndarray, " N"]
    miss_rates: Float[np.ndarray, " N"]
    per_hour: Float[np.ndarray, " N"]
    hours: float

    @property
    def name(self) -> str:
        """The name of its picture's file, without suffix."""
        return "misses"

    def at(self, per_hour: float) -> int:
        """The place of the least threshold from which on there are no more false alarms an hour than this."""
        above = np.flatnonzero(self.per_hour > per_hour)
        return min(int(above[-1]) + 1, len(self.thresholds) - 1) if len(above) else 0

    def draw(self, figure: Any) -> None:
        """Draws misses against false alarms on a matplotlib figure."""
        figure.set_size_inches(6, 4.5)
        axes = figure.subplots()
        axes.step(self.per_hour, 100 * self.miss_rates, where="post")
        axes.set(xlabel=f"false alarms an hour, of {self.hours:.2f} hours", ylabel="keywords missed, %", ylim=(0, 100))
        axes.set_xscale("symlog", linthresh=max(1 / max(self.hours, 1e-6), 1e-3))
        axes.grid(alpha=0.3)


def misses(keywords: Sequence[float], background: Sequence[Float[np.ndarray, " N"]], hours: float, gap: int) -> Misses:
    """The curve of a set of keywords and some background.

    Args:
        keywords: the highest score of each recording of a keyword as that keyword.
        background: the scores of any keyword at each window of recordings without one.
        hours: of the background.
        gap: windows after an event that are not counted.
    """
    scores = np.asarray(keywords, dtype=np.float64)
    others = np.concatenate(background) if len(background) else np.zeros(0)
    loudest = np.sort(others)[-20 * MOST :]
    chosen = np.unique(np.concatenate([scores, loudest, [np.nextafter(others.max(initial=0.0), 2.0)]]))
    if len(chosen) > MOST:  # the highest ones, where false alarms are rare, and some of the others
        spread = np.linspace(0, len(chosen) - MOST // 2 - 1, MOST // 2).astype(int)
        chosen = np.concatenate([chosen[spread], chosen[-(MOST // 2) :]])
    counts = np.array([sum(alarms(one, threshold, gap) for one in background) for threshold in chosen])
    return Misses(chosen, np.array([(scores < threshold).mean() for threshold in chosen]), counts / hours, hours)
