"""An automaton composed with the topology of CTC: states that each emit a token or a blank, frame by frame.

A token may last several frames, blanks may stand before and after it, and between two that are the same one must
(Graves et al. 2006). After a token that led to a state of the automaton comes that token again, the blank of that
state, or another token that leads on from there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.graph.automaton import MAX_ARCS, NO_OUTPUT, Automaton, too_large


@dataclass(frozen=True, eq=False)
class Group:
    """Neighbouring states with about as many incoming arcs, which are padded by arcs of weight -inf."""

    sources: Int[Tensor, " _"]
    weights: Float[Tensor, "N K 1"]


@dataclass(frozen=True, eq=False)
class CtcGraph:
    """Emitting states, and for each the arcs that come in, itself included.

    Attributes:
        labels: what each state emits; 0 is the blank.
        last: the last token before or in each state; 0 where there is none or where it may be several.
        initial: the weight of each state in the first frame.
        finals: the weight of ending in each state.
        groups: the incoming arcs of all states, group by group in their order.
        bounds, sources, weights, outputs: the same arcs one after the other; those of state s lie between
            `bounds[s]` and `bounds[s + 1]`.
        entries: the output on entering a state in the first frame.
    """

    labels: Int[Tensor, " S"]
    last: Int[np.ndarray, " S"]
    initial: Float[Tensor, " S"]
    finals: Float[Tensor, " S"]
    groups: tuple[Group, ...]
    bounds: Int[np.ndarray, " _"]
    sources: Int[np.ndarray, " A"]
    weights: Float[np.ndarray, " A"]
    outputs: Int[np.ndarray, " A"]
    entries: Int[np.ndarray, " S"]

    @property
    def num_states(self) -> int:
        """Emitting states."""
        return len(self.last)


def composed(automaton: Automaton, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> CtcGraph:
    """The CTC graph of an automaton.

    Raises:
        DataError: it is too large.
    """
    states, token_state, of_arc = _states(automaton)
    arcs, initial, entries = _arcs(automaton, states, token_state, of_arc)
    nodes, labels = states
    order, groups, sorted_arcs = _grouped(len(nodes), arcs)
    sources, weights, outputs, bounds = sorted_arcs
    known = np.zeros(automaton.num_states, dtype=np.int64)
    counts = np.bincount(token_state[0], minlength=automaton.num_states)
    known[token_state[0]] = token_state[1]
    known[counts > 1] = 0
    last = np.where(labels > 0, labels, known[nodes])

    def floats(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=device)

    return CtcGraph(
        labels=torch.as_tensor(labels[order], device=device),
        last=last[order],
        initial=floats(initial[order]),
        finals=floats(automaton.finals[nodes][order]),
        groups=tuple(
            Group(torch.as_tensor(one.ravel(), device=device), floats(other[..., None])) for one, other in groups
        ),
        bounds=bounds,
        sources=sources,
        weights=weights.astype(np.float64 if dtype == torch.float64 else np.float32),
        outputs=outputs,
        entries=entries[order],
    )


Pairs = tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]


def _states(automaton: Automaton) -> tuple[Pairs, Pairs, Int[np.ndarray, " A"]]:
    """Node and label of each emitting state, those of tokens alone, and the state that each arc leads to.

    First one blank a node, then one for each node and token that leads to it.
    """
    size = int(automaton.tokens.max(initial=0)) + 1
    pairs, of_arc = np.unique(automaton.targets * size + automaton.tokens, return_inverse=True)
    nodes, tokens = np.divmod(pairs, size)
    blanks = np.arange(automaton.num_states)
    both = np.concatenate([blanks, nodes]), np.concatenate([np.zeros_like(blanks), tokens])
    return both, (nodes, tokens), len(blanks) + of_arc


Arcs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _arcs(
    automaton: Automaton, states: Pairs, token_state: Pairs, of_arc: Int[np.ndarray, " A"]
) -> tuple[Arcs, np.ndarray, np.ndarray]:
    """Source, target, weight and output of each arc between emitting states; weights and outputs of the first frame."""
    num_nodes, (nodes, tokens) = automaton.num_states, token_state
    every = np.arange(len(states[0]))
    of_token = np.arange(num_nodes, len(every))
    from_token, by = _joined(nodes, automaton.sources)
    differs = tokens[from_token] != automaton.tokens[by]
    from_token, by = from_token[differs], by[differs]
    parts = [
        (every, every, None),  # it lasts
        (of_token, nodes, None),  # a blank after it
        (automaton.sources, of_arc, np.arange(automaton.num_arcs)),  # a token after a blank
        (num_nodes + from_token, of_arc[by], by),  # a token after another one
    ]
    if (count := sum(len(part[0]) for part in parts)) > 4 * MAX_ARCS:
        raise too_large(count)
    initial, entries = np.full(len(every), -np.inf), np.full(len(every), NO_OUTPUT)
    initial[0] = 0.0
    first = np.flatnonzero(automaton.sources == 0)
    for arc in first[np.argsort(automaton.weights[first], kind="stable")].tolist():
        initial[of_arc[arc]], entries[of_arc[arc]] = automaton.weights[arc], automaton.outputs[arc]
    joined = (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([np.zeros(len(p[0])) if p[2] is None else automaton.weights[p[2]] for p in parts]),
        np.concatenate([np.full(len(p[0]), NO_OUTPUT) if p[2] is None else automaton.outputs[p[2]] for p in parts]),
    )
    return joined, initial, entries


def _joined(nodes: Int[np.ndarray, " N"], sources: Int[np.ndarray, " A"]) -> Pairs:
    """All pairs of a token's state and an arc that leaves the node it led to; `nodes` are sorted."""
    begin, end = np.searchsorted(nodes, sources, "left"), np.searchsorted(nodes, sources, "right")
    counts = end - begin
    arcs = np.repeat(np.arange(len(sources)), counts)
    within = np.arange(len(arcs)) - np.repeat(np.cumsum(counts) - counts, counts)
    return begin[arcs] + within, arcs


def _grouped(num_states: int, arcs: Arcs) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], Arcs]:
    """States ordered by how many arcs come in, their padded arcs by group, and all arcs by the state they lead to."""
    sources, targets, weights, outputs = arcs
    degrees = np.bincount(targets, minlength=num_states)
    widths = np.where(degrees <= 4, degrees, 2 ** np.ceil(np.log2(np.maximum(degrees, 1))).astype(np.int64))
    order = np.argsort(widths, kind="stable")
    number = np.empty(num_states, dtype=np.int64)
    number[order] = np.arange(num_states)
    by_target = np.argsort(number[targets], kind="stable")
    sources, weights, outputs = number[sources[by_target]], weights[by_target], outputs[by_target]
    bounds = np.concatenate([[0], np.cumsum(degrees[order])])
    groups, begin = [], 0
    for width, count in zip(*np.unique(widths, return_counts=True), strict=True):
        slots = bounds[begin : begin + count, None] + np.arange(width)
        real = slots < bounds[begin + 1 : begin + count + 1, None]
        slots = np.where(real, slots, 0)
        groups.append((np.where(real, sources[slots], 0), np.where(real, weights[slots], -np.inf)))
        begin += int(count)
    return order, groups, (sources, weights, outputs, bounds)
