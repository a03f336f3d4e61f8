"""From one sequence to another, learned by teacher forcing: each target token given the source and those before it.

The loss is the negative log-likelihood of the targets and their ends in nats, optionally smoothed (Szegedy et al.
2016). With scheduled sampling (Bengio et al. 2015) some inputs are what the model itself would have written, in two
passes (Mihaylova and Martins 2019), so that all steps still run at once.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.decoding.sequence_beam import Candidate, SearchOptions, search
from crnn_audio.lengths import mask
from crnn_audio.models.encoder_decoder import DecoderState, EncoderDecoder
from crnn_audio.types import PairBatch

SHORTEST_LIMIT = 10
"""Tokens that every hypothesis may have, however short its source."""


def token_losses(
    log_probs: Float[Tensor, "B M V"], targets: Int[Tensor, "B L"], lengths: Int[Tensor, " B"], smoothing: float = 0.0
) -> Float[Tensor, "B M"]:
    """Negative log-likelihood in nats of each target token and of the end after them, zero past it; M = L + 1.

    With `smoothing` this part of a target's weight is spread over all tokens.
    """
    wanted = torch.nn.functional.pad(targets, (0, 1)).unsqueeze(-1)
    found = -log_probs.gather(-1, wanted).squeeze(-1)
    if smoothing:
        found = (1 - smoothing) * found - smoothing * log_probs.mean(dim=-1)
    return torch.where(mask(lengths + 1, log_probs.shape[1]), found, 0.0)


class Transduction(nn.Module):
    """An encoder and a decoder, and their loss.

    Args:
        label_smoothing: the part of each target's weight that is spread over all tokens.
        scheduled_sampling: the probability that an input is the model's own, in training.
        longest: target tokens for each source token, at most; what bounds a search.
        mixed: train the inside in bfloat16; the losses stay float32.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        *,
        label_smoothing: float = 0.0,
        scheduled_sampling: float = 0.0,
        longest: float = 3.0,
        mixed: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        self.longest = longest
        self.mixed = mixed

    def advance(self, batch: PairBatch, carry: None) -> tuple[Tensor, None]:
        """The loss summed over the batch's tokens; nothing is carried on."""
        log_probs, _ = self.log_probs(batch)
        smoothing = self.label_smoothing if self.training else 0.0
        return token_losses(log_probs, batch.targets, batch.target_lengths, smoothing).sum(), None

    def log_probs(self, batch: PairBatch) -> tuple[Float[Tensor, "B L V"], Float[Tensor, "B L U"]]:
        """Of the token after each input, and the weights of the encoder's frames for it."""
        inputs = torch.nn.functional.pad(batch.targets, (1, 0))
        sources = batch.sources.unsqueeze(2)
        with torch.autocast(sources.device.type, torch.bfloat16, enabled=self.mixed and self.training):
            if self.training and self.scheduled_sampling:
                with torch.no_grad():
                    written = self.model(sources, batch.source_lengths, inputs)[0].argmax(dim=-1)
                own = torch.rand(inputs.shape, device=inputs.device) < self.scheduled_sampling
                own[:, 0] = False
                inputs = torch.where(own, torch.nn.functional.pad(written[:, :-1], (1, 0)), inputs)
            log_probs, weights = self.model(sources, batch.source_lengths, inputs)
        return log_probs, weights

    def start(self, batch: PairBatch) -> DecoderState:
        """The decoder's state before the first token of each source, in evaluation mode."""
        self.eval()
        return self.model.start(batch.sources.unsqueeze(2), batch.source_lengths)

    @torch.inference_mode()
    def search(self, state: DecoderState, options: SearchOptions) -> list[list[Candidate]]:
        """The best hypotheses of each source that `start` has read, the best first."""
        return search(self._step, state, (self.longest * state.lengths).long() + SHORTEST_LIMIT, options)

    def _step(self, tokens: Int[Tensor, " N"], state: DecoderState) -> tuple[Float[Tensor, "N V"], DecoderState]:
        log_probs, _, after = self.model.head(tokens.unsqueeze(1), state)
        return log_probs[:, 0], after
