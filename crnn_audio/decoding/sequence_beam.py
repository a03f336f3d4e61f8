"""Beam search of a decoder that writes token by token: batched, with scores that do not favour short hypotheses.

A hypothesis ends with the token 0, where the end is among the best continuations of all. Its score is its
log-probability over a length penalty, and a coverage penalty for frames of the source that it hardly looked at (Wu et
al. 2016). A search ends when no unfinished one can overtake the best finished ones, and at the latest after
`max_lengths` tokens, where the end is forced: never in an endless loop. The decoder steps only with hypotheses that may
still win.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

END, UNKNOWN_ID = 0, 1


@runtime_checkable
class Selectable(Protocol):
    """The state of a decoder, a row a hypothesis."""

    @property
    def coverage(self) -> Float[Tensor, "N U"]:
        """The sum of the weights of each frame of the source."""

    @property
    def lengths(self) -> Int[Tensor, " N"]:
        """Frames of the source."""

    def select(self, rows: Int[Tensor, " M"]) -> Self:
        """The states of these rows."""


S = TypeVar("S", bound=Selectable)
Step = Callable[[Int[Tensor, " N"], S], tuple[Float[Tensor, "N V"], S]]
"""Tokens that were written last, 0 before the first, and the state to log-probabilities of the next ones."""


@dataclass(frozen=True)
class SearchOptions:
    """How a sequence is searched for.

    Args:
        beam: hypotheses that are kept side by side; 1 is greedy.
        nbest: hypotheses that are returned, at most `beam`.
        length_penalty: alpha of ((5 + length) / 6) ** alpha, the end counted; 0 compares log-probabilities as they are.
        coverage_penalty: beta of the sum over frames of log(min(their weights summed, 1)); 0 for none.
        threshold: nats that an unfinished hypothesis may be behind the best one where one is asked for (Freitag and
            Al-Onaizan 2017).
    """

    beam: int = 1
    nbest: int = 1
    length_penalty: float = 0.6
    coverage_penalty: float = 0.0
    threshold: float = math.inf

    def __post_init__(self) -> None:
        if self.beam < 1 or not 1 <= self.nbest <= self.beam:
            raise ValueError(f"beam must be 1 or more, and nbest from 1 to beam (found {self.beam} and {self.nbest})")
        if min(self.length_penalty, self.coverage_penalty, self.threshold) < 0:
            raise ValueError("length_penalty, coverage_penalty and threshold must be 0 or more")


@dataclass(frozen=True)
class Candidate:
    """A finished hypothesis: its tokens without the end, their log-probability with it, and the score of both."""

    tokens: tuple[int, ...]
    log_prob: float
    score: float


@torch.inference_mode()
def search(step: Step[S], state: S, max_lengths: Int[Tensor, " B"], options: SearchOptions) -> list[list[Candidate]]:
    """The best hypotheses of each row of `state`, the best first: `nbest`, or as many as there are."""
    rows, device = len(max_lengths), max_lengths.device
    live, done = _Live.begin(rows, options.beam, device), _Done.begin(rows, options.beam, device)
    for length in range(1, int(max_lengths.max()) + 2):
        log_probs, state = step(live.last[live.active], state)
        total = log_probs.new_full((rows, options.beam, log_probs.shape[1]), -torch.inf, dtype=torch.float64)
        total[live.active] = live.log_probs[live.active].unsqueeze(-1) + log_probs.double()
        total[..., UNKNOWN_ID] = -torch.inf
        total[..., 1:][length > max_lengths] = -torch.inf
        worst = total.reshape(rows, -1).topk(options.beam, dim=1).values[:, -1:]
        ends = total[..., END].masked_fill(total[..., END] < worst, -torch.inf)
        done.add(live, ends, length, _coverage(state, live.active, options), options)
        total[..., END] = -torch.inf
        places = live.active.reshape(-1).cumsum(0) - 1  # of each hypothesis's state
        live, parents = live.extended(total)
        live.log_probs[done.beats(live, max_lengths, options)] = -torch.inf
        if not live.active.any():
            break
        state = state.select(places[parents[live.active]])
    return done.candidates(options.nbest)


def _coverage(state: Selectable, active: Bool[Tensor, "B K"], options: SearchOptions) -> Float[Tensor, "B K"]:
    """The coverage penalty of each hypothesis, 0 or below."""
    found = torch.zeros(active.shape, dtype=torch.float64, device=active.device)
    if options.coverage_penalty:
        inside = torch.arange(state.coverage.shape[1], device=active.device) < state.lengths.unsqueeze(1)
        logs = state.coverage.double().clamp(min=1e-9, max=1.0).log().where(inside, 0.0)
        found[active] = options.coverage_penalty * logs.sum(dim=1)
    return found


def _penalty(length: Tensor | int, options: SearchOptions) -> Tensor | float:
    return ((5.0 + length) / 6.0) ** options.length_penalty


@dataclass
class _Live:
    """Unfinished hypotheses of each row: their tokens and log-probabilities, -inf where there is none."""

    tokens: Int[Tensor, "B K L"]
    log_probs: Float[Tensor, "B K"]

    @classmethod
    def begin(cls, rows: int, beam: int, device: torch.device) -> "_Live":
        log_probs = torch.full((rows, beam), -torch.inf, dtype=torch.float64, device=device)
        log_probs[:, 0] = 0.0
        return cls(torch.zeros(rows, beam, 0, dtype=torch.long, device=device), log_probs)

    @property
    def active(self) -> Bool[Tensor, "B K"]:
        return self.log_probs > -torch.inf

    @property
    def last(self) -> Int[Tensor, "B K"]:
        return self.tokens[..., -1] if self.tokens.shape[2] else self.tokens.new_zeros(self.tokens.shape[:2])

    def extended(self, total: Float[Tensor, "B K V"]) -> "tuple[_Live, Int[Tensor, 'B K']]":
        """The best continuations, and the number of the hypothesis that each comes from."""
        rows, beam, num_tokens = total.shape
        log_probs, places = total.reshape(rows, -1).topk(beam, dim=1)
        parents, tokens = places // num_tokens, places % num_tokens
        kept = self.tokens.gather(1, parents.unsqueeze(-1).expand(-1, -1, self.tokens.shape[2]))
        offsets = torch.arange(rows, device=total.device).unsqueeze(1) * beam
        return _Live(torch.cat([kept, tokens.unsqueeze(-1)], dim=2), log_probs), parents + offsets


@dataclass
class _Done:
    """The best finished hypotheses of each row, the best first; a score of -inf where there is none yet."""

    scores: Float[Tensor, "B K"]
    log_probs: Float[Tensor, "B K"]
    lengths: Int[Tensor, "B K"]
    tokens: Int[Tensor, "B K L"]

    @classmethod
    def begin(cls, rows: int, beam: int, device: torch.device) -> "_Done":
        nothing = torch.full((rows, beam), -torch.inf, dtype=torch.float64, device=device)
        lengths = torch.zeros(rows, beam, dtype=torch.long, device=device)
        return cls(nothing, nothing, lengths, torch.zeros(rows, beam, 0, dtype=torch.long, device=device))

    def add(
        self, live: _Live, log_probs: Float[Tensor, "B K"], length: int, coverage: Tensor, options: SearchOptions
    ) -> None:
        """Takes the hypotheses that end here, where they are among the best."""
        scores = torch.cat([self.scores, log_probs / _penalty(length, options) + coverage], dim=1)
        beam = self.scores.shape[1]
        self.scores, places = scores.topk(beam, dim=1)
        self.log_probs = torch.cat([self.log_probs, log_probs], dim=1).gather(1, places)
        ends = torch.full_like(self.lengths, length - 1)
        self.lengths = torch.cat([self.lengths, ends], dim=1).gather(1, places)
        widened = torch.nn.functional.pad(self.tokens, (0, live.tokens.shape[2] - self.tokens.shape[2]))
        both = torch.cat([widened, live.tokens], dim=1)
        self.tokens = both.gather(1, places.unsqueeze(-1).expand(-1, -1, both.shape[2]))

    def beats(self, live: _Live, max_lengths: Int[Tensor, " B"], options: SearchOptions) -> Bool[Tensor, "B K"]:
        """What cannot come among the `nbest` any more, since going on costs nothing at best, or is too far behind.

        A greedy search has one end. That a wider beam is full of finished hypotheses says nothing: the end of each
        beginning may be among them.
        """
        greedy = (self.scores[:, :1] > -torch.inf) & (options.beam == 1)
        best = live.log_probs / _penalty(max_lengths.double() + 1, options).unsqueeze(1)  # type: ignore[union-attr]
        allowed = options.threshold if options.nbest == 1 else math.inf
        behind = live.log_probs < live.log_probs[:, :1] - allowed
        return greedy | (self.scores[:, options.nbest - 1 : options.nbest] >= best) | behind

    def candidates(self, nbest: int) -> list[list[Candidate]]:
        found = []
        for scores, log_probs, lengths, tokens in zip(
            self.scores.tolist(), self.log_probs.tolist(), self.lengths.tolist(), self.tokens.tolist(), strict=True
        ):
            kept = [place for place in range(min(nbest, len(scores))) if scores[place] > -torch.inf]
            found.append([Candidate(tuple(tokens[k][: lengths[k]]), log_probs[k], scores[k]) for k in kept])
        return found
