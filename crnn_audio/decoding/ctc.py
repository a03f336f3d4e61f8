"""Connectionist temporal classification (Graves et al. 2006): what a target needs, and greedy decoding.

The greedy path takes the likeliest token of every frame. It is the best of all paths, so it is also the best path of
its own transcript: the frames it names are that transcript's forced alignment, and times come with it at no cost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.decoder import Path
from crnn_audio.errors import DIVERGED, RunError

BLANK_ID = 0
NO_TOKENS = Path((), (), (), (), 1.0)


def needed_frames(tokens: Sequence[int]) -> int:
    """The fewest frames that can carry these tokens: one each, and a blank between two that are the same."""
    return len(tokens) + sum(one == next_one for one, next_one in pairwise(tokens))


@dataclass(frozen=True)
class GreedyState:
    """A greedy path so far; `last_id` is the token or blank of the last frame, from an earlier utterance too."""

    path: Path = NO_TOKENS
    num_frames: int = 0
    num_blanks: int = 0
    last_id: int = BLANK_ID


class Greedy:
    """The likeliest token of each frame, repeats merged, blanks dropped; all of its output is stable at once.

    Args:
        model: what computes the log-probabilities, for the message that it computes none.
    """

    def __init__(self, model: object = "") -> None:
        self.model = model

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; frames past `lengths` are not looked at.

        Raises:
            RunError: a log-probability is NaN.
        """
        best, ids = log_probs.max(dim=-1)
        frame_probs, frame_ids = best.exp().tolist(), ids.tolist()
        return [
            self._extended(GreedyState(), frame_ids[item][:length], frame_probs[item][:length]).path
            for item, length in enumerate(lengths.tolist())
        ]

    def step(self, log_probs: Float[Tensor, "u V"], state: GreedyState | None) -> GreedyState:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        best, ids = log_probs.max(dim=-1)
        return self._extended(state or GreedyState(), ids.tolist(), best.exp().tolist())

    def finish(self, state: GreedyState) -> tuple[Path, GreedyState]:
        """The path of the open utterance, and the state of the next: a token across the cut is not repeated."""
        return state.path, GreedyState(NO_TOKENS, state.num_frames, state.num_blanks, state.last_id)

    def _extended(self, state: GreedyState, ids: Sequence[int], probs: Sequence[float]) -> GreedyState:
        if any(map(math.isnan, probs)):  # weights that are finite can give it too
            raise RunError(f"{self.model}: {DIVERGED}" if self.model else DIVERGED)
        return _extended(state, ids, probs)


def _extended(state: GreedyState, ids: Sequence[int], probs: Sequence[float]) -> GreedyState:
    """The state after these frames, each with its likeliest token and that token's probability."""
    path = state.path
    tokens, starts, ends, token_probs = list(path.tokens), list(path.starts), list(path.ends), list(path.probs)
    blank_prob, num_blanks, last_id = path.blank_prob, state.num_blanks, state.last_id
    for frame, (token, prob) in enumerate(zip(ids, probs, strict=True), start=state.num_frames):
        num_blanks = num_blanks + 1 if token == BLANK_ID else 0
        if token == BLANK_ID:
            blank_prob = min(blank_prob, prob)
        elif token != last_id:
            tokens.append(token)
            starts.append(frame)
            ends.append(frame + 1)
            token_probs.append(prob)
        elif tokens:  # else its utterance was finished before
            ends[-1], token_probs[-1] = frame + 1, max(token_probs[-1], prob)
        last_id = token
    extended = Path(tuple(tokens), tuple(starts), tuple(ends), tuple(token_probs), blank_prob)
    return GreedyState(extended, state.num_frames + len(ids), num_blanks, last_id)
