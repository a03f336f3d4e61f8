"""Whether a graph computes what the modules compute, on lengths and a batch that it has not been made for."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.errors import RunError
from crnn_audio.inference.exported.pieces import PieceGraph

TOLERANCE = 1e-5
"""Largest difference, relative to the largest number: the noise of float32."""
FRAMES = (173, 94, 41)
"""Of the sequences that are compared."""

Eager = Callable[[Float[Tensor, "B T F"], Int[Tensor, " B"]], tuple[Float[Tensor, "B U V"], Int[Tensor, " B"]]]
"""Outputs of the modules for features before normalisation, and their lengths."""


@torch.inference_mode()
def whole(session: object, num_features: int, eager: Eager) -> None:
    """Compares a graph of whole sequences.

    Raises:
        RunError: it differs.
    """
    given, lengths = features(num_features)
    expected, counts = eager(given, lengths)
    feed = {"x": given.numpy(), "x_lens": lengths.numpy()}
    found, found_counts = session.run(None, feed)[:2]  # type: ignore[attr-defined]  # onnxruntime ships no types
    if found_counts.tolist() != counts.clamp(min=1).tolist():
        raise RunError(f"the graph gives {found_counts.tolist()} frames and the model {counts.tolist()}.")
    for item, count in enumerate(counts.tolist()):
        close(found[item, :count], expected[item, :count])


@torch.inference_mode()
def pieces(graph: PieceGraph, eager: Eager) -> None:
    """Compares a graph of pieces, fed with pieces of several sizes.

    Raises:
        RunError: it differs.
    """
    given, lengths = features(graph.num_features)
    expected, counts = eager(given, lengths)
    running = [graph.start() for _ in FRAMES]
    found: list[list[np.ndarray]] = [[] for _ in FRAMES]
    for begin in range(0, max(FRAMES), 37):
        for one, frames, length in zip(running, given.numpy(), FRAMES, strict=True):
            graph.add(one, frames[begin : min(begin + 37, length)])
            if begin < length <= begin + 37:
                graph.end(one, int(counts[running.index(one)]))
        for parts, new in zip(found, graph.advance(running), strict=True):
            parts.append(new)
    for item, count in enumerate(counts.tolist()):
        close(np.concatenate([part for part in found[item] if len(part)]), expected[item, :count])


def features(num_features: int) -> tuple[Tensor, Tensor]:
    """Random features of sequences of several lengths, and the lengths."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(FRAMES), max(FRAMES), num_features, generator=generator) * 3 - 6, torch.tensor(FRAMES)


def close(found: np.ndarray, expected: Tensor) -> None:
    """Refuses what is not the same but for the noise of float32.

    Raises:
        RunError: it differs; says by how much.
    """
    wanted = expected.numpy()
    if found.shape != wanted.shape:
        raise RunError(f"the graph gives numbers of shape {found.shape} and the model {wanted.shape}.")
    difference = float(np.abs(found - wanted).max(initial=0.0))
    if not difference <= TOLERANCE * max(float(np.abs(wanted).max(initial=0.0)), 1.0):
        raise RunError(f"the graph differs from the model by {difference:.2g}, more than rounding explains.")
