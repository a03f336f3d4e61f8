"""The layers of a network as operations of a graph: recurrent cells, temporal convolutions, norms and activations.

Inside, frames are time first (T, N, D), as ONNX's recurrent operations want them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from crnn_audio.errors import RunError
from crnn_audio.inference.export.graph import Graph
from crnn_audio.models.cells import RecurrentCell
from crnn_audio.models.recurrent import LookAhead, RecurrentLayer
from crnn_audio.models.tcn import TcnLayer

ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
"""Which of torch's gates stand where in ONNX: i, f, g, o -> i, o, f, c; r, z, n -> z, r, h."""
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


@dataclass(frozen=True)
class Flow:
    """How sequences run through a graph.

    Args:
        lengths: real frames of each item, (N,) int64, from the start of its sequence.
        shift: of a stream, frames after which the next piece begins, as a list of one number; the state handed on is
            that after them. Frames past them, of a piece that reads ahead, are computed again in the next one.
    """

    lengths: str
    shift: str | None = None
    reads_ahead: bool = False


def activation(graph: Graph, value: str, kind: str) -> str:
    """ReLU, GELU (by the error function) or SiLU."""
    if kind == "relu":
        return graph.op("Relu", value)
    if kind == "silu":
        return graph.op("Mul", value, graph.op("Sigmoid", value))
    inside = graph.op("Erf", graph.op("Mul", value, graph.constant(0.5**0.5)))
    return graph.op("Mul", graph.op("Mul", value, graph.constant(0.5)), graph.op("Add", inside, graph.constant(1.0)))


def norm(graph: Graph, value: str, module: nn.Module) -> str:
    """A layer norm over the last axis, or nothing."""
    if not isinstance(module, nn.LayerNorm):
        return value
    weight, bias = graph.constant(module.weight), graph.constant(module.bias)
    return graph.op("LayerNormalization", value, weight, bias, axis=-1, epsilon=module.eps)


def recurrent_layer(
    graph: Graph, frames: str, layer: RecurrentLayer, flow: Flow, states: Sequence[str] | None
) -> tuple[str, list[str]]:
    """One layer; with its states, (N, H) each, it goes on from them, and hands back those after it."""
    before = [graph.op("Unsqueeze", state, graph.ints(0)) for state in states] if states else None
    cells = [layer.forwards] + ([layer.backwards] if layer.backwards else [])
    if flow.reads_ahead and flow.shift:
        first = graph.slice(frames, 0, graph.ints(0), flow.shift)
        rest = graph.slice(frames, 0, flow.shift, graph.ints(2**31))
        output, after = _cells(graph, first, cells, None, before)
        output = graph.op("Concat", output, _cells(graph, rest, cells, None, after)[0], axis=0)
    else:
        output, after = _cells(graph, frames, cells, None if before else flow.lengths, before)
    output = norm(graph, output, layer.norm)
    if layer.residual:
        output = graph.op("Add", output, frames)
    return output, [graph.op("Squeeze", state, graph.ints(0)) for state in after] if states else []


def _cells(
    graph: Graph, frames: str, cells: Sequence[RecurrentCell], lengths: str | None, states: Sequence[str] | None
) -> tuple[str, list[str]]:
    """The directions of a layer side by side: (T, N, H), or (T, N, 2 H); and its states, (1, N, H) each."""
    cell, size = cells[0], cells[0].cell.hidden_size
    if cell.zoneout:
        raise RunError(f"zoneout mixes states in a way that ONNX's {OPERATORS[cell.kind]} cannot.")
    weights = [_weights(one) for one in cells]
    stacked = [graph.constant(torch.stack(parts)) for parts in zip(*weights, strict=True)]
    count = graph.op("Cast", lengths, to=6) if lengths and len(cells) > 1 else ""  # 6: int32
    options: dict[str, Any] = {"linear_before_reset": 1} if cell.kind == "gru" else {}
    if cell.kind == "rnn":
        options = {"activations": [cell.nonlinearity.capitalize()] * len(cells)}
    direction = "bidirectional" if len(cells) > 1 else "forward"
    inputs = [frames, *stacked, count, *(states or ())]
    while not inputs[-1]:
        inputs.pop()
    output, *after = graph.several(
        OPERATORS[cell.kind], 1 + cell.num_states, *inputs, hidden_size=size, direction=direction, **options
    )
    if len(cells) == 1:
        return graph.op("Squeeze", output, graph.ints(1)), after
    output = graph.op("Transpose", output, perm=[0, 2, 1, 3])
    return graph.op("Reshape", output, graph.ints(0, 0, 2 * size)), after


def _weights(cell: RecurrentCell) -> tuple[Tensor, Tensor, Tensor]:
    """Input and recurrent weights, and the two biases in a row, in ONNX's order of gates."""
    own = {name: weight.detach() for name, weight in cell.cell.named_parameters()}

    def ordered(name: str) -> Tensor:
        gates = own[name].chunk(len(ORDER[cell.kind]))
        return torch.cat([gates[index] for index in ORDER[cell.kind]])

    biases = torch.cat([ordered("bias_ih_l0"), ordered("bias_hh_l0")])
    return ordered("weight_ih_l0"), ordered("weight_hh_l0"), biases


def tcn_layer(
    graph: Graph, frames: str, layer: TcnLayer, kind: str, flow: Flow, states: Sequence[str] | None
) -> tuple[str, list[str]]:
    """A residual block of causal convolutions; its states are their last inputs, (N, span, D) each."""
    inside, after = frames, list[str]()
    for index, (conv, normed) in enumerate(zip(layer.convs, layer.norms, strict=True)):
        own: nn.Conv1d = conv.conv  # type: ignore[assignment]  # typed by what the list holds
        span, size = int(conv.span), own.in_channels  # type: ignore[arg-type]
        inputs = _after(graph, inside, span, size, states[index] if states else None)
        after.append(_tail(graph, inputs, span, flow))
        weight, bias = graph.constant(own.weight), graph.constant(own.bias)
        value = graph.op("Transpose", inputs, perm=[1, 2, 0])
        value = graph.op("Conv", value, weight, bias, dilations=list(own.dilation))
        value = graph.op("Transpose", value, perm=[2, 0, 1])
        inside = activation(graph, norm(graph, value, normed), kind)
    return graph.op("Relu", graph.op("Add", inside, frames)), after


def _after(graph: Graph, frames: str, count: int, size: int, taps: str | None) -> str:
    """Frames with `count` earlier ones before them, which are zero at the start of a sequence."""
    if taps is None:
        return graph.op("Pad", frames, graph.ints(count, 0, 0, 0, 0, 0))
    return graph.op("Concat", graph.op("Transpose", taps, perm=[1, 0, 2]), frames, axis=0)


def _tail(graph: Graph, inputs: str, count: int, flow: Flow) -> str:
    """The last `count` of what has been read when the next piece begins, batch first."""
    begin = flow.shift if flow.shift and flow.reads_ahead else graph.op("Sub", graph.size(inputs, 0), graph.ints(count))
    kept = graph.slice(inputs, 0, begin, graph.op("Add", begin, graph.ints(count)))
    return graph.op("Transpose", kept, perm=[1, 0, 2])


def look_ahead(graph: Graph, frames: str, layer: LookAhead, flow: Flow, state: str | None) -> tuple[str, list[str]]:
    """The sum over a frame and those after it.

    With a state, which is the frames that wait, (N, F, H), it is as late by as many; else zeros follow the end.
    """
    if state is not None:
        frames = graph.op("Concat", graph.op("Transpose", state, perm=[1, 0, 2]), frames, axis=0)
    elif not flow.reads_ahead:
        frames = graph.op("Pad", frames, graph.ints(0, 0, 0, layer.frames, 0, 0))
    count = graph.op("Sub", graph.size(frames, 0), graph.ints(layer.frames))
    total: str | None = None
    for index in range(layer.frames + 1):  # a convolution of one channel each is slow in onnxruntime
        shifted = graph.slice(frames, 0, graph.ints(index), graph.op("Add", count, graph.ints(index)))
        part = graph.op("Mul", shifted, graph.constant(layer.weight[:, 0, index]))
        total = part if total is None else graph.op("Add", total, part)
    assert total is not None, "a look-ahead has a frame"
    if state is None:
        return total, []
    kept = graph.slice(frames, 0, count, graph.ints(2**31))
    return total, [graph.op("Transpose", kept, perm=[1, 0, 2])]
