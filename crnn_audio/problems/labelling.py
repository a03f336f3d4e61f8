"""Labelling: every frame of a recording its labels (many-to-many, equal lengths)."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio import files
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut, Segment
from crnn_audio.config.labelling import LabellingRecipe
from crnn_audio.corpora.home import Progress
from crnn_audio.decoding.events import EventOptions
from crnn_audio.errors import DataError, RunError
from crnn_audio.features.distort import Distortion
from crnn_audio.features.normalize import Statistics
from crnn_audio.inference.labeller import Labeller
from crnn_audio.metrics import labelling as metrics
from crnn_audio.metrics.labelling import ScoredRecording
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.frame_heads import LabelHead, NotesHead
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts, recordings
from crnn_audio.runs import Run
from crnn_audio.tasks import event_choice
from crnn_audio.tasks.event_choice import Recorded
from crnn_audio.tasks.labelling import UNITS, Labelling

Recipe = LabellingRecipe
METRIC = "f1"
"""Of frames, onsets or notes, by the recipe's targets."""
inputs, transfer = recordings.inputs, recordings.transfer
OPTIONS = frozenset({"distortion"})
CHOSEN = ("frame_threshold", "median", "gap", "minimum", "radius")
"""What is chosen on dev beside thresholds: the fields of `EventOptions`."""
SHORTEST_SPAN = 0.5
"""Seconds; what is left of a recording that is shorter is not trained on."""
MAIN = {"segments": "frame", "onsets": "onset", "notes": "onset"}


@dataclass(frozen=True)
class Assets:
    """The labels, and with global normalisation the mean and deviation of each feature."""

    labels: tuple[str, ...]
    statistics: Statistics | None

    def save(self, folder: Path) -> None:
        """Writes labels.json and statistics.json."""
        files.write_text(folder / "labels.json", json.dumps(self.labels, ensure_ascii=False) + "\n")
        if self.statistics:
            self.statistics.save(folder / "statistics.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads them."""
        path = folder / "labels.json"
        try:
            found = files.parse_json(files.read_text(path, ValueError))
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}). Restore it, or train again.") from None
        if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
            raise RunError(f"{path}: damaged: it holds no list of labels. Restore it, or train again.")
        return cls(tuple(found), recordings.stored_statistics(folder, recipe))


# ------------------------------------------------------------------------------------------------- data, model


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's cuts with their segments."""
    found, remarks = recordings.splits(recipe, progress)
    if recipe.data.span_seconds:
        found["train"] = [span for cut in found["train"] for span in _spans(cut, recipe.data.span_seconds)]
    return Data(found, recordings.held_out(recipe), remarks)


def _spans(cut: Cut, seconds: float) -> Iterator[Cut]:
    """A cut as spans one after the other, each with the segments that begin in it."""
    if cut.duration <= seconds:
        yield cut
        return
    for start in np.arange(0.0, cut.duration - SHORTEST_SPAN, seconds).tolist():
        end = min(start + seconds, cut.duration)
        inside = [one for one in cut.segments if start <= one.start < end]
        segments = tuple(Segment(one.start - start, min(one.end, end) - start, one.label) for one in inside)
        id = f"{cut.id}@{start:g}"
        yield replace(cut, id=id, start=cut.start + start, duration=end - start, segments=segments)


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """The labels of the recipe or of the training split, and the statistics of its features.

    Raises:
        DataError: the training split has no labels, or not all of those that the recipe names.
    """
    training = data.items["train"]
    there = {one.label for cut in training for one in cut.segments}
    if missing := sorted(set(recipe.task.labels) - there):
        raise DataError(f"{recipe.data.name}: no segment of train has the label {missing[0]!r} of task.labels.")
    labels = tuple(recipe.task.labels) or tuple(sorted(there, key=lambda label: (len(label), label)))
    if not labels:
        raise DataError(f"{recipe.data.name}: no recording of train has a labelled segment. Label some, or check them.")
    usable, _ = recordings.usable(recipe, training, _findings(recipe, training, labels))
    ready = _ready(recipe, usable, labels, recordings.distortion(recipe))
    return Assets(labels, recordings.statistics_of(recipe, ready, report))


def _findings(recipe: Recipe, cuts: Sequence[Cut], labels: Sequence[str]) -> list[Finding]:
    """Cuts that are too long, or whose segments overlap where they may not."""
    found = recordings.too_long(recipe, cuts)
    for cut in cuts if recipe.task.exclusive else ():
        spans = sorted((one.start, one.end, one.label) for one in cut.segments if one.label in labels)
        for (_, end, one), (start, _, other) in pairwise(spans):
            if start < end - 0.01:
                problem = (
                    f"{one!r} and {other!r} overlap at {start:.2f} s, and task.exclusive allows one label at a time."
                )
                found.append(Finding(cut.id, problem))
                break
    return found


def _ready(recipe: Recipe, cuts: Sequence[Cut], labels: Sequence[str], distortion: Distortion | None = None) -> Cuts:
    """Cuts with their segments as rows of numbers; labels that the run does not know are left out."""
    number = {label: index for index, label in enumerate(labels)}
    rows = [
        [
            value
            for one in cut.segments
            if one.label in number
            for value in (number[one.label], round(max(one.start, 0) * UNITS), round(one.end * UNITS))
        ]
        for cut in cuts
    ]
    return recordings.ready(recipe, cuts, rows, distortion)


def task(recipe: Recipe, assets: Assets) -> Labelling:
    """The model from waveforms to its loss, with initial weights that depend on the seed alone."""
    section, count = recipe.task, len(assets.labels)
    head = NotesHead if section.targets == "notes" else partial(LabelHead, exclusive=section.exclusive)
    return Labelling(
        recordings.sound_parts(recipe, assets.statistics, lambda size: head(size, count)),
        targets=section.targets,
        labels=count,
        exclusive=section.exclusive,
        onset_width=section.onset_width,
        positive_weight=section.positive_weight,
        class_weights=[section.class_weights.get(label, 1.0) for label in assets.labels],
    )


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: more than one in a hundred of its cuts cannot be used, or a cut of dev cannot be read.
    """
    training, dev = data.items["train"], data.items.get("dev", [])
    usable, findings = recordings.usable(recipe, training, _findings(recipe, training, assets.labels))
    recordings.refuse_unreadable(recipe, dev)
    ready = _ready(recipe, usable, assets.labels, recordings.distortion(recipe))
    fingerprint = [(cut.id, cut.duration, cut.segments) for cut in usable]
    return recordings.feed(recipe, ready, fingerprint, findings, _remarks(dev, assets.labels), rank, ranks)


def _remarks(dev: Sequence[Cut], labels: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted({one.label for cut in dev for one in cut.segments} - set(labels))
    return (f"dev: labels that are not learned: {', '.join(unknown[:10])}",) if unknown else ()


# --------------------------------------------------------------------------------------------- scores, words


def scores(task: Labelling, recipe: Recipe, assets: Assets, items: Sequence[Cut], options: ScoreOptions) -> Scores:
    """Labels every recording and counts what agrees; a pass during training chooses how events are decoded."""
    task.eval()
    during = options.epoch is not None
    distortion = recordings.distortion(recipe) if during and recipe.data.distort_dev else options.distortion
    found, loss = _probabilities(task, _ready(recipe, items, assets.labels, distortion), recipe)
    recorded = {cut.id: Recorded(found[cut.id], _by_label(cut, assets.labels)) for cut in items}
    tolerance = recipe.task.tolerance
    if during:
        task.events = event_choice.choose(list(recorded.values()), task.targets, task.frame_seconds, tolerance)
    scored = [_scored(task, cut_id, one, assets.labels, tolerance) for cut_id, one in recorded.items()]
    seconds = sum(cut.duration for cut in items)
    chosen = kept(task.events, assets.labels) if during else {}
    return metrics.scores_of(scored, loss / len(items), seconds, chosen)


@torch.inference_mode()
def _probabilities(task: Labelling, cuts: Cuts, recipe: Recipe) -> tuple[dict[str, Any], float]:
    """Of each recording by its id, and the sum of their losses."""
    found, loss = dict[str, Any](), 0.0
    for batch in recordings.batches(recipe, cuts, parts.device_of(task)):
        encoded = task.encode(*task.features(batch.audio))
        loss += float(task.losses(encoded, batch).sum())
        probs = task.outputs(encoded.frames).float().cpu().numpy()
        found |= {id: row[:size] for id, row, size in zip(batch.cut_ids, probs, encoded.lengths.tolist(), strict=True)}
    return found, loss


def _by_label(cut: Cut, labels: Sequence[str]) -> tuple[tuple[tuple[float, float], ...], ...]:
    spans = {label: sorted((one.start, one.end) for one in cut.segments if one.label == label) for label in labels}
    return tuple(tuple(spans[label]) for label in labels)


def _scored(task: Labelling, cut_id: str, one: Recorded, labels: Sequence[str], tolerance: float) -> ScoredRecording:
    estimates = event_choice.seconds_of(one.probs, task.events, task.frame_seconds)
    pairs = dict(zip(labels, zip(one.segments, estimates, strict=True), strict=True))
    counts = {
        "onset": {
            label: metrics.onsets([start for start, _ in mine], [start for start, _ in theirs], tolerance)
            for label, (mine, theirs) in pairs.items()
        }
    }
    if task.targets != "onsets":
        size, hop = len(one.probs), task.frame_seconds
        counts["frame"] = {
            label: metrics.frames(event_choice.active(mine, size, hop), event_choice.active(theirs, size, hop))
            for label, (mine, theirs) in pairs.items()
        }
    if task.targets == "notes":
        counts["note"] = {label: metrics.spans(*pair, tolerance) for label, pair in pairs.items()}
    return ScoredRecording(cut_id, counts, MAIN[task.targets])


def opened(run: Run, recipe: Recipe, assets: Assets, task: Labelling) -> Labeller:
    """What `load` returns."""
    task.events = _chosen(run, task, assets.labels)
    return Labeller(run, task, assets.labels)


def kept(chosen: EventOptions, labels: Sequence[str]) -> dict[str, float]:
    """What was chosen on dev, as numbers with names."""
    thresholds = {f"threshold {label}": one for label, one in zip(labels, chosen.thresholds, strict=True)}
    return thresholds | {name: getattr(chosen, name) for name in CHOSEN}


def _chosen(run: Run, task: Labelling, labels: Sequence[str]) -> EventOptions:
    """The reverse; of an unfinished run, what there is without a choice."""
    changes: dict[str, Any] = {name: value for name in CHOSEN if (value := run.chosen(name)) is not None}
    changes |= {name: int(value) for name, value in changes.items() if name != "frame_threshold"}
    thresholds = tuple(run.chosen(f"threshold {label}") or 0.5 for label in labels)
    return replace(task.events, thresholds=thresholds, **changes)


def summary(recipe: Recipe) -> Summary:
    """The model in figures; its labels are assumed where neither recipe nor corpus has them."""
    labels, assumed = tuple(recipe.task.labels), False
    if not labels and parts.is_here(recipe):
        cuts = data(recipe).items["train"]
        labels = tuple(sorted({one.label for cut in cuts for one in cut.segments}))
    if not labels:
        labels, assumed = ("label",), True
    with parts.outlined():
        labelling = task(recipe, Assets(labels, recordings.unit_statistics(recipe)))
    ahead, frame_ms = labelling.look_ahead_ms, 1000 * labelling.frame_seconds
    note = " (assumed: the corpus is not here yet)" if assumed else ""
    lines = (
        f"parameters          {labelling.model.num_parameters:,}",
        f"labels              {len(labels)}: {', '.join(labels[:12])}{', ...' if labels[12:] else ''}{note}",
        f"frames out          one each {frame_ms:g} ms",
        f"look-ahead          {'the whole recording' if ahead is None else f'{ahead:.0f} ms'}",
    )
    figures = {"num_labels": len(labels), "labels_assumed": assumed, "frame_ms": frame_ms, "look_ahead_ms": ahead}
    return Summary(labelling.model.num_parameters, figures, lines)


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    return [["label", model, recording]]


def card(run: Run, recipe: Recipe, assets: Assets, task: Labelling, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    metrics = scores[0].metrics if scores else ()
    return Card(
        f"Labels of frames ({', '.join(assets.labels[:8])}{', ...' if assets.labels[8:] else ''}): "
        f"{cards.sound_network(recipe, task)}",
        cards.table(scores, {f"{name}, %": cards.per_cent(name) for name in metrics}),
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Decodes every recording once, and names the cuts that cannot be used."""
    return recordings.inspect(name, folder, lambda cuts: [], progress)
