"""Classification: whole recordings to their labels (many-to-one)."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from crnn_audio import hypotheses
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.classification import ClassificationRecipe
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError
from crnn_audio.inference.classifier import Classifier
from crnn_audio.inference.classifying import named
from crnn_audio.inference.events import Detection
from crnn_audio.metrics.classification import ScoredRecording, scores_of
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.pooling import ClassHead
from crnn_audio.problems import (
    Card,
    Data,
    Feed,
    Initial,
    Inspection,
    ScoreOptions,
    Summary,
    cards,
    classes,
    keywords,
    parts,
    recordings,
)
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification, multi_hot

Recipe = ClassificationRecipe
METRIC = "accuracy"
Assets = classes.Assets
inputs, transfer = recordings.inputs, recordings.transfer
OPTIONS = frozenset({"distortion", "background"})


# ------------------------------------------------------------------------------------------------- data


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's cuts."""
    found, adjusted = recordings.splits(recipe, progress)
    remarks = tuple(f"{recipe.data.name}: {remark}" for remark in adjusted)
    return Data(found, recordings.held_out(recipe), remarks)


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """The labels of the training split in the order of the alphabet, and the statistics of its features.

    Raises:
        DataError: there are fewer than two labels, one has a single recording, or two differ in case or space alone.
    """
    usable, _ = recordings.usable(recipe, data.items["train"], classes.findings(recipe, data.items["train"]))
    counts = Counter(label for cut in usable for label in classes.labels_of(recipe, cut))
    classes.refuse_labels(recipe, counts)
    known = Assets(tuple(sorted(counts)), tuple(counts[label] for label in sorted(counts)), None)
    ready = _ready(recipe, known, usable, training=True)
    return Assets(known.labels, known.counts, recordings.statistics_of(recipe, ready, report))


def _ready(
    recipe: Recipe, assets: Assets, cuts: Sequence[Cut], options: ScoreOptions | None = None, *, training: bool = False
) -> Cuts:
    distortion = recordings.distortion(recipe) if training else options.distortion if options else None
    return recordings.ready(recipe, cuts, [assets.ids(recipe, cut) for cut in cuts], distortion)


# -------------------------------------------------------------------------------------------- model, batches


def task(recipe: Recipe, assets: Assets) -> Classification:
    """The whole classifier, from waveforms to its loss, with initial weights that depend on the seed alone.

    Raises:
        RunError: the statistics are not those of such features.
    """
    section, chosen, num_classes = recipe.model, recipe.task, len(assets.labels)
    bidirectional = section.recurrent.bidirectional

    def head(size: int) -> ClassHead:
        return ClassHead(size, num_classes, section.pooling, bidirectional=bidirectional, dropout=section.dropout)

    even = sum(assets.counts) / num_classes
    return Classification(
        recordings.sound_parts(recipe, assets.statistics, head),
        num_classes,
        multilabel=chosen.multilabel,
        label_smoothing=chosen.label_smoothing,
        mixup=chosen.mixup,
        weights=[even / count for count in assets.counts] if chosen.class_weights else None,
    )


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: more than one in a hundred of its cuts cannot be used, or a cut of dev cannot be read or has a label
            that train lacks.
    """
    usable, findings = recordings.usable(recipe, data.items["train"], classes.findings(recipe, data.items["train"]))
    dev = data.items.get("dev", [])
    recordings.refuse_unreadable(recipe, dev)
    classes.refuse_unknown(recipe, assets, dev, f"{recipe.data.name}, split dev")
    fingerprint = [(cut.id, cut.duration, cut.label) for cut in usable]
    ready = _ready(recipe, assets, usable, training=True)
    return recordings.feed(recipe, ready, fingerprint, findings, (), rank, ranks)


# --------------------------------------------------------------------------------------------- scores, words


@torch.inference_mode()
def scores(task: Classification, recipe: Recipe, assets: Assets, items: Sequence[Cut], options: ScoreOptions) -> Scores:
    """Classifies every cut and compares that with its labels.

    Raises:
        DataError: a cut has a label that the model does not know.
    """
    task.eval()
    classes.refuse_unknown(recipe, assets, items, recipe.data.name)
    found = dict[str, tuple[hypotheses.Labels, float]]()
    ready, device = _ready(recipe, assets, items, options), parts.device_of(task)
    for batch in recordings.batches(recipe, ready, device):
        logits = task.logits(*task.features(batch.audio))
        losses = task.losses(logits, multi_hot(batch.targets, len(assets.labels)).to(logits))
        rows = task.outputs(logits).tolist()
        for cut_id, row, loss in zip(batch.cut_ids, rows, losses.tolist(), strict=True):
            found[cut_id] = named(row, assets.labels, multilabel=recipe.task.multilabel), loss
    scored = scores_of([_scored(recipe, cut, *found[cut.id]) for cut in items], assets.labels)
    if options.background is None:
        return scored
    return keywords.with_misses(scored, task, assets.labels, recipe.task.background, ready, options)


def _scored(recipe: Recipe, cut: Cut, labels: hypotheses.Labels, loss: float) -> ScoredRecording:
    given = tuple(filter(None, labels.label.split("; "))) if recipe.task.multilabel else (labels.label,)
    return ScoredRecording(cut.id, classes.labels_of(recipe, cut), given, labels.confidence, loss)


def opened(run: Run, recipe: Recipe, assets: Assets, task: Classification) -> Classifier:
    """What `load` returns."""
    return Classifier(run, task, assets.labels, background=tuple(recipe.task.background))


def summary(recipe: Recipe) -> Summary:
    """The model in figures; two classes are assumed where the corpus is not here."""
    known, assumed = _known(recipe)
    with parts.outlined():
        model = task(recipe, known).model
    frame_ms = 1000 * recordings.front_end(recipe.features).hop_length / recipe.features.sample_rate
    factor, field, ahead = model.subsampling_factor, model.receptive_field.size, model.look_ahead
    latency = model.receptive_field.right * frame_ms + 1000 * Detection().step
    figures = {
        "latency_ms": latency,
        "num_classes": len(known.labels),
        "frame_ms": frame_ms,
        "subsampling_factor": factor,
    }
    return Summary(
        model.num_parameters,
        figures,
        (
            f"parameters          {model.num_parameters:,}",
            f"classes             {len(known.labels)}{' (assumed: the corpus is not here yet)' if assumed else ''}",
            f"frames in           one each {frame_ms:g} ms",
            f"subsampling factor  {factor} (a frame out each {frame_ms * factor:g} ms)",
            f"receptive field     {field} frames ({field * frame_ms:.0f} ms), of the convolutions alone",
            f"look-ahead          {'the whole recording' if ahead is None else f'{ahead * frame_ms:.0f} ms'}",
            f"latency             {latency:.0f} ms of a keyword in a stream, after the end of its window",
        ),
    )


def _known(recipe: Recipe) -> tuple[Assets, bool]:
    """The labels of the corpus if it is here, else two that are assumed."""
    counts = Counter[str]()
    if parts.is_here(recipe):
        with suppress(DataError):
            counts.update(label for cut in data(recipe).items["train"] for label in classes.labels_of(recipe, cut))
    assumed = len(counts) < 2
    labels = ("one", "other") if assumed else tuple(sorted(counts))
    return Assets(labels, tuple(counts[label] or 1 for label in labels), recordings.unit_statistics(recipe)), assumed


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    live = recipe.task.background and recipe.features.normalize != "utterance"
    return [["classify", model, recording], *([["stream", model, recording]] if live else [])]


def card(run: Run, recipe: Recipe, assets: Assets, task: Classification, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    columns = {
        "accuracy %": cards.per_cent(METRIC), "95 % interval": cards.interval, "recordings": cards.figure("recordings")
    }  # fmt: skip
    return Card(
        f"Recordings to one of {len(assets.labels)} labels: {len(recipe.model.conv)} convolutions, "
        f"{cards.layers(recipe)}, pooled by {recipe.model.pooling}",
        cards.table(scores, columns),
        {"Labels": ", ".join(assets.labels) + ".", **keywords.section(run)},
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Decodes every recording once, and names the cuts that cannot be used."""
    return recordings.inspect(name, folder, classes.unlabelled, progress)
