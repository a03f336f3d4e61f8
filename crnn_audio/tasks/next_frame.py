"""What sounds next: a piano roll is read frame by frame, and how likely each next frame is told.

The loss is the frame negative log-likelihood of Boulanger-Lewandowski, Bengio and Vincent (2012) in nats: the binary
cross-entropies of the 88 keys summed, each key by itself or, with a joint head, given those below it.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import masked
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.models.heads import KeysHead, SigmoidHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.types import RollBatch


class NextFrame(nn.Module):
    """A one-directional CRNN whose head says what keys sound, learning by teacher forcing.

    Args:
        mixed: train the inside in bfloat16; logits and losses stay float32.
    """

    def __init__(self, model: Crnn, *, mixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.mixed = mixed

    @property
    def head(self) -> KeysHead:
        """The model's head."""
        assert isinstance(self.model.head, SigmoidHead | NadeHead), "the builder gives it one"
        return self.model.head

    def forward(self, heard: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T D"]:
        """What the head tells the keys of the frame after each frame from, of whole pieces."""
        with torch.autocast(heard.device.type, torch.bfloat16, enabled=self.mixed and heard.is_cuda):
            frames: Tensor = self.model(heard, lengths).frames
        return frames

    def step(self, heard: Float[Tensor, "B t F"], carry: Carry | None = None) -> tuple[Float[Tensor, "B t D"], Carry]:
        """The same of the next frames of running pieces."""
        rounded = self.mixed and (self.training or heard.is_cuda)
        with torch.autocast(heard.device.type, torch.bfloat16, enabled=rounded):
            return self.model.step(heard, carry)

    def advance(self, batch: RollBatch, carry: Carry | None) -> tuple[Tensor, Carry]:
        """The loss summed over the batch's frames, and the state that its rows go on with, for the batch after it.

        A batch of whole pieces takes nothing from the one before it, which may have had fewer rows.
        """
        going_on = carry if carry and not batch.begins.all() else None
        drive, after = self.step(batch.heard, going_on.restarted(batch.begins) if going_on else None)
        return self.losses(drive, batch.next, batch.lengths).sum(), after

    def losses(
        self, drive: Float[Tensor, "B T D"], following: Float[Tensor, "B T K"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T"]:
        """Negative log-likelihood of each following frame in nats, zero past the lengths."""
        return masked(self.head.losses(drive, following), lengths)
