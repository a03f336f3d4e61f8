"""Models of sound as graphs, from features to what their heads give: of recognisers, log-probabilities.

    whole      x (N, T, F), x_lens (N)                 -> outputs (N, U, V), lengths (N)
    pieces     x, begins (N), ends (N), states ...     -> outputs (N, u, V), states after ...
    sherpa     x (N, T, 80), the caches of a Zipformer -> log_probs (N, u, V), the caches after

The first is also what sherpa-onnx reads as an offline "zipformer_ctc", the third what it streams as "zipformer2_ctc"
(its sources, 2.0.1: inputs are read by their position, and the shapes of the caches follow from the metadata).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from crnn_audio.errors import RunError
from crnn_audio.features.normalize import Normalizer
from crnn_audio.inference.export import network
from crnn_audio.inference.export.graph import Graph
from crnn_audio.inference.export.network import Level, States
from crnn_audio.models.conv import ConvFront
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import CtcHead

EMBED = (128, 3, 19)
"""The cache that a Zipformer's first convolutions have in sherpa-onnx; whatever is no recurrent state lies in it."""
CHUNK = 8
"""Output frames of a chunk in sherpa-onnx."""


@dataclass(frozen=True)
class Pieces:
    """A graph of pieces: how it is to be called.

    Args:
        model: the ONNX model.
        shift: a piece goes on after a multiple of so many frames, and reads `overlap` frames beyond.
        delay: the first outputs of a sequence, so many, stand for none of its frames.
        states: the shape of each state tensor, without the batch.
    """

    model: Any
    shift: int
    overlap: int
    delay: int
    states: tuple[tuple[int, ...], ...]


Head = Callable[[Graph, str, Crnn], tuple[str, int]]
"""Adds a head to a graph: outputs (N, U, V) of frames (U, N, H), and V."""


def ctc(graph: Graph, frames: str, model: Crnn) -> tuple[str, int]:
    """Log-probabilities of tokens."""
    assert isinstance(model.head, CtcHead), "a recogniser has a CTC head"
    linear = model.head.linear
    logits = graph.op("Transpose", graph.linear(frames, linear.weight, linear.bias), perm=[1, 0, 2])
    return graph.op("LogSoftmax", logits, axis=-1), linear.out_features


def whole(model: Crnn, normalizer: Normalizer, head: Head = ctc) -> Any:
    """The graph of whole recordings."""
    graph = Graph()
    frames, lengths = encoded(graph, model, normalizer)
    value, size = head(graph, frames, model)
    graph.output("outputs", value, ["N", "U", size])
    graph.output("lengths", lengths, ["N"], np.int64)
    return graph.model({})


def encoded(graph: Graph, model: Crnn, normalizer: Normalizer) -> tuple[str, str]:
    """Frames (U, N, H) of whole recordings, from the inputs x and x_lens, and how many of each are real, at least 1."""
    front = front_of(model)
    x = graph.input("x", ["N", "T", front.num_features])
    lengths = graph.input("x_lens", ["N"], np.int64)
    # Further frames, so that every convolution finds enough; what is past an item's length is zero.
    x = graph.op("Pad", x, graph.ints(0, 0, 0, 0, front.receptive_field.size, 0))
    level = Level(lengths)
    frames = network.normalized(graph, x, normalizer, level)
    frames, level = network.convolved(graph, frames, front, level, None)
    assert level.lengths is not None, "whole recordings have an end"
    count = graph.op("Max", level.lengths, graph.ints(1))  # onnxruntime's LSTM wants a frame
    return network.recurred(graph, frames, model.recurrent, Level(count), None), count


def pieces(model: Crnn, normalizer: Normalizer, head: Head = ctc) -> Pieces:
    """The graph of the next piece of running recordings; all of one is a piece too."""
    graph, front = Graph(), front_of(model)
    extra, factor = network.overlap(front), front.receptive_field.stride
    x = graph.input("x", ["N", "T", front.num_features])
    first, ends = (graph.input(name, ["N"], np.int64) for name in ("begins", "ends"))
    taken = list[str]()

    def take(shape: tuple[int, ...]) -> str:
        taken.append(graph.input(f"state{len(taken)}", ["N", *shape]))
        return taken[-1]

    states = States(take)
    shift = graph.op("Sub", graph.size(x, 1), graph.ints(extra))
    level = Level(ends, first, shift)
    frames = network.normalized(graph, x, normalizer, level)
    frames, level = network.convolved(graph, frames, front, level, states)
    frames = network.recurred(graph, frames, model.recurrent, level, states)
    value, size = head(graph, frames, model)
    graph.output("outputs", value, ["N", "u", size])
    for index, (name, shape) in enumerate(zip(states.after, states.shapes, strict=True)):
        graph.output(f"after{index}", name, ["N", *shape])
    delay = model.recurrent.look_ahead.frames if model.recurrent.look_ahead else 0
    return Pieces(graph.model({}), factor, extra, delay, tuple(states.shapes))


def front_of(model: Crnn) -> ConvFront:
    """The convolutions of a recogniser."""
    assert isinstance(model.front, ConvFront), "a recogniser reads features"
    return model.front


# ------------------------------------------------------------------------------------------- sherpa-onnx, streaming


def sherpa(model: Crnn, normalizer: Normalizer) -> Any:
    """The graph that sherpa-onnx streams: chunks of `CHUNK` output frames, and what they need of the sound after them.

    Raises:
        RunError: the state does not fit into the caches of a Zipformer.
    """
    size, num_layers = model.recurrent.output_size, len(model.recurrent.layers)
    if size % 4:
        raise RunError(f"sherpa-onnx wants a hidden size that is a multiple of 4 (found {size}).")
    graph, front = Graph(), front_of(model)
    ahead = model.recurrent.look_ahead.frames if model.recurrent.look_ahead else 0
    shift = CHUNK * front.receptive_field.stride
    window = shift + network.overlap(front, ahead)
    x = graph.input("x", ["N", window, front.num_features])
    caches = _caches(graph, size, num_layers)
    store = _Store(graph, caches, size)
    level = Level(None, None, graph.ints(shift))
    frames = network.normalized(graph, x, normalizer, level)
    states = States(store.take)
    frames, level = network.convolved(graph, frames, front, level, states)
    frames = network.recurred(graph, frames, model.recurrent, level, states, reads_ahead=True)
    value, num_tokens = ctc(graph, frames, model)
    graph.output("log_probs", value, ["N", CHUNK, num_tokens])
    after = store.after(states, graph.op("Add", caches["processed"], graph.ints(shift)))
    for name, axes in zip(caches, _axes(size, num_layers), strict=True):
        graph.output(f"new_{name}", after[name], axes, np.int64 if name == "processed" else np.float32)
    return graph.model(
        {
            "model_type": "zipformer2",
            "version": "1",
            "comment": "crnn_audio",
            "T": str(window),
            "decode_chunk_len": str(shift),
            "num_encoder_layers": str(num_layers),
            "encoder_dims": str(size),
            "query_head_dims": "1",
            "value_head_dims": "1",
            "num_heads": "1",
            "cnn_module_kernels": "2",
            "left_context_len": "1",
        }
    )


def _axes(size: int, num_layers: int) -> list[Sequence[int | str]]:
    """The shapes of all caches in order: per layer key, non-linear attention, two values, two convolutions."""
    layer: list[Sequence[int | str]] = [
        [1, "N", 1],
        [1, "N", 1, 3 * size // 4],
        [1, "N", 1],
        [1, "N", 1],
        ["N", size, 1],
        ["N", size, 1],
    ]
    return [*layer * num_layers, ["N", *EMBED], ["N"]]


def _caches(graph: Graph, size: int, num_layers: int) -> dict[str, str]:
    """The inputs for the caches, by name."""
    kinds = ("key", "nonlin", "val1", "val2", "conv1", "conv2")
    names = [f"{kind}_{layer}" for layer in range(num_layers) for kind in kinds] + ["embed", "processed"]
    types = {"processed": np.int64}
    return {
        name: graph.input(name, axes, types.get(name, np.float32))
        for name, axes in zip(names, _axes(size, num_layers), strict=True)
    }


class _Store:
    """Where the states of a recogniser lie in the caches: recurrent ones in those of convolutions, others in a row."""

    def __init__(self, graph: Graph, caches: dict[str, str], size: int) -> None:
        self.graph = graph
        self.caches = caches
        self.size = size
        self.slots = [name for name in caches if name.startswith("conv")]
        self.places = list[str | int]()
        self.used = 0
        self.row = graph.op("Reshape", caches["embed"], graph.ints(0, prod(EMBED)))

    def take(self, shape: tuple[int, ...]) -> str:
        graph = self.graph
        if shape == (self.size,) and self.slots:
            self.places.append(self.slots.pop(0))
            return graph.op("Squeeze", self.caches[str(self.places[-1])], graph.ints(2))
        begin, self.used = self.used, self.used + prod(shape)
        if self.used > prod(EMBED):
            raise RunError(
                f"its convolutions keep {self.used} numbers between chunks, and sherpa-onnx has room for {prod(EMBED)}."
            )
        self.places.append(begin)
        part = graph.slice(self.row, 1, graph.ints(begin), graph.ints(self.used))
        return graph.op("Reshape", part, graph.ints(0, *shape))

    def after(self, states: States, processed: str) -> dict[str, str]:
        """The caches of the next chunk, by name."""
        graph, found = self.graph, {**self.caches, "processed": processed}
        row = list[str]()
        for place, name, shape in zip(self.places, states.after, states.shapes, strict=True):
            if isinstance(place, str):
                found[place] = graph.op("Unsqueeze", name, graph.ints(2))
            else:
                row.append(graph.op("Reshape", name, graph.ints(0, prod(shape))))
        rest = graph.slice(self.row, 1, graph.ints(self.used), graph.ints(prod(EMBED)))
        found["embed"] = graph.op("Reshape", graph.op("Concat", *row, rest, axis=1), graph.ints(0, *EMBED))
        return found
