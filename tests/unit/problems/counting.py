"""A toy problem, written against the contract alone: how many words an utterance has.

It is what a new kind of recipe comes to: no file of the package knows of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from crnn_audio.batching import loader, plan
from crnn_audio.batching.loader import Cuts, SpeechFeed
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import RecognitionData
from crnn_audio.config.schema import Recipe as AnyRecipe
from crnn_audio.config.sections import Model, Task
from crnn_audio.features.spectrogram import Fbank
from crnn_audio.lengths import mask
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Card, Data, Feed, Inspection, ScoreOptions, Summary, parts
from crnn_audio.problems.parts import NoAssets as Assets
from crnn_audio.types import SpeechBatch

METRIC = "mse"
OPTIONS = frozenset[str]()
RATE = 8000


class CountingTask(Task):
    """Speech to the number of its words."""

    kind: Literal["counting"]


class Recipe(AnyRecipe):
    """From sound to a number."""

    task: CountingTask
    data: RecognitionData
    model: Model = Model()


class CountHead(nn.Module):
    """A number for each utterance: the mean of its frames, weighed."""

    NAME = "mean"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 1)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        real = mask(lengths, frames.shape[1]).unsqueeze(-1)
        return self.linear((frames * real).sum(dim=1, keepdim=True) / lengths.reshape(-1, 1, 1).clamp(min=1))


class Counting(nn.Module):
    """Features, CRNN and squared error; the target is the number of spaces between words, and one."""

    def __init__(self, model: nn.Module, front_end: Fbank) -> None:
        super().__init__()
        self.model, self.front_end, self.mixed = model, front_end, False

    def forward(self, batch: SpeechBatch) -> Tensor:
        features, lengths = self.front_end(batch.audio.waveforms, batch.audio.lengths)
        return self.model(features, lengths).frames[:, 0, 0]

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        return (self(batch) - batch.targets.tokens[:, 0]).square().sum(), None


@dataclass(frozen=True)
class Counter:
    """What people get: an open model that counts."""

    run: Any
    task: Counting

    def count(self, batch: SpeechBatch) -> list[float]:
        with torch.inference_mode():
            return [float(one) for one in self.task.eval()(batch)]


@dataclass(frozen=True)
class Counted:
    """An utterance, the number of its words, and how many the model counted."""

    id: str
    words: int
    counted: float

    @property
    def rank(self) -> tuple[float, ...]:
        return ((self.counted - self.words) ** 2,)

    def lines(self) -> list[str]:
        return [f"{self.id}: {self.counted:.1f} of {self.words} words"]


def data(recipe: Recipe, progress=None) -> Data:
    corpus, folder = parts.located(recipe, progress)
    return Data(corpus.read_splits(folder), ("dev", "test"))


def assets(recipe: Recipe, data: Data, init=None, report=print) -> Assets:
    return Assets()


def task(recipe: Recipe, assets: Assets) -> Counting:
    torch.manual_seed(recipe.seed)
    front_end = Fbank(sample_rate=RATE, num_mels=12)
    return Counting(parts.crnn(recipe.model, front_end.num_features, CountHead), front_end)


def _cuts(recipe: Recipe, chosen: Sequence[Cut]) -> Cuts:
    return Cuts(chosen, [[len(cut.text.split())] for cut in chosen], sample_rate=RATE, seed=recipe.seed)


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    training = data.items["train"]
    planned = plan.in_order([cut.duration for cut in training], budget=recipe.data.batch_seconds)
    batches = SpeechFeed(_cuts(recipe, training), lambda epoch: planned, rank=rank, ranks=ranks)
    return Feed(batches, "s", [cut.id for cut in training])


def scores(task: Counting, recipe: Recipe, assets: Assets, items: Sequence[Cut], options: ScoreOptions) -> Scores:
    task.eval()
    planned = plan.in_order([cut.duration for cut in items], budget=recipe.data.batch_seconds)
    counted = dict[str, float]()
    with torch.inference_mode():
        for batch in loader.batches(_cuts(recipe, items), [(0, one) for one in planned]):
            counted |= zip(batch.cut_ids, task(batch).tolist(), strict=True)
    found = tuple(Counted(cut.id, len(cut.text.split()), counted[cut.id]) for cut in items)
    error = sum(one.rank[0] for one in found) / len(found)
    return Scores({METRIC: error}, error, f"{len(found)} utterances", (f"mean squared error {error:.3f}",), items=found)


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    return []


def inputs(recipe: Recipe) -> str:
    return "energies"


def opened(run: Any, recipe: Recipe, assets: Assets, task: Counting) -> Counter:
    return Counter(run, task)


def summary(recipe: Recipe) -> Summary:
    num_parameters = task(recipe, Assets()).model.num_parameters
    return Summary(num_parameters, lines=(f"parameters          {num_parameters:,}",))


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    return [["evaluate", model]]


def card(run: Any, recipe: Recipe, assets: Assets, task: Counting, scores: Sequence[Scores]) -> Card:
    rows = [f"| {one.corpus} {one.split} | {one.value:.3f} |" for one in scores]
    table = "\n".join(["| split | mean squared error |", "|---|--:|", *rows])
    return Card("Counts words", table)


def inspect(name: str, folder: Path, progress=None) -> Inspection:
    return Inspection(())
