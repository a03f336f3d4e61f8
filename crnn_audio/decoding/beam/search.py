"""The prefix beam of CTC (Graves 2012; Hannun et al. 2014), all utterances of a batch side by side.

A hypothesis is a token sequence, whose score is the sum over all its paths, plus what the scorers add. Those that are
reached in two ways are joined by a hash of their tokens. Only the likeliest tokens of each frame are tried.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.beam.scorers import Sum
from crnn_audio.decoding.greedy import BLANK_ID

MULTIPLIER = 6364136223846793005
NEVER = -1e30


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """The beam of each utterance; where there are fewer hypotheses, scores are `NEVER`.

    Attributes:
        blank, token: the log-probability of all paths that end with a blank, and with the last token.
        added: what scorers gave.
        last: the last token, 0 for none.
        hashes, parents: of the tokens, and of these without the last one.
        states: those of the scorers.
    """

    blank: Float[Tensor, "B W"]
    token: Float[Tensor, "B W"]
    added: Float[Tensor, "B W"]
    last: Int[Tensor, "B W"]
    hashes: Int[Tensor, "B W"]
    parents: Int[Tensor, "B W"]
    states: Int[Tensor, "B W C"]

    @property
    def acoustic(self) -> Float[Tensor, "B W"]:
        """The log-probability of all paths."""
        return torch.logaddexp(self.blank, self.token)

    def totals(self) -> Float[Tensor, "B W"]:
        """The scores that hypotheses are ordered by."""
        return self.acoustic + self.added


def begin(scorer: Sum, batch: int, width: int, device: torch.device) -> Hypotheses:
    """The empty hypothesis, alone."""
    blank = torch.full((batch, width), NEVER, dtype=torch.float64, device=device)
    blank[:, 0] = 0.0
    start = scorer.start().to(device)
    ids = torch.zeros((batch, width), dtype=torch.long, device=device)
    hashes = ids - torch.arange(width, device=device)  # places that are free differ from each other
    return Hypotheses(
        blank,
        torch.full_like(blank, NEVER),
        torch.zeros_like(blank),
        ids,
        hashes,
        ids + 1,
        start.expand(batch, width, -1),
    )


@dataclass(frozen=True, eq=False)
class Step:
    """The beam after a frame; which hypothesis before it each comes from, and the token that it added, or 0."""

    beam: Hypotheses
    sources: Int[Tensor, "B W"]
    tokens: Int[Tensor, "B W"]


def advance(scorer: Sum, beam: Hypotheses, log_probs: Float[Tensor, "B V"], num_tokens: int) -> Step:
    """The beam after one more frame."""
    tokens = log_probs[:, 1:].topk(min(num_tokens, log_probs.shape[1] - 1), dim=1).indices + 1
    total = beam.acoustic
    blank = total + log_probs[:, BLANK_ID : BLANK_ID + 1]
    again = torch.where(beam.last > 0, beam.token + log_probs.gather(1, beam.last), NEVER)
    arriving, reached = _arriving(beam, total, log_probs)
    kept = torch.logaddexp(again, arriving)
    spread = total.unsqueeze(2).expand(-1, -1, tokens.shape[1])
    repeats = beam.last.unsqueeze(2) == tokens.unsqueeze(1)
    longer = torch.where(repeats, beam.blank.unsqueeze(2), spread) + log_probs.gather(1, tokens).unsqueeze(1)
    hashes = beam.hashes.unsqueeze(2) * MULTIPLIER + tokens.unsqueeze(1) + 1
    there = (hashes.unsqueeze(3) == beam.hashes[:, None, None, :]) & reached[:, None, None, :]
    longer = longer.masked_fill(there.any(dim=3), NEVER)
    return _best(scorer, beam, tokens, blank, kept, longer, hashes)


def _arriving(
    beam: Hypotheses, total: Float[Tensor, "B W"], log_probs: Float[Tensor, "B V"]
) -> tuple[Float[Tensor, "B W"], Tensor]:
    """What comes to each hypothesis from the one without its last token, if that is in the beam; and whether it is."""
    same = beam.parents.unsqueeze(2) == beam.hashes.unsqueeze(1)
    same &= (beam.last > 0).unsqueeze(2)
    reached, parent = same.max(dim=2)
    before = torch.where(
        beam.last == beam.last.gather(1, parent), beam.blank.gather(1, parent), total.gather(1, parent)
    )
    return (before + log_probs.gather(1, beam.last)).masked_fill(~reached, NEVER), reached


def _best(
    scorer: Sum,
    beam: Hypotheses,
    tokens: Int[Tensor, "B K"],
    blank: Float[Tensor, "B W"],
    kept: Float[Tensor, "B W"],
    longer: Float[Tensor, "B W K"],
    hashes: Int[Tensor, "B W K"],
) -> Step:
    """The best of hypotheses that stay as they are and of longer ones."""
    batch, width, count = longer.shape
    each = tokens.unsqueeze(1).expand(-1, width, -1)
    gained, states = scorer.extend(beam.states.reshape(batch * width, -1), each.reshape(batch * width, count))
    gained = gained.view(batch, width, count)
    states = states.view(batch, width * count, -1)
    scores = torch.cat(
        [torch.logaddexp(blank, kept) + beam.added, (longer + beam.added.unsqueeze(2) + gained).flatten(1)], dim=1
    )
    chosen = scores.topk(width, dim=1).indices
    extends = chosen >= width
    place = (chosen - width).clamp(min=0)
    sources = torch.where(extends, place // count, chosen)
    added_token = torch.where(extends, each.reshape(batch, -1).gather(1, place), BLANK_ID)
    wide = place.unsqueeze(2).expand(-1, -1, states.shape[2])
    narrow = sources.unsqueeze(2).expand(-1, -1, states.shape[2])
    return Step(
        replace(
            beam,
            blank=blank.gather(1, sources).masked_fill(extends, NEVER),
            token=torch.where(extends, longer.flatten(1).gather(1, place), kept.gather(1, sources)),
            added=beam.added.gather(1, sources) + torch.where(extends, gained.flatten(1).gather(1, place), 0.0),
            last=torch.where(extends, added_token, beam.last.gather(1, sources)),
            hashes=torch.where(extends, hashes.flatten(1).gather(1, place), beam.hashes.gather(1, sources)),
            parents=torch.where(extends, beam.hashes.gather(1, sources), beam.parents.gather(1, sources)),
            states=torch.where(extends.unsqueeze(2), states.gather(1, wide), beam.states.gather(1, narrow)),
        ),
        sources,
        added_token,
    )
