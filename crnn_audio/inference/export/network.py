"""A CRNN as a graph: of whole sequences, or of the next piece of running ones with their state in and out.

A piece is `shift` frames and as many beyond them as the convolutions need to see. What a convolution sees before it is
part of the state, so pieces give the frames of the whole. Zeros are the state of a sequence that has not begun.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

from torch import nn

from crnn_audio.features.normalize import GlobalNorm, Normalizer, UtteranceNorm
from crnn_audio.inference.export import layers
from crnn_audio.inference.export.graph import Graph
from crnn_audio.inference.export.layers import Flow
from crnn_audio.models.conv import ConvFront, ConvLayer
from crnn_audio.models.heads import InterCtcHead
from crnn_audio.models.recurrent import Recurrent, RecurrentLayer
from crnn_audio.models.tcn import TcnLayer

KINDS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.GELU: "gelu", nn.SiLU: "silu"}


@dataclass(frozen=True)
class Level:
    """Where the frames of a tensor stand in their sequences.

    Args:
        lengths: real frames of each item, (N,); None where no end is known yet.
        first: the index of the tensor's first frame in its sequence, (N,); None for the start.
        shift: of a stream, frames after which the next piece begins, as a list of one number; None for whole sequences.
    """

    lengths: str | None
    first: str | None = None
    shift: str | None = None

    def real(self, graph: Graph, size: str) -> str | None:
        """(N, T): which frames are real; None if all are."""
        return graph.before(size, self.first, self.lengths) if self.lengths else None


@dataclass
class States:
    """The tensors of a running sequence, taken and left in the order in which the network uses them.

    Args:
        take: declares the next one, of this shape without the batch, and gives its name.
        after: what the sequence goes on with, in the same order.
        shapes: theirs, without the batch.
    """

    take: Callable[[tuple[int, ...]], str]
    after: list[str] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def next(self, *shape: int) -> str:
        """The next one."""
        self.shapes.append(shape)
        return self.take(shape)


def overlap(front: ConvFront, ahead: int = 0) -> int:
    """Frames beyond its shift that a piece needs, for `ahead` output frames beyond those of the shift."""
    extra = ahead
    for layer in reversed(front.layers):
        extra = max(extra * layer.stride + layer.kernel - layer.left - layer.stride, 0)
    return extra


def normalized(graph: Graph, features: str, normalizer: Normalizer, level: Level) -> str:
    """Normalised features, zeros where nothing is real."""
    real = level.real(graph, graph.size(features, 1))
    if isinstance(normalizer, GlobalNorm):
        features = graph.op("Sub", features, graph.constant(normalizer.mean))
        features = graph.op("Div", features, graph.constant(normalizer.std))
    elif isinstance(normalizer, UtteranceNorm) and level.lengths and real:
        features = _by_utterance(graph, features, level.lengths, real)
    return graph.kept(features, real, 2) if real else features


def _by_utterance(graph: Graph, features: str, lengths: str, real: str) -> str:
    """As `UtteranceNorm`, in double precision."""
    double = {"to": 11}
    count = graph.op("Cast", graph.op("Max", lengths, graph.ints(1)), **double)
    count = graph.op("Unsqueeze", count, graph.ints(1, 2))
    weight = graph.op("Unsqueeze", graph.op("Cast", real, **double), graph.ints(2))
    exact = graph.op("Mul", graph.op("Cast", features, **double), weight)
    mean = graph.op("Div", graph.op("ReduceSum", exact, graph.ints(1)), count)
    centred = graph.op("Mul", graph.op("Sub", exact, mean), weight)
    squares = graph.op("ReduceSum", graph.op("Mul", centred, centred), graph.ints(1))
    variance = graph.op("Cast", graph.op("Div", squares, count), to=1)
    # In single precision from here: a variance of a constant bin rounds to zero, whose place 1 takes.
    constant = graph.op("Less", variance, graph.constant(1e-10))
    deviation = graph.op("Sqrt", graph.op("Where", constant, graph.constant(1.0), variance))
    return graph.op("Div", graph.op("Cast", centred, to=1), deviation)


def convolved(graph: Graph, features: str, front: ConvFront, level: Level, states: States | None) -> tuple[str, Level]:
    """Frames of the convolutions, (N, U, D), and where they stand; zeros where nothing is real."""
    if not front.layers:
        return features, level
    frames = graph.op("Unsqueeze", features, graph.ints(1))  # (N, channels, T, bins)
    channels, bins = 1, front.num_features
    for layer in front.layers:
        frames, level = _convolution(graph, frames, layer, level, states, (channels, bins))
        channels, bins = layer.conv.out_channels, layer.output_bins
    frames = graph.op("Transpose", frames, perm=[0, 2, 3, 1])
    return graph.op("Reshape", frames, graph.ints(0, 0, front.output_size)), level


def _convolution(
    graph: Graph, frames: str, layer: ConvLayer, level: Level, states: States | None, shape: tuple[int, int]
) -> tuple[str, Level]:
    conv, pads = layer.conv, [layer.left, layer.conv.padding[1], layer.right, layer.conv.padding[1]]
    if states is not None and level.shift is not None:
        pads[0] = pads[2] = 0
        if layer.left:
            channels, bins = shape
            state = states.next(channels, layer.left, bins)
            frames = graph.op("Concat", state, frames, axis=2)
            end = graph.op("Add", level.shift, graph.ints(layer.left))
            states.after.append(graph.slice(frames, 2, level.shift, end))
    weight, bias = graph.constant(conv.weight), graph.constant(conv.bias)
    frames = graph.op("Conv", frames, weight, bias, strides=list(conv.stride), pads=[int(one) for one in pads])
    level = _after(graph, level, layer)
    kind = KINDS[type(layer.activation)]
    if isinstance(layer.norm, nn.LayerNorm):
        frames = graph.op("Transpose", frames, perm=[0, 2, 3, 1])
        scale, shift = graph.constant(layer.norm.weight), graph.constant(layer.norm.bias)
        frames = graph.op("LayerNormalization", frames, scale, shift, axis=2, epsilon=layer.norm.eps)
        frames = layers.activation(graph, frames, kind)
        frames = graph.op("Transpose", frames, perm=[0, 3, 1, 2])
    else:
        frames = layers.activation(graph, frames, kind)
    real = level.real(graph, graph.size(frames, 2))
    return graph.kept(frames, real, 1, 3) if real else frames, level


def _after(graph: Graph, level: Level, layer: ConvLayer) -> Level:
    """Where the outputs of a convolution stand."""
    stride = graph.ints(layer.stride)

    def divided(value: str | None) -> str | None:
        return graph.op("Div", value, stride) if value else None

    lengths = level.lengths
    if lengths:  # (length + padding - kernel) // stride + 1, never below zero
        change = layer.left + layer.right - layer.kernel + layer.stride
        lengths = graph.op("Max", graph.op("Add", lengths, graph.ints(change)), graph.ints(0))
        lengths = graph.op("Div", lengths, stride)
    return Level(lengths, divided(level.first), divided(level.shift))


def recurred(
    graph: Graph, frames: str, module: Recurrent, level: Level, states: States | None, *, reads_ahead: bool = False
) -> str:
    """Outputs of the recurrent layers, (U, N, H), for frames (N, U, D).

    Args:
        reads_ahead: whether a piece of a stream goes on beyond its shift by what the look-ahead needs; else the
            look-ahead's outputs are as late by as many frames.
    """
    flow = Flow(level.lengths or "", level.shift if states is not None else None, reads_ahead)
    frames = graph.op("Transpose", frames, perm=[1, 0, 2])
    if isinstance(module.projection, nn.Sequential):
        linear, normed = module.projection
        assert isinstance(linear, nn.Linear), "a projection is linear"
        frames = layers.norm(graph, graph.linear(frames, linear.weight, linear.bias), normed)
    for layer, head in zip_longest(module.layers, module.inner_heads):
        frames = _layer(graph, frames, layer, module, flow, states)
        if isinstance(head, InterCtcHead):
            frames = _conditioned(graph, frames, head)
    if module.look_ahead is None:
        return frames
    real = level.real(graph, graph.size(frames, 0))
    if real:
        frames = graph.kept(frames, graph.op("Transpose", real, perm=[1, 0]), 2)
    waiting = None
    if states is not None and not reads_ahead:
        waiting = states.next(module.look_ahead.frames, module.output_size)
    frames, after = layers.look_ahead(graph, frames, module.look_ahead, flow, waiting)
    if states is not None:
        states.after.extend(after)
    return frames


def _layer(
    graph: Graph,
    frames: str,
    layer: RecurrentLayer | TcnLayer,
    module: Recurrent,
    flow: Flow,
    states: States | None,
) -> str:
    if isinstance(layer, TcnLayer):
        taps = [(int(conv.span), module.output_size) for conv in layer.convs]  # type: ignore[arg-type]
        before = [states.next(*shape) for shape in taps] if states is not None else None
        kind = "gelu" if layer.activation is nn.functional.gelu else "relu"
        frames, after = layers.tcn_layer(graph, frames, layer, kind, flow, before)
    else:
        before = None
        if states is not None:
            before = [states.next(module.output_size) for _ in range(layer.forwards.num_states)]
        frames, after = layers.recurrent_layer(graph, frames, layer, flow, before)
    if states is not None:
        states.after.extend(after)
    return frames


def _conditioned(graph: Graph, frames: str, head: InterCtcHead) -> str:
    """The feedback of an intermediate CTC head."""
    linear, feedback = head.head.linear, head.feedback
    probs = graph.op("Softmax", graph.linear(frames, linear.weight, linear.bias), axis=-1)
    return graph.op("Add", frames, graph.linear(probs, feedback.weight, feedback.bias))
