"""Connectionist temporal classification (Graves et al. 2006): what a target needs, and the greedy path.

The greedy path takes the likeliest token of every frame. It is the best of all paths, so it is also the best path of
its own transcript: the frames it names are that transcript's forced alignment, and times come with it at no cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor

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
    """The likeliest token of each frame, repeats merged, blanks dropped; frames past `lengths` are not looked at."""
    best, ids = log_probs.max(dim=-1)
    frame_probs, frame_ids = best.exp().tolist(), ids.tolist()
    return [
        _collapse(frame_ids[item][:length], frame_probs[item][:length]) for item, length in enumerate(lengths.tolist())
    ]


def _collapse(ids: list[int], probs: list[float]) -> Path:
    tokens: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    peaks: list[float] = []
    blank_prob, previous = 1.0, BLANK_ID
    for frame, (token, prob) in enumerate(zip(ids, probs, strict=True)):
        if token == BLANK_ID:
            blank_prob = min(blank_prob, prob)
        elif token == previous:
            ends[-1], peaks[-1] = frame + 1, max(peaks[-1], prob)
        else:
            tokens.append(token)
            starts.append(frame)
            ends.append(frame + 1)
            peaks.append(prob)
        previous = token
    return Path(tuple(tokens), tuple(starts), tuple(ends), tuple(peaks), blank_prob)
