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
from torch import Tensor

from crnn_audio.decoding.alignment import aligned
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.decoding.joint import JointState, Prefixes, joint
from crnn_audio.decoding.paths import Path
from crnn_audio.decoding.sequence_beam import SearchOptions, search
from crnn_audio.decoding.words import words
from crnn_audio.lengths import masked
from crnn_audio.metrics.error_rate import character_errors, right_words, word_errors
from crnn_audio.metrics.transcripts import ScoredUtterance
from crnn_audio.models.encoder_decoder import Decoder as AttentionDecoder
from crnn_audio.models.encoder_decoder import DecoderState
from crnn_audio.tasks.commands import sentence_lengths, sentence_losses
from crnn_audio.tasks.sound import SoundParts, SoundTask
from crnn_audio.tasks.transduction import token_losses
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch, TokenBatch


class Recognition(SoundTask):
    """A speech recogniser, with the CTC loss; its outputs are log-probabilities of tokens.

    Args:
        consistency: weight of the divergence between two views; 0 trains on one.
        intermediate: share of the CTC loss that the model's inner heads have.
        attention: share of the loss that the attention decoder in the model's head has (Watanabe et al. 2017).
        label_smoothing: the part of each of its targets' weight that is spread over all tokens.
        ctc_weight, beam: how both are searched together.
        meanings: the grammar where recordings are known by what they mean; targets are then meanings.
    """

    def __init__(
        self,
        parts: SoundParts,
        vocabulary: Vocabulary,
        *,
        consistency: float = 0.0,
        intermediate: float = 0.0,
        attention: float = 0.0,
        label_smoothing: float = 0.0,
        ctc_weight: float = 0.5,
        beam: int = 8,
        meanings: Meanings | None = None,
    ) -> None:
        super().__init__(parts)
        self.vocabulary = vocabulary
        self.consistency = consistency
        self.intermediate = intermediate
        self.attention = attention
        self.label_smoothing = label_smoothing
        self.ctc_weight, self.beam = ctc_weight, beam
        self.meanings = meanings

    def forward(self, audio: AudioBatch) -> Encoded:
        """Log-probabilities of tokens for whole utterances."""
        return self.encode(*self.features(audio))

    def advance(self, batch: SpeechBatch, carry: None) -> tuple[Tensor, None]:
        """The loss, as the training loop asks for it; utterances are whole, so nothing goes on from batch to batch."""
        return self.loss(batch), None

    def loss(self, batch: SpeechBatch) -> Tensor:
        """The loss summed over the batch's utterances; divide by the utterances of the global batch.

        An utterance's loss is its negative log-likelihood per target token, plus the weighted divergence per token.
        """
        features, lengths = self.features(batch.audio)
        if not self.training:
            return self.likelihoods(self.encode(features, lengths), batch.targets).sum()
        if self.consistency == 0 or (self.masks and batch.epoch < self.first_masked_epoch):
            view = self.view(features, lengths, batch)
            return self._losses(self.encode(view, lengths), batch.targets).sum()
        views = [self.view(features, lengths, batch, number) for number in (0, 1)]
        both = self.encode(torch.cat(views), torch.cat([lengths, lengths]))
        one, other = both.frames.chunk(2)
        unlike = divergences(one, other, both.lengths.chunk(2)[0]) / self._num_tokens(batch.targets)
        return self._losses(both, _twice(batch.targets)).sum() / 2 + self.consistency * unlike.sum()

    def likelihoods(self, encoded: Encoded, targets: TokenBatch) -> Float[Tensor, " B"]:
        """Negative log-likelihood of each transcript or meaning in nats a token."""
        if self.meanings is not None:
            return sentence_losses(encoded, targets, self.meanings)
        return ctc_losses(encoded, targets)

    def _num_tokens(self, targets: TokenBatch) -> Tensor:
        return targets.lengths.clamp(min=1) if self.meanings is None else sentence_lengths(targets, self.meanings)

    def _losses(self, encoded: Encoded, targets: TokenBatch) -> Float[Tensor, " B"]:
        losses = self.likelihoods(encoded, targets)
        if self.intermediate:
            inner = [self.likelihoods(Encoded(guess, encoded.lengths), targets) for guess in encoded.intermediate]
            losses = (1 - self.intermediate) * losses + self.intermediate * torch.stack(inner).mean(dim=0)
        if self.attention:
            with self.arithmetic(encoded.frames):
                log_probs = self._decoder(F.pad(targets.tokens, (1, 0)), self._begun(encoded))[0]
            written = token_losses(log_probs, targets.tokens, targets.lengths, self.label_smoothing).sum(dim=1)
            losses = (1 - self.attention) * losses + self.attention * written / (targets.lengths + 1)
        return losses

    @property
    def _decoder(self) -> AttentionDecoder:
        found = getattr(self.model.head, "decoder", None)
        assert isinstance(found, AttentionDecoder), "with attention the head has one"
        return found

    def _begun(self, encoded: Encoded) -> DecoderState:
        assert encoded.hidden is not None, "a model keeps what its head reads"
        return self._decoder.start(Encoded(encoded.hidden, encoded.lengths))

    @torch.inference_mode()
    def decode(self, encoded: Encoded, decoder: Decoder[Any]) -> list[Path]:
        """The path of each utterance: with attention and a greedy decoder, by both searched together.

        Their frames are then those of the forced alignment of the tokens by CTC.

        Raises:
            RunError: a log-probability is NaN.
        """
        paths = decoder.decode(encoded.frames, encoded.lengths)
        if not self.attention or not isinstance(decoder, Greedy) or not encoded.frames.shape[1]:
            return paths
        found = search(
            joint(self._step, self.ctc_weight),
            JointState(self._begun(encoded), Prefixes.begin(encoded.frames, encoded.lengths)),
            encoded.lengths,
            SearchOptions(beam=self.beam, length_penalty=0.0),
        )
        best = [one[0].tokens if one else path.tokens for one, path in zip(found, paths, strict=True)]
        return aligned(encoded.frames.double().cpu().numpy(), encoded.lengths.tolist(), best)

    def _step(self, tokens: Int[Tensor, " N"], state: DecoderState) -> tuple[Float[Tensor, "N V"], DecoderState]:
        log_probs, _, after = self._decoder(tokens.unsqueeze(1), state)
        return log_probs[:, 0], after


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
    paths = task.decode(encoded, decoder)
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
