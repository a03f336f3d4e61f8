"""What an automaton allows, for a beam: so that a grammar has several likely sentences.

The states that a token sequence may have led to are one state here, found when it is first needed (subset
construction), each with how much less it weighs than the best of them.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.beam.ngrams import IMPOSSIBLE
from crnn_audio.decoding.graph.automaton import Automaton

Subset = tuple[tuple[int, float], ...]
"""States, each with its weight less that of the best."""


class AutomatonScorer:
    """Scores of token sequences that an automaton reads; all others are impossible."""

    def __init__(self, automaton: Automaton) -> None:
        self.finals = automaton.finals.tolist()
        self.leaving: dict[tuple[int, int], list[tuple[int, float]]] = {}
        columns = (automaton.sources, automaton.tokens, automaton.targets, automaton.weights)
        for source, token, target, weight in zip(*(one.tolist() for one in columns), strict=True):
            self.leaving.setdefault((source, token), []).append((target, weight))
        start: Subset = ((0, 0.0),)
        self.subsets: list[Subset] = [start, ()]
        self.number: dict[Subset, int] = {start: 0, (): 1}
        self.steps: dict[tuple[int, int], tuple[float, int]] = {}

    def start(self) -> Int[Tensor, " 1"]:
        """The start of the automaton."""
        return torch.zeros(1, dtype=torch.long)

    def extend(
        self, states: Int[Tensor, "N 1"], tokens: Int[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K 1"]]:
        """What the best arcs weigh."""
        rows = zip(states[:, 0].tolist(), tokens.tolist(), strict=True)
        found = [[self._step(state, token) for token in listed] for state, listed in rows]
        scores = [[score for score, _ in row] for row in found]
        after = [[[state] for _, state in row] for row in found]
        return torch.tensor(scores, dtype=torch.float64).to(tokens.device), torch.tensor(after).to(tokens.device)

    def _step(self, state: int, token: int) -> tuple[float, int]:
        if (state, token) not in self.steps:
            self.steps[state, token] = self._found(state, token)
        return self.steps[state, token]

    def _found(self, state: int, token: int) -> tuple[float, int]:
        reached: dict[int, float] = {}
        for source, given in self.subsets[state]:
            for target, weight in self.leaving.get((source, token), ()):
                reached[target] = max(reached.get(target, given + weight), given + weight)
        if not reached:
            return IMPOSSIBLE, 1
        best = max(reached.values())
        subset = tuple(sorted((target, weight - best) for target, weight in reached.items()))
        if subset not in self.number:
            self.number[subset] = len(self.subsets)
            self.subsets.append(subset)
        return best, self.number[subset]

    def end(self, states: Int[Tensor, "N 1"]) -> Float[Tensor, " N"]:
        """The weight of ending."""
        endings = [
            max((given + self.finals[one] for one, given in self.subsets[state]), default=IMPOSSIBLE)
            for state in states[:, 0].tolist()
        ]
        return torch.tensor(endings, dtype=torch.float64).clamp(min=IMPOSSIBLE).to(states.device)
