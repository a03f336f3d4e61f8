"""What several problems build of a recipe: its corpus, a network with convolutions, the device of both."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import Model
from crnn_audio.corpora import CORPORA, home
from crnn_audio.corpora.home import Corpus
from crnn_audio.errors import RecipeError
from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import Head
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.problems import Summary


@dataclass(frozen=True)
class NoAssets:
    """The assets of a problem that keeps nothing beside weights."""

    def save(self, folder: Path) -> None:
        """Writes nothing."""

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "NoAssets":
        """Reads nothing."""
        return cls()


@dataclass(frozen=True)
class ScoredPiece:
    """A piece and the negative log-likelihood, in nats, of what counts in it: `count` times a `unit`, as a note."""

    unit: str
    id: str
    nats: float
    count: int

    @property
    def rank(self) -> tuple[float, ...]:
        """Nats a unit."""
        return (self.nats / self.count,)

    def lines(self) -> list[str]:
        """The piece in a line."""
        return [f"{self.id}: {self.nats / self.count:.2f} in {self.count} {self.unit}s"]


def located(recipe: Recipe, progress: home.Progress | None = None) -> tuple[Corpus, Path]:
    """A recipe's corpus and where it lies: found, made or downloaded.

    Raises:
        DataError: it is nowhere and cannot be had; with the places tried.
    """
    corpus = CORPORA[recipe.data.corpus]
    return corpus, home.locate(corpus, Path(recipe.data.root) if recipe.data.root else None, progress)


def is_here(recipe: Recipe) -> bool:
    """Whether a recipe's corpus can be read without fetching anything."""
    return recipe.data.root is not None or home.find(recipe.data.corpus) is not None


def crnn(recipe: Model, num_features: int, head: Callable[[int], Head], *, interctc_tokens: int = 0) -> Crnn:
    """The CRNN with its initial weights, from torch's generator; `head` is called with the size of its input."""
    front = conv_front(recipe, num_features)
    recurrent = Recurrent(front.output_size, **recipe.recurrent.model_dump(), interctc_tokens=interctc_tokens)
    return Crnn(front, recurrent, head(recurrent.output_size))


def conv_front(recipe: Model, num_features: int) -> ConvFront:
    """The convolutions alone."""
    return ConvFront(
        num_features,
        [ConvSpec(**layer.model_dump()) for layer in recipe.conv],
        norm=recipe.conv_norm,
        activation=recipe.conv_activation,
        dropout=recipe.conv_dropout,
        time_padding=recipe.conv_time,
    )


class _Outlining(TorchFunctionMode):
    """Weights on the meta device, and no initial ones; what a module computes for itself stays numbers.

    `torch.device("meta")` would do for all tensors, but most operations on them import all of torch's compiler.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in (torch.Tensor.normal_, nn.init.normal_):
            return args[0] if args else options["tensor"]
        if func in (torch.empty, torch.randn):
            return torch.empty(*args, **options | {"device": "meta"})
        return func(*args, **options)


@contextmanager
def outlined() -> Iterator[None]:
    """A model that is built in here has weights with a shape and a type, whatever their size, and without memory."""
    with _Outlining():
        yield


def device_of(task: nn.Module) -> torch.device:
    """Where a task computes."""
    return next(task.parameters()).device


def summary_of(model: Crnn, element: str) -> Summary:
    """A model of what comes next in figures; an `element` is what it reads at a time, as "row"."""
    past = "all of the past" if model.past_frames is None else f"its own {element} and {model.past_frames} before"
    lines = (f"parameters          {model.num_parameters:,}", f"context             {past}")
    return Summary(model.num_parameters, {"past_frames": model.past_frames}, lines)


def refuse_shared_state(bptt: int, ranks: int) -> None:
    """Refuses truncated back-propagation in several processes.

    Raises:
        RecipeError: each process would carry a state that only the main one could save.
    """
    if ranks > 1 and bptt:
        raise RecipeError(
            f"data.bptt: {bptt} carries a state from step to step, which {ranks} processes cannot save "
            "together. Train with one process, or on whole sequences (data.bptt=0)."
        )
