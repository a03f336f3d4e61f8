"""Sampling tokens: temperature, top-k and top-p (nucleus), each sequence with a random stream of its own.

A stream depends on its seed alone, so that a sequence is the same alone and in a batch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.errors import DataError


@dataclass(frozen=True)
class Sampling:
    """How tokens are sampled.

    Args:
        temperature: divides the log-probabilities: 1 samples from the model's distribution, less from a narrower one,
            and 0 always takes the likeliest token.
        top_k: samples from so many of the likeliest tokens; 0 from all.
        top_p: samples from the fewest likeliest tokens that together have at least that probability (Holtzman et al.
            2020).
        seed: of the first piece; the others have seed + 1, seed + 2, ...

    Raises:
        DataError: one of them is out of its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise DataError(f"temperature should be 0 (always the likeliest) or above (found {self.temperature:g}).")
        if self.top_k < 0:
            raise DataError(f"top_k should be 1 or above, or 0 for no bound (found {self.top_k}).")
        if not 0 < self.top_p <= 1:
            raise DataError(f"top_p should be above 0 and at most 1, which leaves nothing out (found {self.top_p:g}).")
        if self.seed < 0:
            raise DataError(f"seed should be 0 or above (found {self.seed}).")

    def as_json(self, seed: int) -> dict[str, float]:
        """The settings with which the piece of that seed was sampled."""
        return {"seed": seed, "temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}


class RandomStreams:
    """The random numbers of sequences that are sampled side by side, each from a generator of its own seed."""

    def __init__(self, seeds: Sequence[int | tuple[int, ...]]) -> None:
        self.generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]

    def uniforms(self, count: int) -> Float[np.ndarray, "B N"]:
        """The next numbers of each, uniform in [0, 1)."""
        return np.array([generator.random(count) for generator in self.generators])


def sample(
    log_probs: Float[np.ndarray, "B V"],
    uniforms: Float[np.ndarray, " B"],
    sampling: Sampling,
    mask: Bool[np.ndarray, "B V"] | None = None,
) -> Int[np.ndarray, " B"]:
    """The index of a token for each row, by inverse transform sampling with a number in [0, 1) each.

    `mask` is true for tokens that are possible, one at least in each row.
    """
    scores = log_probs.astype(np.float64)
    if mask is not None:
        scores = np.where(mask, scores, -math.inf)
    if sampling.temperature == 0:
        likeliest: np.ndarray = scores.argmax(axis=1)
        return likeliest
    probs = np.exp((scores - scores.max(axis=1, keepdims=True)) / sampling.temperature)
    if sampling.top_k or sampling.top_p < 1:
        probs = _likeliest(probs / probs.sum(axis=1, keepdims=True), sampling)
    heights = probs.cumsum(axis=1)
    full = heights[:, -1:]
    level = np.minimum(uniforms[:, np.newaxis] * full, np.nextafter(full, 0))  # rounding may lift it to the full height
    found: np.ndarray = (heights <= level).sum(axis=1)
    return found


def _likeliest(probs: Float[np.ndarray, "B V"], sampling: Sampling) -> Float[np.ndarray, "B V"]:
    """The same with zeros for tokens outside of top-k and top-p."""
    tokens = np.argsort(-probs, axis=1, kind="stable")
    ordered = np.take_along_axis(probs, tokens, axis=1)
    if sampling.top_k:
        ordered[:, sampling.top_k :] = 0
    before = ordered.cumsum(axis=1) - ordered
    ordered[before >= sampling.top_p * ordered.sum(axis=1, keepdims=True)] = 0
    kept = np.zeros_like(probs)
    np.put_along_axis(kept, tokens, ordered, axis=1)
    return kept
