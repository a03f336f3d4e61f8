"""A weighted automaton over tokens: which token sequences there are, and what each weighs.

Its weights are natural logarithms that add up along a path. State 0 is where every sequence begins.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.errors import DataError

NO_OUTPUT = -1
MAX_ARCS = 3_000_000
"""Arcs that are compiled at most: above, decoding takes longer than the recording."""


@dataclass(frozen=True, eq=False)
class Automaton:
    """States, and arcs between them that each read a token.

    Attributes:
        sources, tokens, targets, weights: of each arc; tokens are never blank.
        outputs: what an arc says besides its token, as an index of the compiler's, or `NO_OUTPUT`.
        finals: the weight of ending in each state; -inf where a sequence cannot end.
    """

    sources: Int[np.ndarray, " A"]
    tokens: Int[np.ndarray, " A"]
    targets: Int[np.ndarray, " A"]
    weights: Float[np.ndarray, " A"]
    outputs: Int[np.ndarray, " A"]
    finals: Float[np.ndarray, " S"]

    @property
    def num_states(self) -> int:
        """States, reachable or not."""
        return len(self.finals)

    @property
    def num_arcs(self) -> int:
        """Arcs."""
        return len(self.sources)


@dataclass
class Builder:
    """An automaton in the making; `state()` gives a new state, the first of which is the start."""

    num_states: int = 0
    arcs: list[tuple[int, int, int, float, int]] = field(default_factory=list)
    ends: dict[int, float] = field(default_factory=dict)

    def state(self) -> int:
        """A new state."""
        self.num_states += 1
        return self.num_states - 1

    def arc(self, source: int, token: int, target: int, weight: float = 0.0, output: int = NO_OUTPUT) -> None:
        """A new arc.

        Raises:
            DataError: there are more than `MAX_ARCS`.
        """
        self.arcs.append((source, token, target, weight, output))
        if len(self.arcs) > MAX_ARCS:
            raise too_large(len(self.arcs))

    def end(self, state: int, weight: float = 0.0) -> None:
        """Sequences may end here."""
        self.ends[state] = weight

    def built(self) -> Automaton:
        """The automaton, without states from which no end is reached or that are not reached themselves.

        Of arcs that read the same token between the same states, the heaviest stays.

        Raises:
            DataError: it allows nothing at all.
        """
        columns = list(zip(*self.arcs, strict=True)) if self.arcs else [()] * 5
        sources, tokens, targets, outputs = (np.array(columns[at], dtype=np.int64) for at in (0, 1, 2, 4))
        weights, finals = np.array(columns[3], dtype=np.float64), np.full(self.num_states, -np.inf)
        finals[list(self.ends)] = list(self.ends.values())
        start = np.zeros(self.num_states, dtype=bool)
        start[:1] = True
        useful = _reached(start, sources, targets) & _reached(finals > -np.inf, targets, sources)
        if not useful[:1].any():
            raise DataError("nothing may be said: no sentence comes to an end. Give it words.")
        number = np.cumsum(useful) - 1
        kept = _heaviest(sources, tokens, targets, weights, len(finals))
        kept = kept[useful[sources[kept]] & useful[targets[kept]]]
        return Automaton(
            number[sources[kept]],
            tokens[kept],
            number[targets[kept]],
            weights[kept],
            outputs[kept],
            finals[useful],
        )


def _heaviest(
    sources: np.ndarray, tokens: np.ndarray, targets: np.ndarray, weights: np.ndarray, size: int
) -> Int[np.ndarray, " K"]:
    """Of arcs with the same source, token and target, the one of the greatest weight."""
    order = np.argsort(-weights, kind="stable")
    keys = ((sources * (tokens.max(initial=0) + 1) + tokens) * size + targets)[order]
    _, at = np.unique(keys, return_index=True)
    return np.sort(order[at])


def _reached(begin: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The states that are reached from some along arcs."""
    order = np.argsort(sources, kind="stable")
    bounds = np.searchsorted(sources[order], np.arange(len(begin) + 1))
    found, ends = begin.copy(), targets[order]
    front = np.flatnonzero(begin)
    while len(front):
        following = [ends[bounds[state] : bounds[state + 1]] for state in front.tolist()]
        new = np.unique(np.concatenate(following))
        front = new[~found[new]]
        found[front] = True
    return found


def too_large(num_arcs: int) -> DataError:
    """The error of a graph with so many arcs, or more."""
    return DataError(
        f"the graph of what may be said has {num_arcs:,} arcs or more, where {MAX_ARCS:,} are the most. Take fewer "
        "sentences, slots in their place, an n-gram of a lower order, or fewer words."
    )
