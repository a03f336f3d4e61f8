"""Scores of labelled segments: frames, onsets and notes that agree, as counts that add up over recordings and labels.

An estimated event matches a reference of the same label whose onset is within the tolerance, each at most once, in the
matching that has the most pairs, as in mir_eval (Raffel et al. 2014). F1 is the harmonic mean of precision and recall.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from crnn_audio.metrics.scores import Scores

DECIMALS = 4
"""Of seconds when onsets are compared, as mir_eval rounds them."""
OFFSET_RATIO = 0.2
"""A note's end may differ by the tolerance, or by this fraction of the reference's length if that is more."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Counts:
    """What was found and right, found and wrong, and missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """From 0 to 1; 1 where there was nothing to find and nothing was found."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 1.0

    @property
    def precision(self) -> float:
        """The fraction of what was found that is right."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """The fraction of what there is that was found."""
        return self.right / max(self.right + self.missed, 1)


def frames(reference: Bool[np.ndarray, " U"], estimate: Bool[np.ndarray, " U"]) -> Counts:
    """Of a label's frames."""
    right = int((reference & estimate).sum())
    return Counts(right, int(estimate.sum()) - right, int(reference.sum()) - right)


def onsets(reference: Sequence[float], estimate: Sequence[float], tolerance: float) -> Counts:
    """Of a label's onsets, in seconds, sorted; as all windows are equal, the earliest pair first is the best."""
    right, place = 0, 0
    for time in estimate:
        while place < len(reference) and round(time - reference[place], DECIMALS) > tolerance:
            place += 1
        if place < len(reference) and round(reference[place] - time, DECIMALS) <= tolerance:
            right, place = right + 1, place + 1
    return Counts(right, len(estimate) - right, len(reference) - right)


def spans(reference: Sequence[Span], estimate: Sequence[Span], tolerance: float) -> Counts:
    """Of a label's notes whose ends count too."""
    right = 0
    if reference and estimate:
        from scipy.sparse import csr_array  # type: ignore[import-untyped]
        from scipy.sparse.csgraph import maximum_bipartite_matching  # type: ignore[import-untyped]

        mine, theirs = np.asarray(reference), np.asarray(estimate)
        apart = np.round(np.abs(mine[:, None] - theirs[None]), DECIMALS)
        allowed = np.maximum(tolerance, OFFSET_RATIO * (mine[:, 1] - mine[:, 0]))[:, None]
        pairs = (apart[..., 0] <= tolerance) & (apart[..., 1] <= allowed)
        right = int((maximum_bipartite_matching(csr_array(pairs)) >= 0).sum())
    return Counts(right, len(estimate) - right, len(reference) - right)


def total(counts: Iterable[Counts]) -> Counts:
    """Their sum."""
    return sum(counts, Counts())


@dataclass(frozen=True)
class ScoredRecording:
    """One recording: the counts of each label, by what is counted ("frame", "onset", "note")."""

    id: str
    counts: Mapping[str, Mapping[str, Counts]]
    main: str

    @property
    def rank(self) -> tuple[float, ...]:
        """Errors of what chooses between models."""
        found = total(self.counts[self.main].values())
        return (found.wrong + found.missed,)

    def lines(self) -> list[str]:
        """The recording, and its errors by label."""
        errors = [
            f"{label}: {one.missed} missed, {one.wrong} wrong"
            for label, one in self.counts[self.main].items()
            if one.missed or one.wrong
        ]
        return [f"{self.id}: {'; '.join(errors)}"]


def scores_of(
    recordings: Sequence[ScoredRecording], loss: float, seconds: float, kept: Mapping[str, float] | None = None
) -> Scores:
    """The scores of a split: the mean F1 of the labels, or of all pitches together where the labels are pitches."""
    main = recordings[0].main
    by_kind = {
        kind: {label: total(one.counts[kind][label] for one in recordings) for label in labels}
        for kind, labels in recordings[0].counts.items()
    }
    values = {kind: _value(labels) for kind, labels in by_kind.items()}
    order = [main, *(kind for kind in values if kind != main)]
    details = [f"{kind} F1 {100 * values[kind]:.2f} %" for kind in order]
    details += [
        f"  {label:10} {main} F1 {100 * one.f1:.2f} %  (precision {100 * one.precision:.2f}, recall "
        f"{100 * one.recall:.2f}; {one.right + one.missed} in all)"
        for label, one in by_kind[main].items()
        if not label.isdecimal()
    ]
    figures = {kind: {label: one.f1 for label, one in labels.items()} for kind, labels in by_kind.items()}
    return Scores(
        metrics={f"f1_{kind}": values[kind] for kind in order},
        loss=loss,
        counts=f"{len(recordings)} recordings, {seconds / 60:.1f} minutes",
        details=(*details, f"loss {loss:.4f}"),
        figures={"by_label": figures, "seconds": seconds},
        items=tuple(recordings),
        kept=kept or {},
    )


def _value(labels: Mapping[str, Counts]) -> float:
    if all(label.isdecimal() for label in labels):
        return total(labels.values()).f1
    return float(np.mean([one.f1 for one in labels.values()]))
