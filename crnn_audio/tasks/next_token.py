"""What comes next: rows of tokens are read one by one, and the tokens of the next row foretold, one after the other.

The one-to-many shape. The loss is the negative log-likelihood of each token in nats, given all rows before it, the
tokens before it in its own row, and what the piece is told beforehand; tokens that are given have none.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import masked
from crnn_audio.models.chain import ChainHead
from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.models.embedding import EventFront
from crnn_audio.types import EventBatch


class NextToken(nn.Module):
    """A one-directional CRNN that reads rows of tokens, learning by teacher forcing.

    Args:
        mixed: train the inside in bfloat16; log-probabilities and losses stay float32.
    """

    def __init__(self, model: Crnn, *, mixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.mixed = mixed

    @property
    def front(self) -> EventFront:
        """The model's front."""
        assert isinstance(self.model.front, EventFront), "the builder gives it one"
        return self.model.front

    @property
    def head(self) -> ChainHead:
        """The model's head."""
        assert isinstance(self.model.head, ChainHead), "the builder gives it one"
        return self.model.head

    def forward(
        self, columns: Int[Tensor, "B T N"], following: Int[Tensor, "B T P"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T P"]:
        """Negative log-likelihood of each token of whole pieces; zero past the lengths."""
        with torch.autocast(columns.device.type, torch.bfloat16, enabled=self.mixed and columns.is_cuda):
            drive = self.model(columns, lengths).frames
        return masked(self.head.losses(drive.float() if self.mixed else drive, columns, following), lengths)

    def advance(self, batch: EventBatch, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        """The loss summed over the batch's drawn tokens, and the state that its rows go on with.

        Given voices are read to their end, so pieces in which there may be some are whole and carry nothing.
        """
        if self.front.listener is not None:
            losses, after = self(batch.columns, batch.next, batch.lengths), None
        else:
            losses, after = self._resumed(batch, carry if carry and not batch.begins.all() else None)
        return (losses * batch.drawn.unsqueeze(1)).sum(), after

    def _resumed(self, batch: EventBatch, carry: Carry | None) -> tuple[Tensor, Carry]:
        rounded = self.mixed and (self.training or batch.columns.is_cuda)
        with torch.autocast(batch.columns.device.type, torch.bfloat16, enabled=rounded):
            drive, after = self.model.step(batch.columns, carry.restarted(batch.begins) if carry else None)
        losses = self.head.losses(drive.float() if self.mixed else drive, batch.columns, batch.next)
        return masked(losses, batch.lengths), after
