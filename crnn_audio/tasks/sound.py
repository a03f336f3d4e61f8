"""What every task does with recordings: features without gradient, random masks of them, arithmetic in bfloat16."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.types import AudioBatch

Masks = Callable[[Tensor, Tensor, Sequence[np.random.Generator]], Tensor]
"""Masks features in time and frequency, given lengths and a generator for each utterance, as `spec_augment` does."""


def features_of(
    front_end: FrontEnd, normalizer: Normalizer, audio: AudioBatch
) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
    """Normalised features, without gradient, and their lengths."""
    with torch.no_grad():
        features, lengths = front_end(audio.waveforms, audio.lengths)
        return normalizer(features, lengths), lengths


def view_of(
    features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"], masks: Masks | None, keys: Sequence[int], view: int
) -> Float[Tensor, "B T F"]:
    """The features under the random masks of a view; the keys are those of the items in this epoch."""
    if masks is None:
        return features
    return masks(features, lengths, [np.random.default_rng([view, key]) for key in keys])


def arithmetic(features: Tensor, *, mixed: bool, training: bool) -> torch.autocast:
    """In use on a CPU a model is exact: to round all weights for a few frames takes longer than it saves."""
    rounded = mixed and (training or features.is_cuda)
    return torch.autocast(features.device.type, torch.bfloat16, enabled=rounded)
