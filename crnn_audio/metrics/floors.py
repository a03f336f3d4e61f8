"""What a model of piano rolls must beat: two guesses at the next frame that need no network."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll

PSEUDOCOUNT = 0.5
"""Added to what was counted of each key, sounding and not, so that what train never shows is not impossible."""


def independent_key(train: Sequence[Roll], judged: Sequence[Roll]) -> float:
    """Nats a frame, each key's chance to sound being how often it does."""
    counts = sum((roll[1:].sum(axis=0, dtype=np.float64) for roll in train), np.zeros(NUM_KEYS))
    chances = (counts + PSEUDOCOUNT) / (_num_foretold(train) + 2 * PSEUDOCOUNT)
    return sum(_nats(chances, roll[1:]) for roll in judged) / _num_foretold(judged)


def key_markov(train: Sequence[Roll], judged: Sequence[Roll]) -> float:
    """Nats a frame, each key's chance to sound being how often it does after it has sounded, or has not."""
    sounded, seen = np.zeros((2, NUM_KEYS)), np.zeros((2, NUM_KEYS))
    for roll in train:
        for before in (0, 1):
            after = roll[:-1] == before
            seen[before] += after.sum(axis=0)
            sounded[before] += (after & (roll[1:] == 1)).sum(axis=0)
    silent, sounding = (sounded + PSEUDOCOUNT) / (seen + 2 * PSEUDOCOUNT)
    chances = (np.where(roll[:-1] == 1, sounding, silent) for roll in judged)
    return sum(_nats(one, roll[1:]) for one, roll in zip(chances, judged, strict=True)) / _num_foretold(judged)


def _num_foretold(rolls: Sequence[Roll]) -> int:
    return sum(len(roll) - 1 for roll in rolls)


def _nats(chances: Float[np.ndarray, "*T 88"], roll: Roll) -> float:
    return float(-np.log(np.where(roll == 1, chances, 1 - chances)).sum())
