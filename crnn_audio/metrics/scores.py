"""Scores as people read them, and how well a confidence tells right from wrong."""

from collections.abc import Sequence

import numpy as np


def ranking_area(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """The area under the ROC curve: how often a right word is given more confidence than a wrong one, ties half.

    0.5 is chance, 1 is perfect (Hanley and McNeil 1982). None where there are only right or only wrong ones.
    """
    scores, labels = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=bool)
    good, bad = np.sort(scores[labels]), np.sort(scores[~labels])
    if not len(good) or not len(bad):
        return None
    below = np.searchsorted(bad, good, side="left").sum()
    not_above = np.searchsorted(bad, good, side="right").sum()
    return float(below + not_above) / (2 * len(good) * len(bad))


UNITS = {
    "nats_per_frame": "nats a frame",
    "nats_per_note": "nats a note",
    "nats_per_character": "nats a character",
}
"""What a score is counted in, where it is no rate of errors."""


def worded(metric: str, score: float) -> str:
    """A score for people: "WER 9.06 %", "8.27 nats a frame"."""
    return f"{score:.3f} {UNITS[metric]}" if metric in UNITS else f"{metric.upper()} {100 * score:.2f} %"
