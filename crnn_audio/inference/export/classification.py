"""Classifiers of recordings as graphs: x (N, T, F), x_lens (N) -> probabilities (N, K)."""

from typing import Any

import numpy as np

from crnn_audio.features.normalize import Normalizer
from crnn_audio.inference.export import recognition
from crnn_audio.inference.export.graph import Graph
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.pooling import ClassHead, Pooling


def whole(model: Crnn, normalizer: Normalizer, *, multilabel: bool) -> Any:
    """The graph of whole recordings."""
    head = model.head
    assert isinstance(head, ClassHead), "a classifier has classes"
    graph = Graph()
    frames, lengths = recognition.encoded(graph, model, normalizer)
    vector = _pooled(graph, graph.op("Transpose", frames, perm=[1, 0, 2]), lengths, head.pooling)
    logits = graph.linear(vector, head.linear.weight, head.linear.bias)
    probabilities = graph.op("Sigmoid", logits) if multilabel else graph.op("Softmax", logits, axis=-1)
    graph.output("probabilities", probabilities, ["N", head.linear.out_features])
    return graph.model({})


def _pooled(graph: Graph, frames: str, lengths: str, pooling: Pooling) -> str:
    """The vector (N, H) of frames (N, U, H), as `Pooling` has it."""
    size = graph.size(frames, 1)
    real = graph.before(size, None, lengths)
    inside = graph.kept(frames, real, 2)
    if pooling.kind == "last":
        earlier = graph.before(size, None, graph.op("Sub", lengths, graph.ints(1)))
        ends = graph.kept(frames, graph.op("And", real, graph.op("Not", earlier)), 2)
        ends = graph.op("ReduceSum", ends, graph.ints(1), keepdims=0)
        starts = graph.op("Gather", frames, graph.constant(0, np.int64), axis=1)
        own = graph.ints(pooling.forward_size)
        forward, backward = graph.slice(ends, 1, graph.ints(0), own), graph.slice(starts, 1, own, graph.ints(2**31))
        return graph.op("Concat", forward, backward, axis=1)
    below = graph.constant(float("-inf"))
    if pooling.kind == "max":
        return graph.op("ReduceMax", _where(graph, real, frames, below), axes=[1], keepdims=0)
    if pooling.score is None:
        total = graph.op("ReduceSum", inside, graph.ints(1), keepdims=0)
        return graph.op("Div", total, graph.op("Unsqueeze", graph.op("Cast", lengths, to=1), graph.ints(1)))
    scores = _where(graph, real, graph.linear(frames, pooling.score.weight, pooling.score.bias), below)
    weighted = graph.op("Mul", inside, graph.op("Softmax", scores, axis=1))
    return graph.op("ReduceSum", weighted, graph.ints(1), keepdims=0)


def _where(graph: Graph, real: str, value: str, other: str) -> str:
    return graph.op("Where", graph.op("Unsqueeze", real, graph.ints(2)), value, other)
