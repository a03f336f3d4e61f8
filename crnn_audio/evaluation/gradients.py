"""How far recurrent layers remember: the gradient of an output with respect to the inputs before it, by their lag.

A gradient that shrinks with the lag vanishes, and nothing so far back is learned from; one that grows explodes, and is
clipped (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013). Inputs are random, of unit variance.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from crnn_audio import pictures
from crnn_audio.config.schema import Recipe
from crnn_audio.models.recurrent import KINDS, TCN, Recurrent
from crnn_audio.types import Encoded

LENGTH, SEQUENCES = 200, 8
LAGS = (1, 10, 50, 100, 199)
"""Lags that `lines` names."""


@dataclass(frozen=True)
class Gradients:
    """Of layers: the norm of the gradient of the last output by the lag of an input, and of all weights by length.

    `weights[n]` is the norm for sequences of `lengths[n]` frames, before clipping.
    """

    by_lag: Float[np.ndarray, " T"]
    lengths: tuple[int, ...]
    weights: tuple[float, ...]


def measure(layers: Recurrent, input_size: int, seed: int = 0) -> Gradients:
    """The gradients of recurrent layers, in evaluation mode, from a state of zero."""
    layers.eval()
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(SEQUENCES, LENGTH, input_size, generator=generator)
    direction = torch.randn(layers.output_size, generator=generator) / layers.output_size**0.5

    def back(length: int) -> torch.Tensor:
        some = frames[:, -length:].clone().requires_grad_()
        layers.zero_grad()
        outputs = layers(Encoded(some, torch.full((SEQUENCES,), length))).frames
        (outputs[:, -1] @ direction).mean().backward()
        assert some.grad is not None, "it reaches the inputs"
        return some.grad

    lengths = (1, 2, 5, 10, 20, 50, 100, LENGTH)
    weights = []
    for length in lengths:
        back(length)
        weights.append(_norm(layers))
    by_lag = (back(LENGTH) * SEQUENCES).norm(dim=2).mean(dim=0).flip(0).numpy()
    layers.zero_grad()
    return Gradients(by_lag, lengths, tuple(weights))


def _norm(layers: nn.Module) -> float:
    found = [one.grad.norm() for one in layers.parameters() if one.grad is not None]
    return float(torch.stack(found).norm())


def of_recipe(recipe: Recipe) -> dict[str, Gradients]:
    """Of each cell with a recipe's other settings, before training; a TCN has layers enough to see the first input."""
    settings: dict[str, Any] = recipe.model.recurrent.model_dump()
    size = settings["hidden_size"]
    found = {}
    for cell in KINDS:
        one_way = settings | {"cell": cell, "bidirectional": False, "look_ahead": 0, "nonlinearity": "tanh"}
        if cell == TCN:
            enough = math.ceil(math.log2(LENGTH / (2 * max(settings["kernel_size"] - 1, 1)) + 1))
            one_way |= {"zoneout": 0.0, "projection": True, "num_layers": max(settings["num_layers"], enough)}
        torch.manual_seed(recipe.seed)
        found[cell] = measure(Recurrent(size, **one_way), size)
    return found


def of_model(task: nn.Module) -> Gradients:
    """Of the recurrent layers of a trained model, the first that it has."""
    layers = next(module for module in task.modules() if isinstance(module, Recurrent))
    first = next(module for module in layers.modules() if isinstance(module, nn.Linear | nn.RNNBase))
    size = first.in_features if isinstance(first, nn.Linear) else first.input_size
    return measure(layers, size)


def lines(found: Mapping[str, Gradients]) -> list[str]:
    """For people: what is left of the gradient at some lags, beside that of the last input."""
    width = max(map(len, found))
    head = f"{'lag':{width}}  " + "  ".join(f"{lag:>8}" for lag in LAGS)
    rows = [
        f"{name:{width}}  " + "  ".join(f"{one.by_lag[lag] / max(one.by_lag[0], 1e-30):8.1e}" for lag in LAGS)
        for name, one in found.items()
    ]
    return [head, *rows]


def save(path: Path, found: Mapping[str, Gradients], clip_norm: float | None) -> None:
    """Writes the picture as a PNG, whole or not at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    pictures.save(plot(found, clip_norm), path)


def plot(found: Mapping[str, Gradients], clip_norm: float | None) -> Any:
    """The picture as a matplotlib figure: gradients by lag, and those of the weights with and without clipping."""
    figure = pictures.new(figsize=(11, 4.5))
    inputs, weights = figure.subplots(1, 2)
    for name, one in found.items():
        (line,) = inputs.semilogy(np.maximum(one.by_lag, 1e-30), label=name)
        weights.loglog(one.lengths, one.weights, color=line.get_color(), label=name)
        if clip_norm is not None:
            clipped = np.minimum(one.weights, clip_norm)
            weights.loglog(one.lengths, clipped, color=line.get_color(), linestyle=":")
    inputs.set(xlabel="lag, frames", ylabel="norm of the gradient", title="Of the last output, by an input before it")
    below = "" if clip_norm is None else f" (dotted: clipped at {clip_norm:g})"
    weights.set(xlabel="length, frames", ylabel="norm of the gradient", title=f"Of all weights{below}")
    inputs.set_ylim(bottom=max(1e-12, min(one.by_lag.min() for one in found.values())))
    inputs.legend()
    return figure
