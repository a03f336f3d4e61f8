"""Beam search against all sequences that there are, against greedy search, and within its bound."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.decoding.sequence_beam import Candidate, SearchOptions, search

NUM_TOKENS, LONGEST = 5, 3


@dataclass(frozen=True)
class Prefix:
    """A decoder's state that is what was written until now; the sources are numbers."""

    source: Tensor
    written: Tensor
    coverage: Tensor
    lengths: Tensor

    def select(self, rows: Tensor) -> "Prefix":
        return Prefix(self.source[rows], self.written[rows], self.coverage[rows], self.lengths[rows])


def start(count: int) -> Prefix:
    ones = torch.ones(count, dtype=torch.long)
    return Prefix(torch.arange(count), torch.zeros(count, 0, dtype=torch.long), torch.zeros(count, 4), 4 * ones)


def of_prefix(source: int, written: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities that are another for each source and each prefix."""
    logits = np.random.default_rng([source, len(written), *written]).normal(0, 2, NUM_TOKENS)
    return logits - np.logaddexp.reduce(logits)


def weights(source: int, written: tuple[int, ...]) -> np.ndarray:
    """Where the decoder looks for the token after a prefix."""
    found = np.random.default_rng([9, source, *written]).random(4)
    return found / found.sum()


def step(tokens: Tensor, state: Prefix) -> tuple[Tensor, Prefix]:
    written = state.written
    if not bool((tokens == 0).all()):
        written = torch.cat([written, tokens.unsqueeze(1)], dim=1)
    keys = [(int(source), tuple(row)) for source, row in zip(state.source, written.tolist(), strict=True)]
    log_probs = torch.from_numpy(np.stack([of_prefix(*key) for key in keys]))
    looked = torch.from_numpy(np.stack([weights(*key) for key in keys]))
    return log_probs, Prefix(state.source, written, state.coverage + looked, state.lengths)


def brute_force(source: int, alpha: float, beta: float) -> list[tuple[float, tuple[int, ...], float]]:
    """Every sequence of tokens but the end and the unknown one, with its end, the best first."""
    found = []
    for length in range(LONGEST + 1):
        for tokens in itertools.product(range(2, NUM_TOKENS), repeat=length):
            whole = (*tokens, 0)
            log_prob = sum(of_prefix(source, whole[:place])[token] for place, token in enumerate(whole))
            seen = sum(weights(source, whole[:place]) for place in range(len(whole)))
            score = log_prob / ((5 + length + 1) / 6) ** alpha + beta * np.log(np.minimum(seen, 1)).sum()
            found.append((score, tokens, log_prob))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_a_beam_that_holds_all_hypotheses_finds_the_best_of_all(alpha: float, beta: float) -> None:
    every = sum(3**length for length in range(LONGEST + 1))
    options = SearchOptions(every, 5, alpha, beta)
    limits = torch.full((4,), LONGEST)
    for source, found in enumerate(search(step, start(4), limits, options)):
        expected = brute_force(source, alpha, beta)[:5]
        assert [one.tokens for one in found] == [tokens for _, tokens, _ in expected]
        assert [one.score for one in found] == pytest.approx([score for score, _, _ in expected], abs=1e-9)
        assert [one.log_prob for one in found] == pytest.approx([log_prob for *_, log_prob in expected], abs=1e-9)


def greedy(source: int, limit: int) -> tuple[int, ...]:
    written: tuple[int, ...] = ()
    while len(written) < limit:
        likely = of_prefix(source, written)
        likely[1] = -math.inf
        if not likely.argmax():
            break
        written = (*written, int(likely.argmax()))
    return written


def test_a_beam_of_one_is_greedy() -> None:
    count = 60
    found = search(step, start(count), torch.full((count,), 8), SearchOptions())
    assert [one[0].tokens for one in found] == [greedy(source, 8) for source in range(count)]
    assert len({len(one[0].tokens) for one in found}) > 3, "of all lengths, and some cut off"


@pytest.mark.parametrize("beam", [1, 2, 3, 8])
def test_a_source_alone_has_the_same_hypotheses_as_beside_others(beam: int) -> None:
    limits = torch.tensor([2, 7, 0, 5])
    options = SearchOptions(beam, beam)
    together = search(step, start(4), limits, options)
    for source in range(4):
        state = start(4).select(torch.tensor([source]))
        assert search(step, state, limits[source : source + 1], options)[0] == together[source]
        assert all(len(one.tokens) <= limits[source] for one in together[source])


def test_it_ends_though_the_model_never_ends() -> None:
    def endless(tokens: Tensor, state: Prefix) -> tuple[Tensor, Prefix]:
        log_probs = torch.full((len(tokens), NUM_TOKENS), -40.0, dtype=torch.float64)
        log_probs[:, 2] = 0.0
        return log_probs, state

    ((found,),) = search(endless, start(1), torch.tensor([6]), SearchOptions())
    assert found == Candidate((2,) * 6, -40.0, -40.0 / 2**0.6)


@pytest.mark.parametrize(("beam", "nbest", "length"), [(0, 1, 1.0), (2, 3, 1.0), (2, 0, 1.0), (1, 1, -1.0)])
def test_options_that_make_no_sense_are_errors(beam: int, nbest: int, length: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        SearchOptions(beam, nbest, length)


def test_hypotheses_far_behind_are_left_where_one_is_asked_for() -> None:
    """A large threshold changes nothing; alternatives are never left."""
    steps: list[int] = []

    def counting(tokens: Tensor, state: Prefix) -> tuple[Tensor, Prefix]:
        steps.append(len(tokens))
        return step(tokens, state)

    def found(threshold: float, beam: int = 20, nbest: int = 1) -> tuple[list[list[Candidate]], int]:
        steps.clear()
        options = SearchOptions(beam=beam, nbest=nbest, threshold=threshold)
        return search(counting, start(4), torch.full((4,), LONGEST), options), sum(steps)

    whole, all_steps = found(math.inf)
    _, few_steps = found(1e-9)
    assert found(100.0) == (whole, all_steps)
    assert few_steps < all_steps
    assert found(1e-9, nbest=3) == found(math.inf, nbest=3)
