"""What models must beat: predictions of the next frame or token by counts of the training split, without a network."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from crnn_audio.symbolic.pianoroll import NUM_KEYS, Roll
from crnn_audio.text.ngram import NGram

PSEUDOCOUNT = 0.5
"""Added to what was counted of each key, sounding and not, so that what train never shows is not impossible."""
ORDERS = {1: "unigram", 2: "bigram", 3: "trigram"}
"""Of n-gram models, by name."""


def independent_key(train: Sequence[Roll], test: Sequence[Roll]) -> float:
    """Nats a frame, the probability of each key being how often it sounds."""
    counts = sum((roll[1:].sum(axis=0, dtype=np.float64) for roll in train), np.zeros(NUM_KEYS))
    probabilities = (counts + PSEUDOCOUNT) / (_num_predicted(train) + 2 * PSEUDOCOUNT)
    return sum(_nats(probabilities, roll[1:]) for roll in test) / _num_predicted(test)


def key_markov(train: Sequence[Roll], test: Sequence[Roll]) -> float:
    """Nats a frame, the probability of each key being how often it sounds after it has sounded, or has not."""
    sounded, seen = np.zeros((2, NUM_KEYS)), np.zeros((2, NUM_KEYS))
    for roll in train:
        for before in (0, 1):
            after = roll[:-1] == before
            seen[before] += after.sum(axis=0)
            sounded[before] += (after & (roll[1:] == 1)).sum(axis=0)
    silent, sounding = (sounded + PSEUDOCOUNT) / (seen + 2 * PSEUDOCOUNT)
    probabilities = (np.where(roll[:-1] == 1, sounding, silent) for roll in test)
    return sum(_nats(one, roll[1:]) for one, roll in zip(probabilities, test, strict=True)) / _num_predicted(test)


def _num_predicted(rolls: Sequence[Roll]) -> int:
    return sum(len(roll) - 1 for roll in rolls)


def _nats(probabilities: Float[np.ndarray, "*T 88"], roll: Roll) -> float:
    return float(-np.log(np.where(roll == 1, probabilities, 1 - probabilities)).sum())


def ngram_nats(train: Sequence[str], test: Sequence[str]) -> dict[int, float]:
    """Nats of all test tokens under Kneser-Ney models of the training tokens, by their order.

    Raises:
        DataError: the training text has fewer tokens than the highest order.
    """
    return {order: NGram.train([train], order=order, marked=False).likelihood([test]).nats for order in ORDERS}
