"""Speech recognition with CTC: what to minimise, and the way from waveforms to log-probabilities.

With `consistency`, each utterance is seen twice under different masks and dropout; both views learn the transcript and
each other's posteriors (CR-CTC, Yao et al. 2024, "CR-CTC: Consistency regularization on CTC for improved speech
recognition").
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.decoding.paths import Path
from crnn_audio.decoding.words import words
from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.lengths import masked
from crnn_audio.metrics.error_rate import character_errors, right_words, word_errors
from crnn_audio.metrics.transcripts import ScoredUtterance
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.tasks import sound
from crnn_audio.tasks.sound import Masks
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch, TokenBatch


class Recognition(nn.Module):
    """Front end, normalisation and CRNN in a row, with the CTC loss.

    Args:
        masks: SpecAugment, for training.
        first_masked_epoch: from which epoch on features are masked.
        consistency: weight of the divergence between two views; 0 trains on one.
        intermediate: share of the CTC loss that the model's inner heads have.
        mixed: train, and on a GPU use, the CRNN's inside in bfloat16; features, log-softmax and losses stay float32.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        normalizer: Normalizer,
        model: Crnn,
        vocabulary: Vocabulary,
        *,
        masks: Masks | None = None,
        first_masked_epoch: int = 0,
        consistency: float = 0.0,
        intermediate: float = 0.0,
        mixed: bool = False,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.normalizer = normalizer
        self.model = model
        self.vocabulary = vocabulary
        self.masks = masks
        self.first_masked_epoch = first_masked_epoch
        self.consistency = consistency
        self.intermediate = intermediate
        self.mixed = mixed

    def forward(self, audio: AudioBatch) -> Encoded:
        """Log-probabilities of tokens for whole utterances."""
        return self.recognize(*self.features(audio))

    def features(self, audio: AudioBatch) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Normalised features, without gradient."""
        return sound.features_of(self.front_end, self.normalizer, audio)

    def recognize(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Log-probabilities, in float32, for normalised features."""
        with self._arithmetic(features):
            encoded: Encoded = self.model(features, lengths)
        return encoded

    def convolve(
        self, features: Float[Tensor, "B t F"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u D"], tuple[Tensor, ...]]:
        """Of the next normalised features, what `recognize` gives its recurrent layers, and the state after them."""
        with self._arithmetic(features):
            return self.model.front.step(features, carry, last=last)

    def recognize_convolved(self, frames: Float[Tensor, "1 U D"]) -> Float[Tensor, "1 U V"]:
        """Log-probabilities, in float32, for all that `convolve` gave of one sequence, or for a stretch of it."""
        with self._arithmetic(frames):
            return self.model.from_front(Encoded(frames, torch.tensor([frames.shape[1]], device=frames.device))).frames

    def step(
        self, features: Float[Tensor, "B t F"], carry: Carry | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u V"], Carry]:
        """Log-probabilities that these next normalised features make possible, and the state after them."""
        with self._arithmetic(features):
            return self.model.step(features, carry, last=last)

    def _arithmetic(self, features: Tensor) -> torch.autocast:
        return sound.arithmetic(features, mixed=self.mixed, training=self.training)

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss, as the training loop asks for it; utterances are whole, so nothing goes on from batch to batch."""
        return self.loss(batch), None

    def loss(self, batch: SpeechBatch) -> Tensor:
        """The loss summed over the batch's utterances; divide by the utterances of the global batch.

        An utterance's loss is its negative log-likelihood per target token, plus the weighted divergence per token.
        """
        features, lengths = self.features(batch.audio)
        if not self.training:
            return ctc_losses(self.recognize(features, lengths), batch.targets).sum()
        masks = self.masks if batch.epoch >= self.first_masked_epoch else None
        if self.consistency == 0 or (self.masks and not masks):
            view = sound.view_of(features, lengths, masks, batch.keys, 0)
            return self._ctc_losses(self.recognize(view, lengths), batch.targets).sum()
        views = [sound.view_of(features, lengths, masks, batch.keys, view) for view in (0, 1)]
        both = self.recognize(torch.cat(views), torch.cat([lengths, lengths]))
        one, other = both.frames.chunk(2)
        unlike = divergences(one, other, both.lengths.chunk(2)[0]) / batch.targets.lengths.clamp(min=1)
        return self._ctc_losses(both, _twice(batch.targets)).sum() / 2 + self.consistency * unlike.sum()

    def _ctc_losses(self, encoded: Encoded, targets: TokenBatch) -> Float[Tensor, " B"]:
        losses = ctc_losses(encoded, targets)
        if not self.intermediate:
            return losses
        inner = [ctc_losses(Encoded(guess, encoded.lengths), targets) for guess in encoded.intermediate]
        return (1 - self.intermediate) * losses + self.intermediate * torch.stack(inner).mean(dim=0)


def ctc_losses(encoded: Encoded, targets: TokenBatch) -> Float[Tensor, " B"]:
    """Negative log-likelihood of each transcript in nats, divided by its number of tokens."""
    losses = F.ctc_loss(
        encoded.frames.transpose(0, 1),
        targets.tokens,
        encoded.lengths,
        targets.lengths,
        blank=BLANK_ID,
        reduction="none",
    )
    return losses / targets.lengths.clamp(min=1)


def _twice(targets: TokenBatch) -> TokenBatch:
    return TokenBatch(torch.cat([targets.tokens] * 2), torch.cat([targets.lengths] * 2))


def divergences(
    one: Float[Tensor, "B U V"], other: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]
) -> Float[Tensor, " B"]:
    """Symmetric Kullback-Leibler divergence of two log-posteriors, summed over an utterance's frames.

    In each half the target side is detached: each view moves towards the other, neither is pulled to a flat one.
    """
    towards_other = F.kl_div(one, other.detach(), reduction="none", log_target=True)
    towards_one = F.kl_div(other, one.detach(), reduction="none", log_target=True)
    return masked((towards_other + towards_one) / 2, lengths).sum(dim=(1, 2))


@torch.inference_mode()
def transcribed(
    task: Recognition, batch: SpeechBatch, references: Mapping[str, str], decoder: Decoder[Any]
) -> list[ScoredUtterance]:
    """The utterances of a batch, recognised and compared with their transcripts, by cut id."""
    encoded = task(batch.audio)
    losses = ctc_losses(encoded, batch.targets).tolist()
    paths = decoder.decode(encoded.frames, encoded.lengths)
    return [
        _scored(task.vocabulary, cut_id, references[cut_id], path, loss)
        for cut_id, path, loss in zip(batch.cut_ids, paths, losses, strict=True)
    ]


def _scored(vocabulary: Vocabulary, cut_id: str, reference: str, path: Path, loss: float) -> ScoredUtterance:
    hypothesis = vocabulary.decode(path.tokens)
    confidences = [word.confidence for word in words(path, vocabulary, frame_seconds=1.0, seconds=float("inf"))]
    return ScoredUtterance(
        cut_id,
        reference,
        hypothesis,
        word_errors(reference, hypothesis),
        character_errors(reference, hypothesis),
        loss,
        tuple(zip(confidences, right_words(reference, hypothesis), strict=True)),
    )
