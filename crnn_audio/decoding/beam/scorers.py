"""What a beam asks about each extension of a hypothesis, and sums of several such scores."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Scorer(Protocol):
    """Scores of token sequences, one token after the other; a state is a row of integers."""

    def start(self) -> Int[Tensor, " C"]:
        """The state of what has no token yet."""

    def extend(
        self, states: Int[Tensor, "N C"], tokens: Int[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K C"]]:
        """What each of these tokens adds to the score of each sequence, and the states after them."""

    def end(self, states: Int[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """What is added where a sequence ends."""


class Sum:
    """Several scorers as one; without any, no token has a score."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self.scorers = scorers
        self.sizes = [len(one.start()) for one in scorers]

    def start(self) -> Int[Tensor, " C"]:
        """The states of all, side by side."""
        return torch.cat([torch.zeros(0, dtype=torch.long), *(one.start() for one in self.scorers)])

    def extend(
        self, states: Int[Tensor, "N C"], tokens: Int[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K C"]]:
        """The sum of the scores."""
        total = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
        after = [states.new_zeros(*tokens.shape, 0)]
        for one, part in zip(self.scorers, torch.split(states, self.sizes, dim=1), strict=True):
            scores, following = one.extend(part, tokens)
            total = total + scores
            after.append(following)
        return total, torch.cat(after, dim=2)

    def end(self, states: Int[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """The sum of the scores."""
        total = torch.zeros(len(states), dtype=torch.float64, device=states.device)
        for one, part in zip(self.scorers, torch.split(states, self.sizes, dim=1), strict=True):
            total = total + one.end(part)
        return total
