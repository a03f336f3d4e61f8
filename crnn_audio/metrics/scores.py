"""Scores of a split: one result for all problems, as people read it, as JSON, and as training chooses by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from crnn_audio import pictures as drawing

UNITS = {
    "nats_per_frame": "nats a frame",
    "nats_per_frame_by_piece": "nats a frame over pieces",
    "nats_per_frame_by_window": "nats a frame over windows",
    "nats_per_note": "nats a note",
    "nats_per_character": "nats a character",
    "nats_per_character_by_window": "nats a character in windows",
    "nats_per_token": "nats a token",
    "mse": "mean squared error",
    "loss": "loss",
}
"""What a metric is counted in, where it is not a rate of errors."""


WORDS = {
    "accuracy": "accuracy",
    "acceptance": "acceptance",
    "miss_rate": "misses",
    "f1_frame": "frame F1",
    "f1_onset": "onset F1",
    "f1_note": "note F1",
}
"""What people call a metric that is no abbreviation."""
HIGHER_IS_BETTER = frozenset({"accuracy", "acceptance", "f1_frame", "f1_onset", "f1_note"})
"""Metrics that choose between models and are no rate of errors and no likelihood in nats."""


def worded(metric: str, value: float) -> str:
    """A score for people: "WER 9.06 %", "8.27 nats a frame"."""
    if metric in UNITS:
        return f"{rounded(value)} {UNITS[metric]}"
    return f"{WORDS.get(metric, metric.upper())} {100 * value:.2f} %"


def rounded(value: float) -> str:
    """A figure that is no rate: to three decimals, or to two digits where these would not show it."""
    return f"{value:.3f}" if value >= 0.1 or not value else f"{value:.2g}"


@runtime_checkable
class Item(Protocol):
    """One utterance or piece of a split, and how well the model did on it."""

    @property
    def rank(self) -> tuple[float, ...]:
        """The greater, the worse; an item whose rank is all zeros has no errors and is not listed."""

    def lines(self) -> list[str]:
        """How it is listed for people."""


@runtime_checkable
class Sample(Protocol):
    """What a model generated, to be looked at or listened to."""

    @property
    def text(self) -> str:
        """What a terminal shows of it; empty for music."""

    def save(self, stem: Path) -> None:
        """Writes it to files of this name and suffixes of its own."""


@runtime_checkable
class Picture(Protocol):
    """Something of the scores that is looked at."""

    @property
    def name(self) -> str:
        """The name of its file, without suffix."""

    def draw(self, figure: Any) -> None:
        """Draws it on a matplotlib figure."""


@dataclass(frozen=True)
class Scores:
    """One pass over a split. Rates are fractions; likelihoods are in nats. Lower is better, but for HIGHER_IS_BETTER.

    Args:
        metrics: what `evaluate --record` records, by name; the first chooses between models.
        loss: the training objective on this split, without augmentation.
        counts: what was scored, such as "130 utterances, 773 words".
        details: further lines for people.
        figures: further plain figures, for JSON and the log.
        items: each utterance or piece.
        examples: pairs of reference and hypothesis.
        empty_rate: fraction of items for which the model gave nothing at all.
        sample: what the model generated.
        kept: numbers that are chosen on dev and stored with the run, such as a threshold.
        pictures: for `evaluate --plot`.
        run, corpus, split: what was scored on what, where `evaluate` knows it.
    """

    metrics: Mapping[str, float]
    loss: float
    counts: str
    details: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    empty_rate: float = 0.0
    sample: Sample | None = None
    kept: Mapping[str, float] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    run: str = ""
    corpus: str = ""
    split: str = ""

    @property
    def metric(self) -> str:
        """The metric that chooses between models."""
        return next(iter(self.metrics))

    @property
    def value(self) -> float:
        """Its value."""
        return self.metrics[self.metric]

    def better_than(self, other: float | None) -> bool:
        """Whether its value is better than that of another pass, or there is none."""
        if other is None:
            return True
        return self.value > other if self.metric in HIGHER_IS_BETTER else self.value < other

    def worst(self, count: int) -> list[Item]:
        """The items with the worst scores, the worst first; none without errors."""
        return [item for item in sorted(self.items, key=lambda item: item.rank, reverse=True)[:count] if any(item.rank)]

    def lines(self, name: str, worst: int = 0) -> list[str]:
        """For people: the scores of a model of that name, and its worst items."""
        where = " ".join(filter(None, (self.corpus, self.split)))
        listed = [f"  {line}" for item in self.worst(worst) for line in item.lines()]
        return [f"{name} on {where}: {self.counts}", *(f"  {line}" for line in self.details), *listed]

    def as_json(self) -> dict[str, Any]:
        """Plain figures for `--json`."""
        return {"run": self.run, "corpus": self.corpus, "split": self.split, **self.metrics, **self.figures}


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


def save_pictures(pictures: Sequence[Picture], folder: Path) -> list[Path]:
    """Writes each picture as a PNG into a folder, which is made; the files.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{one.name}.png" for one in pictures]
    for picture, path in zip(pictures, paths, strict=True):
        figure = drawing.new()
        picture.draw(figure)
        drawing.save(figure, path)
    return paths
