"""Models that predict what comes next, as graphs of the next inputs of running sequences: piano rolls and texts.

rolls    x (N, T, 88 or more), state ...           -> logits (N, T, 88), states after ...
rolls with a joint head   and keys (N, T, 88), those that sound next   -> the logit of each key, those below it given
texts    x (N, T), token ids, state ...            -> log_probs (N, T, V - 1) of the tokens from 1 on, states after ...
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crnn_audio.errors import RunError
from crnn_audio.inference.export import network
from crnn_audio.inference.export.graph import Graph
from crnn_audio.inference.export.network import Level, States
from crnn_audio.models.conv import ConvFront
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import SigmoidHead, SoftmaxHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.models.tokens import TokenFront


@dataclass(frozen=True)
class Steps:
    """A graph of steps: the ONNX model, the shape of each state tensor without the batch, and what it gives."""

    model: Any
    states: tuple[tuple[int, ...], ...]
    outputs: str


def steps(model: Crnn) -> Steps:
    """The graph of the next inputs.

    Raises:
        RunError: its front or head has no counterpart.
    """
    graph = Graph()
    taken = list[str]()

    def take(shape: tuple[int, ...]) -> str:
        taken.append(f"state{len(taken)}")
        return graph.input(taken[-1], ["N", *shape])

    states = States(take)
    frames, level = _front(graph, model, states)
    frames = network.recurred(graph, frames, model.recurrent, level, states)
    value, name, size = _head(graph, frames, model)
    graph.output(name, value, ["N", "T", size])
    for index, (after, shape) in enumerate(zip(states.after, states.shapes, strict=True)):
        graph.output(f"after{index}", after, ["N", *shape])
    return Steps(graph.model({}), tuple(states.shapes), name)


def _front(graph: Graph, model: Crnn, states: States) -> tuple[str, Level]:
    """Frames (N, T, D); every input has one."""
    front = model.front
    if isinstance(front, TokenFront):
        x = graph.input("x", ["N", "T"], np.int64)
        return graph.op("Gather", graph.constant(front.vectors), x, axis=0), Level(None, None, graph.size(x, 1))
    if not isinstance(front, ConvFront):
        raise RunError("models that read rows of tokens are not exported.")
    if front.receptive_field.stride != 1 or network.overlap(front):
        raise RunError("its convolutions read ahead, so that it cannot run a step at a time.")
    x = graph.input("x", ["N", "T", front.num_features])
    return network.convolved(graph, x, front, Level(None, None, graph.size(x, 1)), states)


def _head(graph: Graph, frames: str, model: Crnn) -> tuple[str, str, int]:
    """Outputs (N, T, V), their name and V, for frames (T, N, H)."""
    head = model.head
    frames = graph.op("Transpose", frames, perm=[1, 0, 2])
    if isinstance(head, SigmoidHead):
        return graph.linear(frames, head.linear.weight, head.linear.bias), "logits", head.linear.out_features
    if isinstance(head, NadeHead):
        return _joint(graph, frames, head), "logits", len(head.key_vectors)
    if not isinstance(head, SoftmaxHead):
        raise RunError(f"models with a {head.NAME} head are not exported.")
    (tied,) = head.tied
    if tied is None:
        assert head.linear is not None, "a softmax that is not tied has weights"
        logits, size = graph.linear(frames, head.linear.weight, head.linear.bias), head.linear.out_features
    else:
        if hasattr(head.projection, "weight"):
            frames = graph.linear(frames, head.projection.weight, head.projection.bias)  # type: ignore[arg-type]
        logits, size = graph.linear(frames, tied.vectors[1:], head.bias), len(tied.vectors) - 1
    return graph.op("LogSoftmax", logits, axis=-1), "log_probs", size


def _joint(graph: Graph, frames: str, head: NadeHead) -> str:
    """The logits of keys one after the other, as `NadeHead` has them: h_k = relu(A x + sum over j < k of v_j W_j)."""
    keys = graph.input("keys", ["N", "T", len(head.key_vectors)])
    outputs = graph.linear(frames, head.linear.weight, head.linear.bias)
    hidden = graph.slice(outputs, 2, graph.ints(0), graph.ints(head.hidden_size))
    own = graph.slice(outputs, 2, graph.ints(head.hidden_size), graph.ints(2**31))
    added = graph.op("Mul", graph.op("Unsqueeze", keys, graph.ints(3)), graph.constant(head.key_vectors))
    below = graph.op("CumSum", added, graph.constant(2, np.int64), exclusive=1)
    units = graph.op("Relu", graph.op("Add", below, graph.op("Unsqueeze", hidden, graph.ints(2))))
    products = graph.op("Mul", units, graph.constant(head.weight))
    return graph.op("Add", graph.op("ReduceSum", products, graph.ints(3), keepdims=0), own)
