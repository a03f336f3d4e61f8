"""Greedy decoding of connectionist temporal classification (Graves et al. 2006), in plain Python and NumPy.

The greedy path takes the likeliest token of every frame. It is the best of all paths, so it is also the best path of
its own transcript: the frames it names are that transcript's forced alignment, and times come with it at no cost.
`ctc` does the same to tensors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.decoding.paths import Path
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

    @property
    def best(self) -> Path:
        """The same as `path`."""
        return self.path

    @property
    def started(self) -> int | None:
        """The first frame with a token."""
        return self.path.starts[0] if self.path.tokens else None

    @property
    def last_token(self) -> int:
        """The last token."""
        return self.path.tokens[-1] if self.path.tokens else BLANK_ID

    def extended(self, ids: Sequence[int], probs: Sequence[float], model: object = "") -> "GreedyState":
        """The state after these frames, each with its likeliest token and that token's probability.

        Raises:
            RunError: a probability is NaN, of which the message names the model.
        """
        if any(map(math.isnan, probs)):  # weights that are finite can give it too
            raise RunError(f"{model}: {DIVERGED}" if model else DIVERGED)
        path = self.path
        tokens, starts, ends, token_probs = list(path.tokens), list(path.starts), list(path.ends), list(path.probs)
        blank_prob, num_blanks, last_id = path.blank_prob, self.num_blanks, self.last_id
        for frame, (token, prob) in enumerate(zip(ids, probs, strict=True), start=self.num_frames):
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
        return GreedyState(extended, self.num_frames + len(ids), num_blanks, last_id)

    def finished(self) -> tuple[Path, "GreedyState"]:
        """The path of the open utterance, and the state of the next: a token across the cut is not repeated."""
        return self.path, GreedyState(NO_TOKENS, self.num_frames, self.num_blanks, self.last_id)


class ArrayGreedy:
    """As `ctc.Greedy`, of NumPy arrays.

    Args:
        model: what computes the log-probabilities, for the message that it computes none.
    """

    def __init__(self, model: object = "") -> None:
        self.model = model

    def decode(self, log_probs: Float[np.ndarray, "B U V"], lengths: Int[np.ndarray, " B"]) -> list[Path]:
        """The path of each utterance; frames past `lengths` are not looked at.

        Raises:
            RunError: a log-probability is NaN.
        """
        return [
            self.step(frames[:length], None).path for frames, length in zip(log_probs, lengths.tolist(), strict=True)
        ]

    def step(self, log_probs: Float[np.ndarray, "u V"], state: GreedyState | None) -> GreedyState:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        ids, probs = log_probs.argmax(axis=-1), np.exp(log_probs.max(axis=-1))
        return (state or GreedyState()).extended(ids.tolist(), probs.tolist(), self.model)

    def finish(self, state: GreedyState) -> tuple[Path, GreedyState]:
        """The path of the open utterance, and the state of the next."""
        return state.finished()
