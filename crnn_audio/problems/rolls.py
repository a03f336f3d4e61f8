"""Piano rolls: the keys that sound next, predicted frame by frame (many-to-many, equal lengths)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from crnn_audio.batching import rolls, sequence
from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.corpora import piano_rolls
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.piano_rolls import Piece
from crnn_audio.errors import DataError
from crnn_audio.inference.rolls import Predictor
from crnn_audio.metrics import baselines
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.heads import KeysHead, SigmoidHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts
from crnn_audio.runs import Run
from crnn_audio.symbolic.pianoroll import NUM_KEYS
from crnn_audio.tasks.prediction import Prediction

Recipe = RollsRecipe
Assets = parts.NoAssets
METRIC = "nats_per_frame"
OPTIONS = frozenset[str]()
HEADS: dict[str, Callable[..., KeysHead]] = {"sigmoid": SigmoidHead, "nade": NadeHead}
BY_PIECE, BY_WINDOW = f"{METRIC}_by_piece", f"{METRIC}_by_window"
"""Other definitions of the metric, for comparison with figures that are defined so."""
WINDOW = 200
"""Frames of a window; Zakovskis et al. (2021) take so many."""
BATCH_SIZE = 32
"""Pieces that are scored side by side."""


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The collection's pieces."""
    _, folder = parts.located(recipe, progress)
    return Data(piano_rolls.read_splits(folder, recipe.data.collection), ("dev", "test"))


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """None: a roll has no vocabulary."""
    return Assets()


def task(recipe: Recipe, assets: Assets) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    head = recipe.model.head
    options = head.model_dump(exclude={"kind"})
    num_inputs = NUM_KEYS + (rolls.COPY_SIZE if recipe.data.copy_context else 0)
    model = parts.crnn(recipe.model, num_inputs, lambda size: HEADS[head.kind](size, NUM_KEYS, **options))
    return Prediction(model, mixed=recipe.precision == "bf16")


def _sequences(recipe: Recipe, pieces: Sequence[Piece]) -> rolls.Rolls:
    played, ids = [piece.roll for piece in pieces], [piece.id for piece in pieces]
    return rolls.Rolls.of(played, ids, copy_context=recipe.data.copy_context)


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        RecipeError: several processes would each carry a state.
    """
    parts.refuse_shared_state(recipe.data.bptt, ranks)
    training, section = data.items["train"], recipe.data
    batches = SequenceFeed(
        _sequences(recipe, training),
        section.batch_size,
        section.bptt,
        recipe.seed,
        section.accumulate,
        rank,
        ranks,
    )
    return Feed(batches, "frames", [(piece.id, len(piece.roll)) for piece in training])


def scores(task: Prediction, recipe: Recipe, assets: Assets, items: Sequence[Piece], options: ScoreOptions) -> Scores:
    """Predicts whole pieces, each from a state of zero; beside them, two baselines that need no network.

    The metric is the mean over all frames, as Bai, Kolter and Koltun (2018) have it. Outside training the other
    definitions stand beside it: the mean over pieces of each piece's mean, and that over windows.
    """
    pieces = tuple(_scored(task, recipe, items))
    count = sum(piece.count for piece in pieces)
    value = sum(piece.nats for piece in pieces) / count
    metrics, details, figures = {METRIC: value}, [f"{value:.3f} nats a frame"], dict[str, Any]()
    if options.epoch is None:
        metrics |= {BY_PIECE: _mean(pieces), BY_WINDOW: _mean(tuple(_scored(task, recipe, tuple(_windows(items)))))}
        details.append(
            f"by other definitions: {metrics[BY_PIECE]:.3f} as the mean over pieces; {metrics[BY_WINDOW]:.3f} as the "
            f"mean over windows of {WINDOW} frames, without silent frames, each from a state of zero"
        )
    if options.training:
        rolls_by = [[piece.roll for piece in split] for split in (options.training, items)]
        figures = {
            "independent_key": baselines.independent_key(*rolls_by),
            "key_markov": baselines.key_markov(*rolls_by),
        }
        details.append(
            f"baselines: {figures['independent_key']:.2f} by how often a key sounds, {figures['key_markov']:.2f} by "
            "whether it did in the frame before"
        )
    return Scores(
        metrics=metrics,
        loss=value,
        counts=f"{len(pieces)} pieces, {count} frames predicted",
        details=tuple(details),
        figures=figures | {"pieces": len(pieces), "frames": count},
        items=pieces,
    )


@torch.inference_mode()
def _scored(task: Prediction, recipe: Recipe, items: Sequence[Piece]) -> Iterator[parts.ScoredPiece]:
    task.eval()
    device = parts.device_of(task)
    for batch in sequence.whole(_sequences(recipe, items), BATCH_SIZE):
        losses = task.losses(batch.to(device))[0].double().sum(dim=1)
        for piece_id, nats, length in zip(batch.cut_ids, losses.tolist(), batch.lengths.tolist(), strict=True):
            yield parts.ScoredPiece("frame", piece_id, nats, length)


def _mean(pieces: Sequence[parts.ScoredPiece]) -> float:
    """The mean over pieces of each one's mean; 0 if there is none."""
    return sum(piece.nats / piece.count for piece in pieces) / max(len(pieces), 1)


def _windows(items: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces without silent frames, in windows that each predict up to WINDOW frames."""
    for piece in items:
        roll = piece.roll[piece.roll.any(axis=1)]
        for start in range(0, len(roll) - 1, WINDOW):
            yield Piece(f"{piece.id}:{start}", roll[start : start + WINDOW + 1])


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Nothing: rolls are rolls."""
    return []


def inputs(recipe: Recipe) -> str:
    """What the network reads."""
    return "frames, copy context" if recipe.data.copy_context else "frames"


def opened(run: Run, recipe: Recipe, assets: Assets, task: Prediction) -> Predictor:
    """What `load` returns."""
    return Predictor(run, task, copy_context=recipe.data.copy_context)


def summary(recipe: Recipe) -> Summary:
    """The model in figures."""
    with parts.outlined():
        return parts.summary_of(task(recipe, Assets()).model, "frame")


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model: none but `evaluate`, as it predicts and does not generate."""
    return []


def card(run: Run, recipe: Recipe, assets: Assets, task: Prediction, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    columns: dict[str, cards.Column] = {
        "nats a frame": lambda one: f"{one.value:.3f}",
        "by how often a key sounds": lambda one: f"{one.figures['independent_key']:.2f}",
        "by whether it just did": lambda one: f"{one.figures['key_markov']:.2f}",
        "pieces": cards.figure("pieces"),
    }
    return Card(
        f"Predicts the next frame of a piano roll: {cards.layers(recipe)}, head {recipe.model.head.kind}",
        cards.table(scores, columns),
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Reads all collections that are there."""
    rows, problems = list[dict[str, Any]](), list[str]()
    absent = [file for file in piano_rolls.FILES.values() if not (folder / file).exists()]
    if len(absent) == len(piano_rolls.FILES):
        raise DataError(f"{folder}: holds none of {', '.join(absent)}. They come from {piano_rolls.HOME}.")
    for collection in (name for name, file in piano_rolls.FILES.items() if file not in absent):
        try:
            splits = piano_rolls.read_splits(folder, collection)
        except DataError as error:
            problems.append(str(error))
            continue
        for split, pieces in splits.items():
            counts = {"pieces": len(pieces), "frames": sum(len(piece.roll) for piece in pieces)}
            rows.append({"collection": collection, "split": split, **counts})
    remarks = (f"Not there: {', '.join(absent)}.",) if absent else ()
    return Inspection(tuple(rows), tuple(problems), remarks)
