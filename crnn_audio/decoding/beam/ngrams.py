"""An n-gram model that is looked up in batches: arcs sorted by state and token, back-off for all that miss at once.

As NGPU-LM lays it out (Bataev et al. 2025). A state is the longest history that the model knows; its scores are those
of `NGram`, of which they are natural logarithms.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.text.ngram import START, NGram, find
from crnn_audio.text.ngram_counts import END_ID

IMPOSSIBLE = -1e9
"""The logarithm of what a model never predicts."""
DENSE = 2**22
"""Entries of a table of all states and tokens, up to which one is made."""
UNKNOWN_ID = 0


class NGramTable:
    """The arcs of a model.

    Attributes:
        start: the state at the beginning of a sentence, or of a running text.
    """

    def __init__(self, model: NGram, device: torch.device | None = None) -> None:
        size = self.size = len(model.tokens)
        counts = [1, *(len(grams.keys) for grams in model.grams[:-1])]
        offsets = np.cumsum([0, *counts])  # states by the length of their history
        shorter = _shorter(model, offsets)
        keys, targets = [], []
        for length, grams in enumerate(model.grams):
            histories, _ = np.divmod(grams.keys, size)
            sources = offsets[length] + (histories if length else 0)
            keys.append(sources * size + grams.keys % size)
            known = length + 1 < model.order
            targets.append(offsets[length + 1] + np.arange(len(grams.keys)) if known else shorter[length + 1])
        log_probs = np.maximum(np.concatenate([grams.log_probs for grams in model.grams]), IMPOSSIBLE)
        self.keys = torch.as_tensor(np.concatenate(keys), device=device)
        self.targets = torch.as_tensor(np.concatenate(targets), device=device)
        self.log_probs = torch.as_tensor(log_probs, device=device)
        backoffs = np.concatenate([np.zeros(1), *(grams.backoffs for grams in model.grams[:-1])])
        self.backoffs = torch.as_tensor(backoffs, device=device)
        self.shorter = torch.as_tensor(np.concatenate([np.zeros(1, dtype=np.int64), *shorter[1:-1]]), device=device)
        self.order = model.order
        started = model.marked and model.order > 1
        self.start = int(offsets[1] + model.tokens.index(START)) if started else 0

    @property
    def num_states(self) -> int:
        """Histories that the model knows."""
        return len(self.backoffs)

    def look_up(
        self, states: Int[Tensor, " *N"], tokens: Int[Tensor, " *N"]
    ) -> tuple[Float[Tensor, " *N"], Int[Tensor, " *N"]]:
        """The log-probability of each token (an id of the model) after a state, and the state after it."""
        total = torch.zeros(states.shape, dtype=torch.float64, device=states.device)
        after, open_ = torch.zeros_like(states), torch.ones_like(states, dtype=torch.bool)
        for _ in range(self.order):
            wanted = states * self.size + tokens
            at = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
            hit = open_ & (self.keys[at] == wanted)
            total = total + self.log_probs[at].where(hit, self.backoffs[states].where(open_, 0.0))
            after = self.targets[at].where(hit, after)
            open_ = open_ & ~hit
            states = self.shorter[states]
        return total, after


def _shorter(model: NGram, offsets: Int[np.ndarray, " _"]) -> list[Int[np.ndarray, " _"]]:
    """Of the n-grams of each length, from 0 on, the state of the longest end of each that is a shorter n-gram."""
    size = len(model.tokens)
    found = [np.zeros(1, dtype=np.int64)]
    for length, grams in enumerate(model.grams, 1):
        histories, last = np.divmod(grams.keys, size)
        state = found[length - 1][histories] if length > 1 else np.full(len(last), -1)
        ends = np.zeros(len(last), dtype=np.int64)
        for shorter in range(length - 1, 0, -1):  # the ends of the history of this length, with the last token
            here = (ends == 0) & (state >= offsets[shorter - 1]) & (state < offsets[shorter])
            rows = find(model.grams[shorter - 1].keys, (state - offsets[shorter - 1]) * size + last)
            ends = np.where(here & (rows >= 0), offsets[shorter] + rows, ends)
            unknown = here & (rows < 0)
            flat = np.concatenate(found[:shorter])
            state = np.where(unknown, flat[np.where(unknown, state, 0)], state)
        found.append(ends)
    return found


class TokenNGram:
    """An n-gram model of a recogniser's own tokens.

    Args:
        ids: of each token of the recogniser, its id in the model.
        weight: what log-probabilities are multiplied by.
        score: added for each token.
    """

    def __init__(self, table: NGramTable, ids: Sequence[int], weight: float, score: float, marked: bool) -> None:
        self.table, self.weight, self.score, self.marked = table, weight, score, marked
        self.ids = torch.tensor(ids, device=table.keys.device)
        self.dense: tuple[Tensor, Tensor] | None = None
        if table.num_states * len(ids) <= DENSE:
            states = torch.arange(table.num_states, device=self.ids.device).unsqueeze(1).expand(-1, len(ids))
            self.dense = table.look_up(states, self.ids.expand(table.num_states, -1))

    def start(self) -> Int[Tensor, " 1"]:
        """The beginning of a sentence or text."""
        return torch.tensor([self.table.start])

    def extend(
        self, states: Int[Tensor, "N 1"], tokens: Int[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K 1"]]:
        """Weighted log-probabilities of tokens."""
        if self.dense is not None:
            log_probs, after = self.dense[0][states, tokens], self.dense[1][states, tokens]
        else:
            log_probs, after = self.table.look_up(states.expand_as(tokens), self.ids[tokens])
        return self.weight * log_probs + self.score, after.unsqueeze(2)

    def end(self, states: Int[Tensor, "N 1"]) -> Float[Tensor, " N"]:
        """The weighted log-probability of the end of a sentence; of a running text none."""
        if not self.marked:
            return torch.zeros(len(states), dtype=torch.float64, device=states.device)
        ends = torch.full_like(states[:, 0], END_ID)
        return self.weight * self.table.look_up(states[:, 0], ends)[0]
