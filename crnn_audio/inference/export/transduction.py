"""Models that turn one sequence of tokens into another, as two graphs: what reads the source, and a step of the writer.

reading   x (N, T), token ids, x_lens (N)   -> memory (N, T, M), keys (N, T, A), state ...
of a fixed context                -> context (N, M), state ...
writing   tokens (N), those written last, 0 before the first, lengths (N), all that reading gives, and with
attention by location the sum of earlier weights, coverage (N, T)
-> log_probs (N, V), weights (N, T) of an attention, after ...
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crnn_audio.inference.export import network
from crnn_audio.inference.export.graph import Graph
from crnn_audio.inference.export.network import Level, States
from crnn_audio.models.attention import Attention
from crnn_audio.models.encoder_decoder import Decoder, EncoderDecoder
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront


@dataclass(frozen=True)
class Graphs:
    """The ONNX models of reading and of writing, and the shape of each state tensor of writing, without the batch."""

    reading: Any
    writing: Any
    states: tuple[tuple[int, ...], ...]


def graphs(model: EncoderDecoder) -> Graphs:
    """Both graphs of a model.

    Raises:
        RunError: a layer has no counterpart.
    """
    writing, shapes = _writing(model.head, model.encoder.recurrent.output_size)
    return Graphs(_reading(model, shapes), writing, shapes)


def _reading(model: EncoderDecoder, shapes: Sequence[tuple[int, ...]]) -> Any:
    graph, decoder = Graph(), model.head
    x = graph.input("x", ["N", "T"], np.int64)
    lengths = graph.input("x_lens", ["N"], np.int64)
    vectors = _vectors(graph, model.encoder.front, x)
    frames = network.recurred(graph, vectors, model.encoder.recurrent, Level(lengths), None)
    memory, size = graph.op("Transpose", frames, perm=[1, 0, 2]), model.encoder.recurrent.output_size
    context = _last(graph, memory, lengths, size, decoder.bidirectional)
    if decoder.attention is None:
        graph.output("context", context, ["N", size])
    else:
        key = decoder.attention.key
        graph.output("memory", memory, ["N", "T", size])
        graph.output("keys", graph.linear(memory, key.weight, None), ["N", "T", key.out_features])
    if decoder.initial is not None:
        begin = graph.op("Tanh", graph.linear(context, decoder.initial.weight, decoder.initial.bias))
        ends = np.cumsum([shape[0] for shape in shapes]).tolist()
        for index, ((width,), end) in enumerate(zip(shapes, ends, strict=True)):
            part = graph.slice(begin, 1, graph.ints(end - width), graph.ints(end))
            graph.output(f"state{index}", part, ["N", width])
    return graph.model({})


def _vectors(graph: Graph, front: Any, ids: str) -> str:
    assert isinstance(front, TokenFront), "a transducer reads tokens"
    return graph.op("Gather", graph.constant(front.vectors), ids, axis=0)


def _last(graph: Graph, memory: str, lengths: str, size: int, bidirectional: bool) -> str:
    """As `encoder_decoder.last_states`, (N, M)."""
    places = graph.op("Unsqueeze", graph.op("Sub", lengths, graph.ints(1)), graph.ints(1))
    ends = graph.op("GatherND", memory, places, batch_dims=1)
    if not bidirectional:
        return ends
    begins = graph.op("Squeeze", graph.slice(memory, 1, graph.ints(0), graph.ints(1)), graph.ints(1))
    forwards = graph.slice(ends, 1, graph.ints(0), graph.ints(size // 2))
    return graph.op("Concat", forwards, graph.slice(begins, 1, graph.ints(size // 2), graph.ints(size)), axis=1)


def _writing(decoder: Decoder, size: int) -> tuple[Any, tuple[tuple[int, ...], ...]]:
    """The graph of a step, and the shapes of its states."""
    graph, taken = Graph(), list[str]()
    ids = graph.op("Unsqueeze", graph.input("tokens", ["N"], np.int64), graph.ints(1))
    frames = _vectors(graph, decoder.tokens, ids)  # (N, 1, D)
    if decoder.attention is None:
        context = graph.op("Unsqueeze", graph.input("context", ["N", size]), graph.ints(1))
        frames = graph.op("Concat", frames, context, axis=2)

    def take(shape: tuple[int, ...]) -> str:
        taken.append(graph.input(f"state{len(taken)}", ["N", *shape]))
        return taken[-1]

    states = States(take)
    output = _stepped(graph, frames, decoder.recurrent, states)
    if decoder.attention is not None:
        context, weights = _attended(graph, output, decoder.attention, size)
        output = graph.op("Concat", output, context, axis=1)
    output = graph.op("Tanh", graph.linear(output, decoder.combine.weight, decoder.combine.bias))
    logits = graph.linear(output, decoder.output.weight, decoder.output.bias)
    graph.output("log_probs", graph.op("LogSoftmax", logits, axis=-1), ["N", decoder.output.out_features])
    if decoder.attention is not None:
        graph.output("weights", weights, ["N", "T"])
    for index, (after, shape) in enumerate(zip(states.after, states.shapes, strict=True)):
        graph.output(f"after{index}", after, ["N", *shape])
    return graph.model({}), tuple(states.shapes)


def _stepped(graph: Graph, frames: str, recurrent: Recurrent, states: States) -> str:
    """Outputs (N, H) of one frame, (N, 1, D)."""
    outputs = network.recurred(graph, frames, recurrent, Level(None, None, graph.size(frames, 1)), states)
    return graph.op("Squeeze", outputs, graph.ints(0))


def _attended(graph: Graph, query: str, attention: Attention, size: int) -> tuple[str, str]:
    """The context of a query (N, H), (N, M), and its weights, (N, T)."""
    memory = graph.input("memory", ["N", "T", size])
    keys = graph.input("keys", ["N", "T", attention.key.out_features])
    lengths = graph.input("lengths", ["N"], np.int64)
    query = graph.linear(query, attention.query.weight, attention.query.bias)
    query = graph.op("Unsqueeze", query, graph.ints(1))
    if attention.energy is None:
        energies = graph.op("MatMul", keys, graph.op("Transpose", query, perm=[0, 2, 1]))
        energies = graph.op("Div", energies, graph.constant(attention.key.out_features**0.5))
    else:
        compared = graph.op("Add", keys, query)
        if attention.located is not None and attention.location is not None:
            before = graph.op("Unsqueeze", graph.input("coverage", ["N", "T"]), graph.ints(1))
            weight, bias = graph.constant(attention.located.weight), graph.constant(attention.located.bias)
            pad = int(attention.located.padding[0])
            seen = graph.op("Conv", before, weight, bias, pads=[pad, pad])
            seen = graph.linear(graph.op("Transpose", seen, perm=[0, 2, 1]), attention.location.weight, None)
            compared = graph.op("Add", compared, seen)
        energies = graph.linear(graph.op("Tanh", compared), attention.energy.weight, None)
    energies = graph.op("Squeeze", energies, graph.ints(2))
    inside = graph.before(graph.size(memory, 1), None, lengths)
    weights = graph.op("Softmax", graph.op("Where", inside, energies, graph.constant(-np.inf)), axis=-1)
    context = graph.op("MatMul", graph.op("Unsqueeze", weights, graph.ints(1)), memory)
    return graph.op("Squeeze", context, graph.ints(1)), weights
