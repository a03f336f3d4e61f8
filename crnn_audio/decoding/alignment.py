"""Forced alignment: the best path of tokens that are known, by Viterbi over their CTC states.

The states of a transcript stand in a row, a blank before and after each token, so that a frame is a comparison of the
row with itself shifted by one and by two (Graves et al. 2006; Kürzinger et al. 2020). Only states are computed that can
be reached from the first frame and can reach the last one.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.decoding.greedy import BLANK_ID, NO_TOKENS
from crnn_audio.decoding.paths import Path

CELLS = 2**27
"""States of frames whose predecessors are kept at once: a byte of memory each."""


def aligned(
    log_probs: Float[np.ndarray, "B U V"], lengths: Sequence[int], tokens: Sequence[Sequence[int]]
) -> list[Path]:
    """The frames of each utterance's tokens.

    Raises:
        ValueError: an utterance has too few frames for its tokens.
    """
    rows = zip(log_probs, lengths, tokens, strict=True)
    return [aligned_one(frames[:length], transcript) for frames, length, transcript in rows]


def aligned_one(log_probs: Float[np.ndarray, "U V"], tokens: Sequence[int], cells: int = CELLS) -> Path:
    """The frames of the tokens of a recording of any length.

    Where the predecessors of all states do not fit into `cells`, the scores before each of several parts of the
    recording are kept instead, and the parts are computed once more from the last one to the first.

    Raises:
        ValueError: there are too few frames for the tokens.
    """
    too_few = ValueError(f"{len(tokens)} tokens do not fit into {len(log_probs)} frames")
    if not len(log_probs):
        if tokens:
            raise too_few
        return NO_TOKENS
    lattice = _Lattice(tokens, len(log_probs))
    size = max(cells // lattice.num_states, 1)
    begins = range(0, len(log_probs), size)
    before = [lattice.start()]
    for begin in begins[:-1]:
        before.append(lattice.through(log_probs, begin, begin + size, before[-1]))
    trace, state = np.empty(len(log_probs), dtype=np.int64), -1
    for begin in reversed(begins):
        end = min(begin + size, len(log_probs))
        steps = np.zeros((end - begin, lattice.num_states), dtype=np.int8)
        scores = lattice.through(log_probs, begin, end, before.pop(), steps)
        state = lattice.end(scores) if state < 0 else state
        if state < 0:
            raise too_few
        for frame in range(end - 1, begin - 1, -1):
            trace[frame] = state
            state -= int(steps[frame - begin, state])
    return path_of(trace, tokens, log_probs, 0)


class _Lattice:
    """The states of a transcript, and what may follow what."""

    def __init__(self, tokens: Sequence[int], num_frames: int) -> None:
        self.num_states, self.num_frames = 2 * len(tokens) + 1, num_frames
        self.labels = np.full(self.num_states, BLANK_ID)
        self.labels[1::2] = tokens
        self.skipping = np.full(self.num_states, -np.inf)
        """0 for tokens that may follow the one before at once, without a blank between them."""
        self.skipping[3::2][self.labels[3::2] != self.labels[1:-2:2]] = 0.0

    def start(self) -> Float[np.ndarray, " S"]:
        """Scores before the first frame, which is in one of the first two states."""
        scores = np.full(self.num_states, -np.inf)
        scores[0] = 0.0
        return scores

    def end(self, scores: Float[np.ndarray, " S"]) -> int:
        """The likelier one of the states in which the last frame may be; -1 if it cannot be in any."""
        ends = [state for state in (self.num_states - 1, self.num_states - 2) if state >= 0]
        best = max(ends, key=lambda state: scores[state])
        return best if scores[best] > -math.inf else -1

    def through(
        self,
        log_probs: Float[np.ndarray, "U V"],
        begin: int,
        end: int,
        scores: Float[np.ndarray, " S"],
        steps: Int[np.ndarray, "T S"] | None = None,
    ) -> Float[np.ndarray, " S"]:
        """The scores after the frames from `begin` to `end`; `steps` gets from how many states back each comes."""
        one, other = (np.full(self.num_states + 2, -np.inf) for _ in range(2))  # two more, which are never reached
        one[2:] = scores
        for frame in range(begin, end):
            low = max(self.num_states - 2 * (self.num_frames - frame), 0)
            high = min(2 * (frame + 1), self.num_states)
            if low >= high:
                continue
            stay, step, skip = one[low + 2 : high + 2], one[low + 1 : high + 1], one[low:high] + self.skipping[low:high]
            best = np.maximum(stay, step, out=other[low + 2 : high + 2])
            if steps is not None:
                row = steps[frame - begin, low:high]
                np.greater(step, stay, out=row.view(bool))
                np.maximum(row, 2 * (skip > best), out=row, casting="unsafe")
            np.maximum(best, skip, out=best)
            best += log_probs[frame].take(self.labels[low:high])
            one, other = other, one
        return one[2:]


def path_of(
    trace: Int[np.ndarray, " T"], tokens: Sequence[int], log_probs: Float[np.ndarray, "U V"], offset: int
) -> Path:
    """The path of a trace of states, one a frame, the first of which is `offset`."""
    labels = np.where(trace % 2 == 1, np.asarray([*tokens, BLANK_ID])[trace // 2], BLANK_ID)
    probs = np.exp(log_probs[np.arange(len(trace)), labels])
    starts, ends, peaks = list[int](), list[int](), list[float]()
    before = -1
    for frame, (state, prob) in enumerate(zip(trace.tolist(), probs.tolist(), strict=True), start=offset):
        if state % 2 == 0:
            pass
        elif state == before:
            ends[-1], peaks[-1] = frame + 1, max(peaks[-1], prob)
        else:
            starts.append(frame)
            ends.append(frame + 1)
            peaks.append(prob)
        before = state
    blank_prob = float(probs[labels == BLANK_ID].min(initial=1.0))
    return Path(tuple(tokens), tuple(starts), tuple(ends), tuple(peaks), blank_prob)
