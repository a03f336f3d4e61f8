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
from torch import Tensor

from crnn_audio.lengths import masked
from crnn_audio.tasks.sound import SoundParts, SoundTask
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch


class Classification(SoundTask):
    """A classifier of recordings with its loss; its outputs are probabilities.

    Args:
        parts: the model's head gives one frame of `num_classes` logits for a sequence.
        multilabel: whether a recording may have any number of labels.
        label_smoothing: the part of a target's weight that is spread over all classes.
        mixup: the parameter of the Beta distribution that the share of the other recording is sampled from; 0 is off.
            Partners are of the same part of a batch, so that results depend on `accumulate` and the number of ranks.
        weights: of the classes; those of equal weight by default.
    """

    def __init__(
        self,
        parts: SoundParts,
        num_classes: int,
        *,
        multilabel: bool = False,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(parts)
        self.num_classes = num_classes
        self.multilabel = multilabel
        self.label_smoothing = label_smoothing
        self.mixup = mixup
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def forward(self, audio: AudioBatch) -> Float[Tensor, "B K"]:
        """The probability of each class of whole recordings."""
        return self.outputs(self.logits(*self.features(audio)))

    def logits(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """The logits of normalised features."""
        return self.encode(features, lengths).frames.squeeze(1)

    def outputs(self, frames: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
        """The probabilities of one class, which sum to 1, or of each class by itself, from logits."""
        return frames.sigmoid() if self.multilabel else frames.softmax(dim=-1)

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss summed over the batch's recordings; divide by the recordings of the global batch."""
        features, lengths = self.features(batch.audio)
        targets = multi_hot(batch.targets, self.num_classes).to(features.dtype)
        if self.training:
            view = self.view(features, lengths, batch)
            features, targets = mixed_up(view, lengths, targets, batch.keys, self.mixup)
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
