"""Scores of classified recordings: accuracy with its interval, per class, and who was taken for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from crnn_audio.metrics.error_rate import ErrorCounts, interval
from crnn_audio.metrics.scores import Scores


@dataclass(frozen=True)
class ScoredRecording:
    """A recording: its labels, those that it was given and how surely, and its loss in nats."""

    id: str
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    confidence: float
    loss: float

    @property
    def is_right(self) -> bool:
        """Whether all labels are right, and no more are given."""
        return set(self.reference) == set(self.hypothesis)

    @property
    def rank(self) -> tuple[float, ...]:
        """The wrong ones, the surest first."""
        return (0.0 if self.is_right else 1.0 + self.confidence,)

    def lines(self) -> list[str]:
        """The recording in a line."""
        given, meant = (", ".join(labels) or "nothing" for labels in (self.hypothesis, self.reference))
        return [f"{self.id}: {given} ({100 * self.confidence:.0f} %) in place of {meant}"]


def scores_of(recordings: Sequence[ScoredRecording], labels: Sequence[str]) -> Scores:
    """The scores of a split. Of several labels, a recording is right where all of them are.

    `reject_below` among `kept` is the confidence that best tells right from wrong answers here.
    """
    wrong = [ErrorCounts(substitutions=int(not one.is_right), reference=1) for one in recordings]
    rate = sum(wrong, ErrorCounts()).rate
    low, high = (1 - bound for bound in reversed(interval(wrong)))
    per_class = {label: _class_figures(recordings, label) for label in labels}
    details = [
        f"accuracy {100 * (1 - rate):.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f})",
        *(_class_line(label, figures) for label, figures in per_class.items()),
    ]
    wrong_first = sorted(recordings, key=lambda one: one.is_right)
    return Scores(
        metrics={"accuracy": 1 - rate},
        loss=sum(one.loss for one in recordings) / len(recordings),
        counts=f"{len(recordings)} recordings of {len(labels)} classes",
        details=tuple(details),
        figures={"recordings": len(recordings), "interval": [low, high], "classes": per_class},
        items=tuple(recordings),
        examples=tuple((", ".join(one.reference), ", ".join(one.hypothesis)) for one in wrong_first[:5]),
        empty_rate=sum(not one.hypothesis for one in recordings) / len(recordings),
        kept={"reject_below": reject_below([(one.confidence, one.is_right) for one in recordings])},
        pictures=(Confusion(tuple(labels), confusion(recordings, labels)),),
    )


def _class_figures(recordings: Sequence[ScoredRecording], label: str) -> Mapping[str, float]:
    """How many recordings have the label, the part of them that got it, and the part of those that got it rightly."""
    have = [label in one.reference for one in recordings]
    got = [label in one.hypothesis for one in recordings]
    both = sum(one and other for one, other in zip(have, got, strict=True))
    return {"count": sum(have), "recall": both / max(sum(have), 1), "precision": both / max(sum(got), 1)}


def _class_line(label: str, figures: Mapping[str, float]) -> str:
    recall, precision = 100 * figures["recall"], 100 * figures["precision"]
    return f"{label:16} recall {recall:6.2f} %  precision {precision:6.2f} %  of {figures['count']:.0f}"


def reject_below(answers: Sequence[tuple[float, bool]]) -> float:
    """The confidence from which on answers are accepted: that with the most right accepted and wrong rejected ones.

    Counted as parts of the right and of the wrong ones, which is Youden's index (Youden 1950); 0 without wrong ones.
    """
    right = np.sort([confidence for confidence, is_right in answers if is_right])
    wrong = np.sort([confidence for confidence, is_right in answers if not is_right])
    if not len(right) or not len(wrong):
        return 0.0
    accepted = 1 - np.searchsorted(right, right, side="left") / len(right)
    rejected = np.searchsorted(wrong, right, side="left") / len(wrong)
    return float(right[np.argmax(accepted + rejected)])


def confusion(recordings: Sequence[ScoredRecording], labels: Sequence[str]) -> Int[np.ndarray, "K K"]:
    """How often each class (row) was given each label (column); of several labels, those missed with those wrong."""
    index = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for one in recordings:
        known = [label for label in one.reference if label in index]
        missed = [label for label in known if label not in one.hypothesis]
        added = [label for label in one.hypothesis if label not in one.reference]
        for label in set(known) - set(missed):
            counts[index[label], index[label]] += 1
        for label in missed:
            for other in added:
                counts[index[label], index[other]] += 1
    return counts


@dataclass(frozen=True)
class Confusion:
    """The picture of who was taken for whom, in per cent of each class."""

    labels: tuple[str, ...]
    counts: Int[np.ndarray, "K K"]

    @property
    def name(self) -> str:
        """The name of its file, without suffix."""
        return "confusion"

    def draw(self, figure: Any) -> None:
        """Draws it on a matplotlib figure."""
        rows = 100 * self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        size = max(4.0, 0.5 * len(self.labels) + 2.5)
        figure.set_size_inches(size, size)
        axes = figure.subplots()
        axes.imshow(rows, cmap="Blues", vmin=0, vmax=100)
        places = range(len(self.labels))
        axes.set_xticks(places, self.labels, rotation=90)
        axes.set_yticks(places, self.labels)
        axes.set(xlabel="label given, % of each class", ylabel="label of the corpus")
        for row, column in np.argwhere(self.counts):
            shade = "white" if rows[row, column] > 50 else "black"
            axes.text(column, row, f"{rows[row, column]:.0f}", ha="center", va="center", color=shade, fontsize=8)
