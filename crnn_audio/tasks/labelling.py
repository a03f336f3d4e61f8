"""Labels of frames: what to minimise, and the way from waveforms to probabilities.

Segments stand in a batch as rows of numbers, three each: the label, its start and its end in tenths of milliseconds.
The loss is the binary cross-entropy of each label in each frame, or the cross-entropy of the one that holds.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.events import EventOptions
from crnn_audio.lengths import masked
from crnn_audio.tasks.sound import SoundParts, SoundTask
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch

UNITS = 10_000
"""Of a second, in which starts and ends stand in a batch."""


class Labelling(SoundTask):
    """A model of labels of frames with its loss; its outputs are probabilities.

    Args:
        targets: "segments", "onsets" or "notes".
        labels: how many there are.
        exclusive: at most one holds at a time.
        onset_width: frames on each side of an onset that are targets too.
        positive_weight: how much more frames count in which a label holds.
        class_weights: of each label.

    `events` says how events are decoded; training chooses it on dev.
    """

    def __init__(
        self,
        parts: SoundParts,
        *,
        targets: str,
        labels: int,
        exclusive: bool = False,
        onset_width: int = 1,
        positive_weight: float = 1.0,
        class_weights: Sequence[float] = (),
    ) -> None:
        super().__init__(parts)
        self.targets, self.labels, self.exclusive, self.onset_width = targets, labels, exclusive, onset_width
        self.positive_weight = positive_weight
        self.class_weights = tuple(class_weights) or (1.0,) * labels
        self.events = EventOptions(targets, (0.5,) * labels)

    def forward(self, audio: AudioBatch) -> Encoded:
        """Probabilities of labels for whole recordings; of notes, those of onsets before those of frames."""
        encoded = self.encode(*self.features(audio))
        return Encoded(self.outputs(encoded.frames), encoded.lengths)

    def outputs(self, frames: Float[Tensor, "B U D"]) -> Float[Tensor, "B U K"]:
        """The probability of each label, from logits."""
        return frames.softmax(dim=-1)[..., 1:] if self.exclusive else frames.sigmoid()

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss summed over the batch's recordings; divide by the recordings of the global batch."""
        features, lengths = self.features(batch.audio)
        view = self.view(features, lengths, batch) if self.training else features
        return self.losses(self.encode(view, lengths), batch).sum(), None

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
