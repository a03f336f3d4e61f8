"""Connectionist temporal classification (Graves et al. 2006): what a target needs, and the greedy path.

The greedy path takes the likeliest token of every frame. It is the best of all paths, so it is also the best path of
its own transcript: the frames it names are that transcript's forced alignment, and times come with it at no cost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.errors import DIVERGED, RunError

BLANK_ID = 0


@dataclass(frozen=True)
class Path:
    """A decoded token sequence; token i holds frames `starts[i]` to `ends[i]` (exclusive) with probability `probs[i]`.

    `blank_prob` is the lowest probability among the frames taken as blank (1 if there are none): how sure it is that
    nothing was left out.
    """

    tokens: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    probs: tuple[float, ...]
    blank_prob: float


def needed_frames(tokens: Sequence[int]) -> int:
    """The fewest frames that can carry these tokens: one each, and a blank between two that are the same."""
    return len(tokens) + sum(one == next_one for one, next_one in pairwise(tokens))


def greedy(log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
    """The likeliest token of each frame, repeats merged, blanks dropped; frames past `lengths` are not looked at.

    Raises:
        RunError: a log-probability is NaN.
    """
    best, ids = log_probs.max(dim=-1)
    frame_probs, frame_ids = best.exp().tolist(), ids.tolist()
    paths = []
    for item, length in enumerate(lengths.tolist()):
        decoder = GreedyDecoder()
        decoder.feed(frame_ids[item][:length], frame_probs[item][:length])
        paths.append(decoder.path())
    return paths


class GreedyDecoder:
    """The greedy path of frames that arrive piece by piece; it only ever appends, so what it has said stands."""

    def __init__(self) -> None:
        self.frames = 0
        self.blanks = 0
        self._previous = BLANK_ID
        self._begin()

    def _begin(self) -> None:
        self._tokens: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._probs: list[float] = []
        self._blank_prob = 1.0

    def feed(self, ids: Sequence[int], probs: Sequence[float]) -> None:
        """The likeliest token of each of the next frames, and its probability.

        Raises:
            RunError: a probability is NaN, which weights that are finite can give too.
        """
        for token, prob in zip(ids, probs, strict=True):
            if math.isnan(prob):
                raise RunError(DIVERGED)
            self.blanks = self.blanks + 1 if token == BLANK_ID else 0
            if token == BLANK_ID:
                self._blank_prob = min(self._blank_prob, prob)
            elif token != self._previous:
                self._tokens.append(token)
                self._starts.append(self.frames)
                self._ends.append(self.frames + 1)
                self._probs.append(prob)
            elif self._tokens:  # else it was cut off, and has been said
                self._ends[-1], self._probs[-1] = self.frames + 1, max(self._probs[-1], prob)
            self._previous = token
            self.frames += 1

    @property
    def first_frame(self) -> int | None:
        """Where the first token since the last `cut` began."""
        return self._starts[0] if self._starts else None

    @property
    def last_token(self) -> int | None:
        """The latest token since the last `cut`."""
        return self._tokens[-1] if self._tokens else None

    def path(self) -> Path:
        """What has been decoded since the last `cut`; frames count from the first that was fed."""
        return Path(tuple(self._tokens), tuple(self._starts), tuple(self._ends), tuple(self._probs), self._blank_prob)

    def cut(self) -> Path:
        """The path so far, which is then forgotten; a token that goes on is not said again."""
        path = self.path()
        self._begin()
        return path
