"""What every recipe has: a network, a device to compute on, splits of a corpus."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch

from crnn_audio.config.sections import Model
from crnn_audio.errors import CrnnAudioError, DataError, RecipeError, RunError, enough_memory
from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import Head
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.runs import Run

Item = TypeVar("Item")


@contextmanager
def rebuilding(run: Run) -> Iterator[None]:
    """Turns what hinders the making of a run directory's model into a RunError about it."""
    try:
        with enough_memory("the recipe in it is damaged, or this machine is too small"):
            yield
    except CrnnAudioError as error:
        raise RunError(f"{run.path}: {error}") from None


def model(recipe: Model, num_features: int, head: Callable[[int], Head], *, interctc_tokens: int = 0) -> Crnn:
    """The CRNN with its initial weights, drawn from torch's generator; `head` is told the size of what it reads."""
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


def device(name: str) -> torch.device:
    """The device that a recipe asks for.

    Raises:
        RecipeError: it asks for a GPU and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.partition(":")[0] not in ("cpu", "cuda"):
        raise RecipeError(f"device: input should be 'auto', 'cpu' or 'cuda' (found {name!r}).")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise RecipeError(f"device: {name!r} is asked for, but PyTorch sees no GPU. Use device=cpu or device=auto.")
    return torch.device(name)


def threads(asked: int, processes: int = 1) -> int:
    """CPU threads to compute with: as asked, or the cores this process may use, four at most.

    Of several `processes` on a machine none takes more than its share of the cores, whatever is asked.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(cores // processes, 1)
    return (asked if processes == 1 else min(asked, share)) or min(share, 4)


def required(found: Mapping[str, list[Item]], split: str, source: str) -> list[Item]:
    """The items of a split: cuts, or pieces.

    Raises:
        DataError: the corpus has no such split.
    """
    if not found.get(split):
        raise DataError(f"{source}: no split {split!r}; it has {', '.join(name for name in found if found[name])}.")
    return found[split]
