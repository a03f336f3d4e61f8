"""Augmentation of training data: speed perturbation and SpecAugment.

All random numbers come from a generator per utterance, so a result depends neither on the batch nor on workers.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


def perturbed_length(num_samples: int, factor: float) -> int:
    """Samples of a sound of `num_samples` after `speed_perturb`."""
    return round(num_samples / factor)


def speed_perturb(waveform: Float[np.ndarray, " S"], factor: float) -> Float[np.ndarray, " R"]:
    """The waveform played `factor` times as fast, pitch included, as a tape would (Ko et al. 2015).

    It has exactly `perturbed_length` samples and the precision of the input. Factor 1 gives the same array.

    Args:
        waveform: Samples of one channel.
        factor: Above 1 is faster, shorter and higher.

    Raises:
        ValueError: the factor is not above zero.
    """
    if not factor > 0:
        raise ValueError(f"a speed factor must be above 0 (found {factor})")
    if factor == 1 or waveform.size == 0:
        return waveform
    import soxr

    length = perturbed_length(len(waveform), factor)
    played = soxr.resample(waveform, factor, 1.0)[:length]
    return np.pad(played, (0, length - len(played)))


def spec_augment(
    features: Float[Tensor, "B T F"],
    lengths: Int[Tensor, " B"],
    generators: Sequence[np.random.Generator],
    *,
    time_masks: int,
    time_width: int,
    freq_masks: int,
    freq_width: int,
) -> Float[Tensor, "B T F"]:
    """A copy of normalised features with random bands in time and frequency set to 0, their mean (Park et al. 2019).

    The width of a mask is uniform from 0 to its largest, both included, and so is its place inside the utterance. No
    time mask covers more than a fifth of an utterance, no frequency mask more than half the bins. Masks may overlap.

    Args:
        features: Normalised features; never modified.
        lengths: Frames of each utterance.
        generators: One for each utterance; masks depend on it, the utterance's length and the options alone.
        time_masks: Masks over frames, an utterance.
        time_width: Frames of the longest time mask.
        freq_masks: Masks over bins, an utterance.
        freq_width: Bins of the widest frequency mask.
    """
    num_frames, num_bins = features.shape[1:]
    over_time, over_bins = [], []
    for length, generator in zip(lengths.tolist(), generators, strict=True):
        over_time.append(_bands(generator, time_masks, min(time_width, length // 5), length))
        over_bins.append(_bands(generator, freq_masks, min(freq_width, num_bins // 2), num_bins))
    in_time = _covered(np.stack(over_time), num_frames).to(features.device)
    in_bins = _covered(np.stack(over_bins), num_bins).to(features.device)
    return features.masked_fill(in_time.unsqueeze(2) | in_bins.unsqueeze(1), 0)


def _bands(generator: np.random.Generator, count: int, widest: int, size: int) -> Int[np.ndarray, "2 {count}"]:
    """First position and the one after the last of `count` bands inside `size` positions."""
    width = generator.integers(0, widest, size=count, endpoint=True)
    start = generator.integers(0, size - width, endpoint=True)
    return np.stack([start, start + width])


def _covered(bands: Int[np.ndarray, "B 2 M"], size: int) -> Shaped[Tensor, "B {size}"]:
    """True at each position that one of an utterance's bands covers."""
    first, end = torch.from_numpy(bands).unsqueeze(-1).unbind(1)
    position = torch.arange(size)
    return ((position >= first) & (position < end)).any(1)
