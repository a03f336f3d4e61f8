"""Memory: two synthetic tasks that ask how far recurrent layers remember (many-to-many, equal lengths)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from crnn_audio.batching import sequence
from crnn_audio.batching.sequence import SequenceFeed, Span
from crnn_audio.config.memory import MemoryRecipe
from crnn_audio.corpora import memory as corpus
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.memory import Examples
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.conv import ConvFront
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import LinearHead, SoftmaxHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts
from crnn_audio.runs import Run
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch

Recipe = MemoryRecipe
Assets = parts.NoAssets
METRIC = "loss"
"""The mean squared error (`mse`) of the adding problem, nats a token of copy memory."""
OPTIONS = frozenset[str]()
METRICS = {"adding": "mse", "copy": "nats_per_token"}
BATCH_SIZE = 100
"""Examples that are scored side by side."""


@dataclass(frozen=True)
class Remembering:
    """A trained model: `task.model` maps inputs to outputs, whole sequences or step by step."""

    run: Run
    task: Prediction


@dataclass(frozen=True)
class Sequences:
    """Examples of which batches are made, in an epoch of the training or, held out, always the same."""

    examples: Examples

    @property
    def lengths(self) -> Sequence[int]:
        """Inputs of each, at their whole length."""
        return self.examples.lengths

    def batch(self, spans: Sequence[Span], epoch: int) -> SequenceBatch:
        """These examples side by side, whole, as they are in an epoch."""
        made = (self.examples.example(span.index, epoch) for span in spans)
        inputs, targets, weights = zip(*made, strict=True)
        whole = [Span(span.index, 0, len(one)) for span, one in zip(spans, inputs, strict=True)]
        return sequence.batch(inputs, targets, weights, whole, [f"{self.examples.split}-{one.index}" for one in spans])


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The examples, which are made as they are read."""
    chosen = recipe.data
    splits = corpus.read_splits(
        Path(),
        chosen.collection,
        length=chosen.length,
        count=chosen.examples,
        seed=recipe.seed,
        start_length=chosen.start_length,
        growing=chosen.growing,
    )
    return Data(splits, ("dev", "test"))


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """None."""
    return Assets()


def task(recipe: Recipe, assets: Assets) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    copies = recipe.data.collection == "copy"
    front = TokenFront(corpus.MARK + 1, 0) if copies else ConvFront(2, [])
    recurrent = Recurrent(front.output_size, **recipe.model.recurrent.model_dump())
    head = SoftmaxHead(recurrent.output_size, corpus.MARK) if copies else LinearHead(recurrent.output_size)
    return Prediction(Crnn(front, recurrent, head), mixed=recipe.precision == "bf16")


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches."""
    section, training = recipe.data, data.items["train"]
    batches = SequenceFeed(Sequences(training), section.batch_size, 0, recipe.seed, section.accumulate, rank, ranks)
    return Feed(batches, "inputs", repr(training))


@torch.inference_mode()
def scores(task: Prediction, recipe: Recipe, assets: Assets, items: Examples, options: ScoreOptions) -> Scores:
    """The mean squared error, or nats a token and how many of the ten symbols are right."""
    task.eval()
    device, loss, size, right = parts.device_of(task), 0.0, 0, 0
    for batch in sequence.whole(Sequences(items), BATCH_SIZE):
        moved = batch.to(device)
        outputs, _ = task.step(moved.inputs)
        loss += float((task.head.losses(outputs, moved.inputs, moved.targets) * moved.weights).double().sum())
        size += batch.size
        if items.task == "copy":
            last = slice(-corpus.NUM_COPIED, None)
            right += int((outputs[:, last].argmax(dim=-1) + 1 == moved.targets[:, last]).sum())
    metric, value = METRICS[items.task], loss / size
    details, figures = [f"{value:.3g} {metric.replace('_', ' ')}"], {"examples": items.count, "length": items.length}
    if items.task == "copy":
        share = right / (items.count * corpus.NUM_COPIED)
        details.append(f"{100 * share:.2f} % of the copied symbols are right")
        return Scores({metric: value}, value, f"{items.count} examples", tuple(details), figures | {"right": share})
    return Scores({metric: value}, value, f"{items.count} examples", tuple(details), figures)


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """There is one corpus."""
    return []


def inputs(recipe: Recipe) -> str:
    """What the network reads."""
    return f"{recipe.data.collection}, {recipe.data.length:,}"


def opened(run: Run, recipe: Recipe, assets: Assets, task: Prediction) -> Remembering:
    """What `load` returns."""
    return Remembering(run, task.eval())


def summary(recipe: Recipe) -> Summary:
    """The model in figures."""
    with parts.outlined():
        return parts.summary_of(task(recipe, Assets()).model, "input")


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model: none but `evaluate`."""
    return []


def card(run: Run, recipe: Recipe, assets: Assets, task: Prediction, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    return Card(
        f"Remembers over {recipe.data.length} steps ({recipe.data.collection}): {cards.layers(recipe)}",
        cards.table(scores, {METRICS[recipe.data.collection]: lambda one: f"{one.value:.3g}"}),
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """There is nothing to read."""
    return Inspection(tuple({"collection": one, "examples": "made where needed"} for one in corpus.COLLECTIONS))
