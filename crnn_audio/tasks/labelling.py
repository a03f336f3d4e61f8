"""Labels of frames: what to minimise, and the way from waveforms to probabilities.

Segments stand in a batch as rows of numbers, three each: the label, its start and its end in tenths of milliseconds.
The loss is the binary cross-entropy of each label in each frame, or the cross-entropy of the one that holds.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.decoding.events import EventOptions
from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.lengths import masked
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.tasks import sound
from crnn_audio.tasks.sound import Masks
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch

UNITS = 10_000
"""Of a second, in which starts and ends stand in a batch."""


class Labelling(nn.Module):
    """Front end, normalisation and CRNN in a row, with the loss of labels of frames.

    Args:
        targets: "segments", "onsets" or "notes".
        labels: how many there are.
        exclusive: at most one holds at a time.
        onset_width: frames on each side of an onset that are targets too.
        positive_weight: how much more frames count in which a label holds.
        class_weights: of each label.
        masks: SpecAugment, for training.
        first_masked_epoch: from which epoch on features are masked.
        mixed: train the CRNN's inside in bfloat16.

    `events` says how events are decoded; training chooses it on dev.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        normalizer: Normalizer,
        model: Crnn,
        *,
        targets: str,
        labels: int,
        exclusive: bool = False,
        onset_width: int = 1,
        positive_weight: float = 1.0,
        class_weights: Sequence[float] = (),
        masks: Masks | None = None,
        first_masked_epoch: int = 0,
        mixed: bool = False,
    ) -> None:
        super().__init__()
        self.front_end, self.normalizer, self.model = front_end, normalizer, model
        self.targets, self.labels, self.exclusive, self.onset_width = targets, labels, exclusive, onset_width
        self.positive_weight = positive_weight
        self.class_weights = tuple(class_weights) or (1.0,) * labels
        self.masks, self.first_masked_epoch = masks, first_masked_epoch
        self.mixed = mixed
        self.events = EventOptions(targets, (0.5,) * labels)

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.model.subsampling_factor * self.front_end.hop_length / self.front_end.sample_rate

    def forward(self, audio: AudioBatch) -> Encoded:
        """Probabilities of labels for whole recordings; of notes, those of onsets before those of frames."""
        encoded = self.encode(*self.features(audio))
        return Encoded(self.probs(encoded.frames), encoded.lengths)

    def features(self, audio: AudioBatch) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Normalised features, without gradient."""
        return sound.features_of(self.front_end, self.normalizer, audio)

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Logits, in float32, for normalised features."""
        with self._arithmetic(features):
            encoded: Encoded = self.model(features, lengths)
        return encoded

    def convolve(
        self, features: Float[Tensor, "B t F"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u D"], tuple[Tensor, ...]]:
        """Of the next normalised features, what the recurrent layers are given, and the state after them."""
        with self._arithmetic(features):
            return self.model.front.step(features, carry, last=last)

    def recognize_convolved(self, frames: Float[Tensor, "1 U D"]) -> Float[Tensor, "1 U K"]:
        """Probabilities for all that `convolve` gave of one recording, or for a part of it."""
        with self._arithmetic(frames):
            logits = self.model.from_front(
                Encoded(frames, torch.tensor([frames.shape[1]], device=frames.device))
            ).frames
        return self.probs(logits)

    def step(
        self, features: Float[Tensor, "B t F"], carry: Carry | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u K"], Carry]:
        """Probabilities that these next normalised features make possible, and the state after them."""
        with self._arithmetic(features):
            logits, carry = self.model.step(features, carry, last=last)
        return self.probs(logits), carry

    def probs(self, logits: Float[Tensor, "B U L"]) -> Float[Tensor, "B U K"]:
        """Of each label, from logits."""
        return logits.softmax(dim=-1)[..., 1:] if self.exclusive else logits.sigmoid()

    def _arithmetic(self, features: Tensor) -> torch.autocast:
        return sound.arithmetic(features, mixed=self.mixed, training=self.training)

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss summed over the batch's recordings; divide by the recordings of the global batch."""
        features, lengths = self.features(batch.audio)
        if self.training and batch.epoch >= self.first_masked_epoch:
            features = sound.view_of(features, lengths, self.masks, batch.keys, 0)
        return self.losses(self.encode(features, lengths), batch).sum(), None

    def losses(self, encoded: Encoded, batch: SpeechBatch) -> Float[Tensor, " B"]:
        """Of each recording: nats a frame, summed over labels."""
        targets = torch.stack(
            [self.rasterized(row[:count], encoded.frames.shape[1]) for row, count in _rows(batch)]
        ).to(encoded.frames.device)
        weights = encoded.frames.new_tensor(self.class_weights)
        if self.exclusive:
            classes = torch.where(targets.amax(dim=-1) > 0, targets.argmax(dim=-1) + 1, 0)
            scaled = torch.cat([weights.new_ones(1), weights * self.positive_weight])
            nats = F.cross_entropy(encoded.frames.transpose(1, 2), classes, scaled, reduction="none").unsqueeze(-1)
        else:
            weights = weights.repeat(targets.shape[-1] // self.labels)
            positive = weights.new_full((1,), self.positive_weight)
            nats = weights * F.binary_cross_entropy_with_logits(
                encoded.frames, targets, reduction="none", pos_weight=positive
            )
        return masked(nats, encoded.lengths).sum(dim=(1, 2)) / encoded.lengths.clamp(min=1)

    def rasterized(self, numbers: Int[Tensor, " N"], frames: int) -> Float[Tensor, "U K"]:
        """What the segments of a recording are as targets of so many frames."""
        spans = np.zeros((frames, self.labels), dtype=np.float32)
        begins = np.zeros((frames, self.labels), dtype=np.float32)
        hop = self.frame_seconds * UNITS
        for label, start, end in numbers.reshape(-1, 3).tolist():
            first = round(start / hop)
            spans[first : max(round(end / hop), first + 1), label] = 1
            for away in range(-self.onset_width, self.onset_width + 1):
                if 0 <= first + away < frames:
                    height = 1 - abs(away) / (self.onset_width + 1)
                    begins[first + away, label] = max(begins[first + away, label], height)
        if self.targets == "segments":
            return torch.from_numpy(spans)
        return torch.from_numpy(begins if self.targets == "onsets" else np.concatenate([begins, spans], axis=1))


def _rows(batch: SpeechBatch) -> list[tuple[Tensor, int]]:
    return list(zip(batch.targets.tokens.cpu(), batch.targets.lengths.tolist(), strict=True))
