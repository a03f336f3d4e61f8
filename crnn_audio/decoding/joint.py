"""Joint search: an attention decoder's hypotheses, also scored by CTC (Watanabe et al. 2017, hybrid CTC/attention).

The CTC score of a hypothesis that goes on is its prefix probability: that of all texts that begin with it, summed over
their paths (Graves 2008). What a token adds to it is added, weighted, to the decoder's log-probability of the token.
"""

from dataclasses import dataclass, replace
from typing import Generic

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.sequence_beam import END, S, Step
from crnn_audio.lengths import mask


@dataclass(frozen=True)
class Prefixes:
    """Hypotheses as CTC sees them, a row each, in log-probabilities of float64.

    `nonblank` and `blank` are those of all paths of the first u + 1 frames that give the hypothesis and end with its
    last token, or a blank. `last` is that token, 0 before the first; `score` is the prefix's.
    """

    log_probs: Float[Tensor, "N U V"]
    lengths: Int[Tensor, " N"]
    nonblank: Float[Tensor, "N U"]
    blank: Float[Tensor, "N U"]
    last: Int[Tensor, " N"]
    score: Float[Tensor, " N"]

    @classmethod
    def begin(cls, log_probs: Float[Tensor, "N U V"], lengths: Int[Tensor, " N"]) -> "Prefixes":
        """The empty hypothesis of each row."""
        exact = log_probs.double()
        blank = exact[..., END].cumsum(dim=1)
        score = exact.new_zeros(len(exact))
        return cls(exact, lengths, torch.full_like(blank, -torch.inf), blank, torch.zeros_like(lengths), score)

    def scores(self) -> Float[Tensor, "N V"]:
        """The prefix score of each hypothesis with each token after it; of the end that of the whole hypothesis."""
        either = torch.logaddexp(self.nonblank, self.blank)
        inside = mask(self.lengths, self.blank.shape[1]).unsqueeze(2)
        emitted = self.log_probs.masked_fill(~inside, -torch.inf)
        found = (self._before(either).unsqueeze(2) + emitted).logsumexp(dim=1)
        last = self.last.unsqueeze(1)
        again = self._before(self.blank) + emitted.gather(2, last.unsqueeze(1).expand(-1, emitted.shape[1], 1))[..., 0]
        found = torch.where(last > 0, found.scatter(1, last, again.logsumexp(dim=1, keepdim=True)), found)
        ends = either.gather(1, (self.lengths - 1).clamp(min=0).unsqueeze(1))
        return torch.cat([ends, found[:, 1:]], dim=1)

    def extended(self, tokens: Int[Tensor, " N"]) -> "Prefixes":
        """The hypotheses with a token after each."""
        score = self.scores().gather(1, tokens.unsqueeze(1)).squeeze(1)
        before = torch.where((tokens == self.last).unsqueeze(1), self.blank, torch.logaddexp(self.nonblank, self.blank))
        emitted = self.log_probs.gather(2, tokens.reshape(-1, 1, 1).expand(-1, self.log_probs.shape[1], 1))[..., 0]
        nonblank = _accumulated(self._before(before), emitted)
        shifted = torch.nn.functional.pad(nonblank, (1, 0), value=-torch.inf)[:, :-1]
        return replace(
            self, nonblank=nonblank, blank=_accumulated(shifted, self.log_probs[..., END]), last=tokens, score=score
        )

    def select(self, rows: Int[Tensor, " M"]) -> "Prefixes":
        """Those of these rows."""
        return Prefixes(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def _before(self, forward: Float[Tensor, "N U"]) -> Float[Tensor, "N U"]:
        """The same of the frame before; before the first frame nothing has been emitted, which is certain."""
        moved = torch.nn.functional.pad(forward, (1, 0), value=-torch.inf)[:, :-1].clone()
        moved[:, :1] = torch.where(self.last.unsqueeze(1) > 0, -torch.inf, 0.0)
        return moved


def _accumulated(arriving: Float[Tensor, "N U"], emitted: Float[Tensor, "N U"]) -> Float[Tensor, "N U"]:
    """r with r[u] = log(exp(r[u - 1]) + exp(arriving[u])) + emitted[u], for all u at once."""
    along = emitted.cumsum(dim=1)
    return along + (arriving - (along - emitted)).logcumsumexp(dim=1)


@dataclass(frozen=True)
class JointState(Generic[S]):
    """A decoder's state and the same hypotheses as CTC sees them, before the decoder's last token."""

    decoder: S
    prefixes: Prefixes
    begun: bool = False

    @property
    def coverage(self) -> Float[Tensor, "N U"]:
        """The decoder's."""
        return self.decoder.coverage

    @property
    def lengths(self) -> Int[Tensor, " N"]:
        """The decoder's."""
        return self.decoder.lengths

    def select(self, rows: Int[Tensor, " M"]) -> "JointState[S]":
        """The states of these rows."""
        return replace(self, decoder=self.decoder.select(rows), prefixes=self.prefixes.select(rows))


def joint(step: Step[S], weight: float) -> Step[JointState[S]]:
    """A decoder's step whose log-probabilities are `1 - weight` the decoder's own, and `weight` those of CTC."""

    def both(tokens: Int[Tensor, " N"], state: JointState[S]) -> tuple[Float[Tensor, "N V"], JointState[S]]:
        log_probs, decoder = step(tokens, state.decoder)
        prefixes = state.prefixes.extended(tokens) if state.begun else state.prefixes
        gained = (prefixes.scores() - prefixes.score.unsqueeze(1)).nan_to_num(nan=-torch.inf, neginf=-torch.inf)
        found = (1 - weight) * log_probs.double() + (weight * gained if weight else 0.0)
        return found, JointState(decoder, prefixes, begun=True)

    return both
