"""Forced alignment: the best path of tokens that are known, by Viterbi over their CTC states, batched.

The states of a transcript stand in a row, a blank before and after each token, so that a frame is a comparison of the
row with itself shifted by one and by two (Graves et al. 2006; Kürzinger et al. 2020).
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.decoding.paths import Path


def aligned(
    log_probs: Float[np.ndarray, "B U V"], lengths: Sequence[int], tokens: Sequence[Sequence[int]]
) -> list[Path]:
    """The frames of each utterance's tokens.

    Raises:
        ValueError: an utterance has too few frames for its tokens.
    """
    states = _states(tokens)
    steps, scores = _steps(log_probs, lengths, states)
    found = []
    for row, (length, transcript) in enumerate(zip(lengths, tokens, strict=True)):
        last = 2 * len(transcript)
        if length == 0 and not transcript:
            found.append(Path((), (), (), (), 1.0))
            continue
        ends = [state for state in (last, last - 1) if state >= 0]
        state = max(ends, key=lambda end: scores[row, end])
        if length == 0 or not scores[row, state] > -math.inf:
            raise ValueError(f"{len(transcript)} tokens do not fit into {length} frames")
        trace = np.empty(length, dtype=np.int64)
        for frame in range(length - 1, -1, -1):
            trace[frame] = state
            state -= int(steps[frame, row, state])
        found.append(path_of(trace, transcript, log_probs[row], 0))
    return found


def _states(tokens: Sequence[Sequence[int]]) -> Int[np.ndarray, "B S"]:
    """The label of each state, with a blank before the first token and after each."""
    states = np.zeros((len(tokens), 2 * max(map(len, tokens), default=0) + 1), dtype=np.int64)
    for row, transcript in enumerate(tokens):
        states[row, 1 : 2 * len(transcript) : 2] = transcript
    return states


def _steps(
    log_probs: Float[np.ndarray, "B U V"], lengths: Sequence[int], states: Int[np.ndarray, "B S"]
) -> tuple[Int[np.ndarray, "_ B S"], Float[np.ndarray, "B S"]]:
    """How many states back the best path to each state comes from, frame by frame; and the score of each at the end."""
    skips = skippable(states)
    rows, ends = np.arange(len(states))[:, None], np.asarray(lengths)
    steps = np.zeros((max(lengths, default=0), *states.shape), dtype=np.int8)
    scores = np.full(states.shape, -np.inf)
    final = scores.copy()
    for frame in range(len(steps)):
        emitted = log_probs[rows, frame, states]
        if frame == 0:
            scores[:, :2] = emitted[:, :2]
        else:
            best, steps[frame] = advanced(scores, skips)
            scores = best + emitted
        final[ends == frame + 1] = scores[ends == frame + 1]
    return steps, final


def skippable(states: Int[np.ndarray, "*B S"]) -> np.ndarray:
    """True for tokens that may follow the one before at once, without a blank between them."""
    found = np.zeros(states.shape, dtype=bool)
    found[..., 2:] = (states[..., 2:] != BLANK_ID) & (states[..., 2:] != states[..., :-2])
    return found


def advanced(
    scores: Float[np.ndarray, "*B S"], skips: np.ndarray
) -> tuple[Float[np.ndarray, "*B S"], Int[np.ndarray, "*B S"]]:
    """The best score of what leads to each state, and from how many states back."""
    best, steps = scores.copy(), np.zeros(scores.shape, dtype=np.int8)
    better = scores[..., :-1] > best[..., 1:]
    best[..., 1:][better] = scores[..., :-1][better]
    steps[..., 1:][better] = 1
    better = skips[..., 2:] & (scores[..., :-2] > best[..., 2:])
    best[..., 2:][better] = scores[..., :-2][better]
    steps[..., 2:][better] = 2
    return best, steps


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


BAND = 4000
"""States that are looked at in a frame of a long recording: letters of about two minutes of speech."""


def aligned_long(log_probs: Float[np.ndarray, "U V"], tokens: Sequence[int], band: int = BAND) -> Path:
    """The frames of the tokens of a recording of any length; of each frame only states around the best one are tried.

    Raises:
        ValueError: there are too few frames for the tokens, or sound and text part by more than the band.
    """
    states = _states([tokens])[0]
    skips, size = skippable(states), min(band, len(states))
    steps, lows = np.zeros((len(log_probs), size), dtype=np.int8), np.zeros(len(log_probs), dtype=np.int64)
    scores, low = np.full(size, -np.inf), 0
    for frame, emitted in enumerate(log_probs):
        if frame == 0:
            scores[:2] = emitted[states[:2]]
        else:
            best, steps[frame] = advanced(scores, np.where(np.arange(size) < 2, False, skips[low : low + size]))
            scores = best + emitted[states[low : low + size]]
        lows[frame] = low
        moved = min(max(int(scores.argmax()) + low - size // 2, low), len(states) - size)
        if moved > low:
            scores = np.concatenate([scores[moved - low :], np.full(moved - low, -np.inf)])
            low = moved
    state = len(states) - 1
    if len(states) > 1 and (low + size < len(states) or scores[state - low] < scores[state - 1 - low]):
        state -= 1
    if not len(log_probs) or low + size < len(states) or not scores[state - low] > -math.inf:
        raise ValueError(f"{len(tokens)} tokens do not fit into {len(log_probs)} frames, or are not said there")
    trace = np.empty(len(log_probs), dtype=np.int64)
    for frame in range(len(log_probs) - 1, -1, -1):
        trace[frame] = state
        state -= int(steps[frame, state - lows[frame]])
    return path_of(trace, tokens, log_probs, 0)
