"""Whole recordings to classes: what to minimise, and the way from waveforms to logits.

The loss is cross-entropy, of one class by a softmax or of any number of them by sigmoids. Targets may be smoothed
(Szegedy et al. 2016), classes weighted, and pairs of recordings mixed with their targets (Zhang et al. 2018, "mixup:
Beyond empirical risk minimization").
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.lengths import masked
from crnn_audio.models.crnn import Crnn
from crnn_audio.tasks import sound
from crnn_audio.tasks.sound import Masks
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch, TokenBatch


class Classification(nn.Module):
    """Front end, normalisation and CRNN in a row, with the loss.

    Args:
        model: its head gives one frame of `num_classes` logits for a sequence.
        multilabel: whether a recording may have any number of labels.
        label_smoothing: the part of a target's weight that is spread over all classes.
        mixup: the parameter of the Beta distribution that the share of the other recording is sampled from; 0 is off.
            Partners are of the same part of a batch, so that results depend on `accumulate` and the number of ranks.
        weights: of the classes; those of equal weight by default.
        masks: SpecAugment, for training.
        first_masked_epoch: from which epoch on features are masked.
        mixed: train, and on a GPU use, the CRNN's inside in bfloat16.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        normalizer: Normalizer,
        model: Crnn,
        num_classes: int,
        *,
        multilabel: bool = False,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        weights: Sequence[float] | None = None,
        masks: Masks | None = None,
        first_masked_epoch: int = 0,
        mixed: bool = False,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.normalizer = normalizer
        self.model = model
        self.num_classes = num_classes
        self.multilabel = multilabel
        self.label_smoothing = label_smoothing
        self.mixup = mixup
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.masks = masks
        self.first_masked_epoch = first_masked_epoch
        self.mixed = mixed

    def forward(self, audio: AudioBatch) -> Float[Tensor, "B K"]:
        """The probability of each class of whole recordings."""
        return self.probabilities(self.logits_of(audio))

    def logits_of(self, audio: AudioBatch) -> Float[Tensor, "B K"]:
        """The logits of whole recordings."""
        return self.logits(*sound.features_of(self.front_end, self.normalizer, audio))

    def logits(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """The logits of normalised features."""
        with sound.arithmetic(features, mixed=self.mixed, training=self.training):
            encoded: Encoded = self.model(features, lengths)
        return encoded.frames.squeeze(1)

    def convolve(
        self, features: Float[Tensor, "B t F"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u D"], tuple[Tensor, ...]]:
        """Of the next normalised features, what the recurrent layers read, and the state after them."""
        with sound.arithmetic(features, mixed=self.mixed, training=self.training):
            return self.model.front.step(features, carry, last=last)

    def classify_convolved(self, frames: Float[Tensor, "B U D"]) -> Float[Tensor, "B K"]:
        """The probabilities of sequences of equal length of what `convolve` gave."""
        lengths = torch.full(frames.shape[:1], frames.shape[1], device=frames.device)
        with sound.arithmetic(frames, mixed=self.mixed, training=self.training):
            return self.probabilities(self.model.from_front(Encoded(frames, lengths)).frames.squeeze(1))

    def probabilities(self, logits: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        """Those of one class, which sum to 1, or of each class by itself."""
        return logits.sigmoid() if self.multilabel else logits.softmax(dim=-1)

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss summed over the batch's recordings; divide by the recordings of the global batch."""
        features, lengths = sound.features_of(self.front_end, self.normalizer, batch.audio)
        targets = multi_hot(batch.targets, self.num_classes).to(features.dtype)
        if self.training:
            masks = self.masks if batch.epoch >= self.first_masked_epoch else None
            features = sound.view_of(features, lengths, masks, batch.keys, 0)
            features, targets = mixed_up(features, lengths, targets, batch.keys, self.mixup)
            even = 0.5 if self.multilabel else 1 / self.num_classes
            targets = (1 - self.label_smoothing) * targets + self.label_smoothing * even
        return self.losses(self.logits(features, lengths), targets).sum(), None

    def losses(self, logits: Float[Tensor, "B K"], targets: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
        """The cross-entropy of each recording in nats; of several labels the mean over the classes."""
        weights = torch.ones(1) if self.weights is None or not self.training else self.weights
        weights = weights.to(logits)
        if self.multilabel:
            each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            return (each * weights).mean(dim=-1)
        return -(targets * logits.log_softmax(dim=-1) * weights).sum(dim=-1)


def multi_hot(targets: TokenBatch, num_classes: int) -> Float[Tensor, "B K"]:
    """1 at the classes of each recording; class ids count from 1, and 0 is padding."""
    hot = torch.zeros(targets.tokens.shape[0], num_classes + 1, device=targets.tokens.device)
    return hot.scatter(1, targets.tokens, 1.0)[:, 1:]


def mixed_up(
    features: Float[Tensor, "B T F"],
    lengths: Int[Tensor, " B"],
    targets: Float[Tensor, "B K"],
    keys: Sequence[int],
    alpha: float,
) -> tuple[Float[Tensor, "B T F"], Float[Tensor, "B K"]]:
    """Each recording with a smaller share of another one of the batch, cut or padded to its length; targets likewise.

    Partners and shares are functions of the keys of the recordings.
    """
    if not alpha or len(keys) < 2:
        return features, targets
    generators = [np.random.default_rng([2, key]) for key in keys]
    others = [(index + int(one.integers(1, len(keys)))) % len(keys) for index, one in enumerate(generators)]
    shares = torch.tensor([min(share, 1 - share) for share in (one.beta(alpha, alpha) for one in generators)])
    share = shares.to(features)
    partner = masked(masked(features, lengths)[others], lengths)
    return (
        torch.lerp(features, partner, share.reshape(-1, 1, 1)),
        torch.lerp(targets, targets[others], share.reshape(-1, 1)),
    )
