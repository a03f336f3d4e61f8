"""Small automata at random, and what brute force over every path says of them."""

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from crnn_audio.decoding.graph.automaton import Automaton, Builder


def random_automaton(generator: np.random.Generator, states: int = 3, tokens: int = 2) -> Automaton:
    """Each pair of states and token has an arc as often as not; states 0 and the last may end."""
    builder = Builder()
    for _ in range(states):
        builder.state()
    for source, target, token in itertools.product(range(states), range(states), range(1, tokens + 1)):
        if generator.random() < 0.5:
            builder.arc(source, token, target, float(generator.normal()), int(generator.integers(0, 3)))
    builder.arc(0, 1, states - 1, -0.5)
    builder.end(states - 1, float(generator.normal()))
    if generator.random() < 0.5:
        builder.end(0, -0.3)
    return builder.built()


def posteriors(batch: int, frames: int, tokens: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(batch, frames, tokens, generator=generator, dtype=dtype)).log_softmax(-1)


def collapse(labels: tuple[int, ...]) -> tuple[int, ...]:
    """Repeats merged, then blanks dropped."""
    return tuple(token for token, _ in itertools.groupby(labels) if token != 0)


def walks(automaton: Automaton, tokens: tuple[int, ...]) -> list[float]:
    """The weight of each way through an automaton that reads these tokens and may end."""
    ways = [(0, 0.0)]
    for token in tokens:
        ways = [
            (int(automaton.targets[arc]), weight + float(automaton.weights[arc]))
            for state, weight in ways
            for arc in np.flatnonzero((automaton.sources == state) & (automaton.tokens == token))
        ]
    return [weight + automaton.finals[state] for state, weight in ways if automaton.finals[state] > -math.inf]


def every_path(automaton: Automaton, log_probs: Tensor) -> list[tuple[float, tuple[int, ...]]]:
    """Score and tokens of each path: a label for each frame, and a way through the automaton."""
    frames, size = log_probs.shape
    found = []
    for labels in itertools.product(range(size), repeat=frames):
        emitted = sum(log_probs[frame, label].item() for frame, label in enumerate(labels))
        found += [(emitted + weight, collapse(labels)) for weight in walks(automaton, collapse(labels))]
    return found
