"""Interpolated modified Kneser-Ney: counts of n-grams become probabilities.

Of each count a discount is taken, and what it frees is given to the n-grams one shorter, down to single tokens and at
last to the uniform distribution (Chen and Goodman 1999, section 4.1; as KenLM's lmplz, Heafield et al. 2013).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.text.ngram_counts import NGramCounts

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where counts of counts give none, as in a small text: those of lmplz's --discount_fallback."""

Discounts = tuple[float, float, float]
"""Taken from counts of one, of two, and of three or more."""


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Of the n-grams of one length, in their sorted order, in nats.

    Attributes:
        keys: as in `NGramCounts`.
        log_probs: of the last token after the others.
        backoffs: added, where a token never followed this n-gram, to its log-probability after all but the n-gram's
            first token.
    """

    keys: Int[np.ndarray, " N"]
    log_probs: Float[np.ndarray, " N"]
    backoffs: Float[np.ndarray, " N"]


def smooth(
    counted: Sequence[NGramCounts], uniform: Float[np.ndarray, " V"], discounts: Sequence[Discounts]
) -> list[Smoothed]:
    """Probabilities of all lengths, each with its discounts.

    `uniform` is the distribution below that of single tokens; it is zero for what cannot be predicted.
    """
    probs, log_probs, backoffs = uniform, [], []
    for length, (grams, discount) in enumerate(zip(counted, discounts, strict=True)):
        histories = grams.keys // len(uniform)
        num_histories = len(counted[length - 1].keys) if length else 1
        freed, kept = _discounted(grams.counts, histories, num_histories, discount)
        probs = kept + freed[histories] * (probs[grams.suffixes] if length else uniform)
        with np.errstate(divide="ignore"):  # what cannot be predicted
            log_probs.append(np.log(probs))
        backoffs.append(np.log(freed))
    backoffs = [*backoffs[1:], np.zeros(len(probs))]
    return [Smoothed(grams.keys, *both) for grams, *both in zip(counted, log_probs, backoffs, strict=True)]


def _discounted(
    counts: Int[np.ndarray, " N"], histories: Int[np.ndarray, " N"], num_histories: int, discounts: Discounts
) -> tuple[Float[np.ndarray, " H"], Float[np.ndarray, " N"]]:
    """The mass of each history that discounts free, all of it where nothing followed; and the rest of each n-gram."""
    taken = np.array([0.0, *discounts])[np.minimum(counts, 3)]
    totals = np.bincount(histories, weights=counts, minlength=num_histories)
    freed = np.bincount(histories, weights=taken, minlength=num_histories)
    followed = totals > 0
    fractions = np.divide(freed, totals, out=np.ones(num_histories), where=followed)
    return fractions, (counts - taken) / totals[histories]


def discounts(counts: Int[np.ndarray, " N"]) -> Discounts:
    """Estimated from how many n-grams have a count of one, two, three and four (Chen and Goodman 1999, equation 26).

    `FALLBACK` where none has a count of one, two or three, or where a discount is not above zero.
    """
    ones, twos, threes, fours = (int(number) for number in np.bincount(np.minimum(counts, 5), minlength=6)[1:5])
    if not (ones and twos and threes):
        return FALLBACK
    fraction = ones / (ones + 2 * twos)
    found = (1 - 2 * fraction * twos / ones, 2 - 3 * fraction * threes / twos, 3 - 4 * fraction * fours / threes)
    return found if min(found) > 0 else FALLBACK
