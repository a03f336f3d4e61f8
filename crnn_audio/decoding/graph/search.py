"""The best path through a CTC graph, and the sum over all of them: a frame after the other, batches side by side.

The best path is found by Viterbi's algorithm without stored back pointers: the scores of all states are kept, and what
led to a state is computed again where the path goes along. The sum is the forward algorithm; its gradient is that of
its operations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.graph.topology import CtcGraph, Group

IMPOSSIBLE = -1e30
"""The logarithm of a sum over no paths, of which a gradient can be taken."""


def first(graph: CtcGraph, emissions: Float[Tensor, "V B"]) -> Float[Tensor, "S B"]:
    """The best score of each state after the first frame."""
    return graph.initial.unsqueeze(1) + emissions.index_select(0, graph.labels)


def following(graph: CtcGraph, scores: Float[Tensor, "S B"], emissions: Float[Tensor, "V B"]) -> Float[Tensor, "S B"]:
    """The same after one more frame."""
    size = scores.shape[1]
    parts = [
        (scores.index_select(0, group.sources).view(*group.weights.shape[:2], size) + group.weights).amax(dim=1)
        for group in graph.groups
    ]
    return torch.cat(parts) + emissions.index_select(0, graph.labels)


@dataclass(frozen=True)
class Trace:
    """A path through a graph: the state of each frame, and the output on the arc that led there."""

    states: Int[np.ndarray, " T"]
    outputs: Int[np.ndarray, " T"]


def back(graph: CtcGraph, scores: Sequence[Float[np.ndarray, " S"]], state: int, begins: bool = True) -> Trace:
    """The best path to a state after the last of some frames, of which the scores are those of all states.

    Args:
        begins: the first of these frames is the first of all; else its output is left open.
    """
    states, outputs = [state], list[int]()
    for before in reversed(scores[:-1]):
        begin, end = graph.bounds[state], graph.bounds[state + 1]
        arc = begin + int((before[graph.sources[begin:end]] + graph.weights[begin:end]).argmax())
        state = int(graph.sources[arc])
        states.append(state)
        outputs.append(int(graph.outputs[arc]))
    outputs.append(int(graph.entries[state]) if begins else -1)
    return Trace(np.array(states[::-1]), np.array(outputs[::-1]))


def forward(graph: CtcGraph, log_probs: Float[Tensor, "B U V"]) -> Iterator[Float[Tensor, "S B"]]:
    """The best scores of all states after each frame."""
    frames = log_probs.permute(1, 2, 0).contiguous()
    scores = None
    for frame in frames:
        scores = first(graph, frame) if scores is None else following(graph, scores, frame)
        yield scores


def total(graph: CtcGraph, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """The log-probability of all paths together, with gradient; about `IMPOSSIBLE` where there is none."""
    frames = log_probs.permute(1, 2, 0)
    rows, ends = torch.arange(len(lengths)), []
    scores = None
    for frame in frames:
        emissions = frame.index_select(0, graph.labels)
        scores = (_summed(graph.groups, scores) if scores is not None else graph.initial.unsqueeze(1)) + emissions
        scores = scores.clamp(min=IMPOSSIBLE)
        ends.append(scores)
    if not ends:
        return log_probs.new_full((len(lengths),), IMPOSSIBLE)
    last = torch.stack(ends)[lengths.cpu() - 1, :, rows]
    return (last + graph.finals.clamp(min=IMPOSSIBLE)).logsumexp(dim=1)


@dataclass(frozen=True, eq=False)
class Stack:
    """Several graphs side by side, one for each utterance of a batch, their states in one row.

    Attributes:
        emits: of each state, its utterance times the number of tokens, plus its label.
        owners: of each state, its utterance.
        initial, finals, groups: as those of a graph; nothing leads from one utterance's states to another's.
    """

    emits: Int[Tensor, " S"]
    owners: Int[Tensor, " S"]
    initial: Float[Tensor, " S"]
    finals: Float[Tensor, " S"]
    groups: tuple[Group, ...]


def stacked(graphs: Sequence[CtcGraph], num_tokens: int) -> Stack:
    """Graphs on one device as a stack."""
    offsets = np.cumsum([0, *(graph.num_states for graph in graphs)])
    widths = sorted({group.weights.shape[1] for graph in graphs for group in graph.groups})
    order, groups = list[Tensor](), list[tuple[Tensor, Tensor]]()
    for width in widths:
        sources, weights = list[Tensor](), list[Tensor]()
        for graph, offset in zip(graphs, offsets.tolist(), strict=False):
            begin = offset
            for group in graph.groups:
                size = group.weights.shape[0]
                if group.weights.shape[1] == width:
                    order.append(torch.arange(begin, begin + size, device=graph.labels.device))
                    sources.append(group.sources + offset)
                    weights.append(group.weights)
                begin += size
        groups.append((torch.cat(sources), torch.cat(weights)))
    places = torch.cat(order)
    number = torch.empty_like(places)
    number[places] = torch.arange(len(places), device=places.device)
    owners = torch.repeat_interleave(torch.as_tensor(np.diff(offsets), device=places.device))[places]
    labels = torch.cat([graph.labels for graph in graphs])[places]
    return Stack(
        emits=owners * num_tokens + labels,
        owners=owners,
        initial=torch.cat([graph.initial for graph in graphs])[places],
        finals=torch.cat([graph.finals for graph in graphs])[places],
        groups=tuple(Group(number[sources], weights) for sources, weights in groups),
    )


def total_each(stack: Stack, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Of each utterance, the log-probability of all paths of its own graph together, with gradient.

    About `IMPOSSIBLE` where there is none, or an utterance has no frames.
    """
    frames = log_probs.transpose(0, 1).flatten(1)
    ends, scores = lengths[stack.owners], torch.full_like(stack.initial, IMPOSSIBLE)
    for at, frame in enumerate(frames):
        before = _summed(stack.groups, scores.unsqueeze(1))[:, 0] if at else stack.initial
        after = (before + frame.index_select(0, stack.emits)).clamp(min=IMPOSSIBLE)
        scores = torch.where(at < ends, after, scores)
    ending = scores + stack.finals.clamp(min=IMPOSSIBLE)
    rows = torch.full((len(lengths),), IMPOSSIBLE, dtype=ending.dtype, device=ending.device)
    highest = rows.scatter_reduce(0, stack.owners, ending.detach(), "amax")
    shares = torch.zeros_like(rows).index_add(0, stack.owners, (ending - highest[stack.owners]).exp())
    return highest + shares.log()


def _summed(groups: Sequence[Group], scores: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
    parts = [
        (
            scores.index_select(0, group.sources).view(*group.weights.shape[:2], -1)
            + group.weights.clamp(min=IMPOSSIBLE)
        ).logsumexp(dim=1)
        for group in groups
    ]
    return torch.cat(parts)
