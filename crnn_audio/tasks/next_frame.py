"""What sounds next: a piano roll is read frame by frame, and each key's chance to sound in the next frame is told.

The loss is the frame negative log-likelihood of Boulanger-Lewandowski, Bengio and Vincent (2012): the binary
cross-entropies of the 88 keys summed, in nats a frame.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import masked
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.types import RollBatch


class NextFrame(nn.Module):
    """A one-directional CRNN with a sigmoid for each key, learning by teacher forcing.

    Args:
        mixed: train the inside in bfloat16; logits and losses stay float32.
    """

    def __init__(self, model: Crnn, *, mixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.mixed = mixed

    def forward(self, heard: Float[Tensor, "B T K"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T K"]:
        """Logits of the keys in the frame after each frame, of whole pieces."""
        with torch.autocast(heard.device.type, torch.bfloat16, enabled=self.mixed and heard.is_cuda):
            frames: Tensor = self.model(heard, lengths).frames
        return frames

    def step(self, heard: Float[Tensor, "B t K"], carry: Carry | None = None) -> tuple[Float[Tensor, "B t K"], Carry]:
        """The same of the next frames of running pieces."""
        rounded = self.mixed and (self.training or heard.is_cuda)
        with torch.autocast(heard.device.type, torch.bfloat16, enabled=rounded):
            return self.model.step(heard, carry)

    def advance(self, batch: RollBatch, carry: Carry | None) -> tuple[Tensor, Carry]:
        """The loss summed over the batch's frames, and the state that its rows go on with, for the batch after it.

        A batch of whole pieces takes nothing from the one before it, which may have had fewer rows.
        """
        going_on = carry if carry and not batch.begins.all() else None
        logits, after = self.step(batch.heard, going_on.restarted(batch.begins) if going_on else None)
        return frame_losses(logits, batch.next, batch.lengths).sum(), after


def frame_losses(
    logits: Float[Tensor, "B T K"], following: Float[Tensor, "B T K"], lengths: Int[Tensor, " B"]
) -> Float[Tensor, "B T"]:
    """Negative log-likelihood of each following frame in nats, zero past the lengths."""
    losses = F.binary_cross_entropy_with_logits(logits, following, reduction="none").sum(dim=-1)
    return masked(losses, lengths)
