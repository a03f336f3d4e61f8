"""What tasks of recordings have in common: the way from waveforms through features and a CRNN, whole or in pieces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch

Masks = Callable[[Tensor, Tensor, Sequence[np.random.Generator]], Tensor]
"""Masks features in time and frequency, given lengths and a generator for each utterance, as `spec_augment` does."""


@dataclass(frozen=True)
class SoundParts:
    """What a task of recordings is built of.

    Args:
        masks: SpecAugment, for training.
        first_masked_epoch: from which epoch on features are masked.
        mixed: train, and on a GPU use, the CRNN's inside in bfloat16; features, log-softmax and losses stay float32.
    """

    front_end: FrontEnd
    normalizer: Normalizer
    model: Crnn
    masks: Masks | None = None
    first_masked_epoch: int = 0
    mixed: bool = False


class SoundTask(nn.Module):
    """Front end, normalisation and CRNN in a row; a task adds its loss."""

    def __init__(self, parts: SoundParts) -> None:
        super().__init__()
        self.front_end, self.normalizer, self.model = parts.front_end, parts.normalizer, parts.model
        self.masks, self.first_masked_epoch = parts.masks, parts.first_masked_epoch
        self.mixed = parts.mixed

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.model.parameters()).device

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.model.subsampling_factor * self.front_end.hop_length / self.front_end.sample_rate

    @property
    def look_ahead_ms(self) -> float | None:
        """Milliseconds of sound after its own frame that an output waits for; None where it waits for the whole.

        All of the right context together: the window of a frame, the convolutions and the look-ahead layer.
        """
        front, ahead = self.front_end, self.model.look_ahead
        if ahead is None:
            return None
        return 1000 * (ahead * front.hop_length + front.look_ahead_samples) / front.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return int(self.model.output_lengths(torch.tensor([self.front_end.num_frames(num_samples)])))

    def features(self, audio: AudioBatch) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Normalised features, without gradient, and their lengths."""
        with torch.no_grad():
            features, lengths = self.front_end(audio.waveforms, audio.lengths)
            return self.normalizer(features, lengths), lengths

    def view(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"], batch: SpeechBatch, number: int = 0
    ) -> Float[Tensor, "B T F"]:
        """Features under random masks, from the first masked epoch on; each number gives other masks."""
        if self.masks is None or batch.epoch < self.first_masked_epoch:
            return features
        return self.masks(features, lengths, [np.random.default_rng([number, key]) for key in batch.keys])

    def outputs(self, frames: Float[Tensor, "B U D"]) -> Float[Tensor, "B U V"]:
        """What the task gives for frames, in place of what its head gives where these are logits."""
        return frames

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Encoded:
        """What the head gives for normalised features, in float32."""
        with self.arithmetic(features):
            encoded: Encoded = self.model(features, lengths)
        return encoded

    def convolve(
        self, features: Float[Tensor, "B t F"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u D"], tuple[Tensor, ...]]:
        """Of the next normalised features, what `encode` gives the recurrent layers, and the state after them."""
        with self.arithmetic(features):
            return self.model.front.step(features, carry, last=last)

    def outputs_of_convolved(self, frames: Float[Tensor, "B U D"]) -> Float[Tensor, "B _ V"]:
        """The outputs for all that `convolve` gave of sequences of equal length, or for a part of it."""
        lengths = torch.full(frames.shape[:1], frames.shape[1], device=frames.device)
        with self.arithmetic(frames):
            encoded = self.model.from_front(Encoded(frames, lengths))
        return self.outputs(encoded.frames)

    def step(
        self, features: Float[Tensor, "B t F"], carry: Carry | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u V"], Carry]:
        """The outputs that these next normalised features make possible, and the state after them."""
        with self.arithmetic(features):
            frames, carry = self.model.step(features, carry, last=last)
        return self.outputs(frames), carry

    def arithmetic(self, features: Tensor) -> torch.autocast:
        """In use on a CPU a model is exact: to round all weights for a few frames takes longer than it saves."""
        rounded = self.mixed and (self.training or features.is_cuda)
        return torch.autocast(features.device.type, torch.bfloat16, enabled=rounded)
