"""What comes next in a text: tokens are read one by one, and each next one foretold.

The loss is the negative log-likelihood of each token in nats, given all before it, or a window of them.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.types import TextBatch


class Language(nn.Module):
    """A one-directional CRNN that reads a text, learning by teacher forcing.

    Args:
        window: tokens that are heard before each one, from a state of zero; 0 hears all, by the state that is carried.
        mixed: train the inside in bfloat16; log-probabilities and losses stay float32.
    """

    def __init__(self, model: Crnn, *, window: int = 0, mixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.window = window
        self.mixed = mixed

    def step(self, heard: Int[Tensor, "B t"], carry: Carry | None = None) -> tuple[Float[Tensor, "B t V"], Carry]:
        """Log-probabilities of the token after each of the next ones of running texts, the first having id 1."""
        rounded = self.mixed and (self.training or heard.is_cuda)
        with torch.autocast(heard.device.type, torch.bfloat16, enabled=rounded):
            return self.model.step(heard.unsqueeze(2), carry)

    def advance(self, batch: TextBatch, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        """The loss summed over the batch's tokens, and the state that its rows go on with, for the batch after it."""
        losses, after = self.losses(batch, carry)
        return losses.sum(), after

    def losses(self, batch: TextBatch, carry: Carry | None) -> tuple[Float[Tensor, "B T"], Carry | None]:
        """Negative log-likelihood of each token that is to be foretold, zero elsewhere; and the state after them.

        Rows that all begin take nothing from the batch before, which may have had fewer of them.
        """
        going_on = carry if carry and not batch.begins.all() else None
        log_probs, after = self.step(batch.heard, going_on.restarted(batch.begins) if going_on else None)
        picked = log_probs.gather(-1, (batch.next - 1).clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return torch.where(batch.next > 0, -picked, 0.0), None if self.window else after
