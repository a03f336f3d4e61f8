"""What comes next in a sequence: frames of a piano roll, rows of notes, tokens of a text, learned by teacher forcing.

The loss is the negative log-likelihood of the targets in nats, each given all inputs before it; the head says how it is
computed (of piano rolls it is the frame likelihood of Boulanger-Lewandowski, Bengio and Vincent 2012).
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from crnn_audio.models.crnn import Carry, Crnn
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.heads import PredictionHead
from crnn_audio.types import SequenceBatch


class Prediction(nn.Module):
    """A one-directional CRNN that predicts each element of a sequence from those before it.

    Args:
        context_length: inputs that each prediction depends on, read from a state of zero; 0 carries the state on.
        mixed: train, and on a GPU use, the inside in bfloat16; the head's outputs and losses stay float32.
    """

    def __init__(self, model: Crnn, *, context_length: int = 0, mixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.context_length = context_length
        self.mixed = mixed

    @property
    def head(self) -> PredictionHead:
        """The model's head."""
        head = self.model.head
        assert isinstance(head, PredictionHead), "the problem gives it one"
        return head

    @property
    def reads_ahead(self) -> bool:
        """Whether an encoder reads what is fixed of a sequence to its end, so that sequences come whole."""
        return isinstance(self.model.front, RowFront) and self.model.front.encoder is not None

    def advance(self, batch: SequenceBatch, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        """The loss summed over the batch, and the state that its rows continue with in the batch after it."""
        losses, after = self.losses(batch, carry)
        return losses.sum(), after

    def losses(self, batch: SequenceBatch, carry: Carry | None = None) -> tuple[Float[Tensor, "B T *P"], Carry | None]:
        """Weighted negative log-likelihoods in nats, zero where the weight is; and the state after the batch.

        Rows that all begin take nothing from the batch before, which may have had fewer of them.
        """
        after: Carry | None = None
        if self.reads_ahead:
            with self._arithmetic(batch.inputs):
                frames = self.model(batch.inputs, batch.lengths).frames
        else:
            continued = carry if carry and not batch.begins.all() else None
            frames, after = self.step(batch.inputs, continued.restarted(batch.begins) if continued else None)
        losses = self.head.losses(frames, batch.inputs, batch.targets)
        weighted = torch.where(batch.weights > 0, losses * batch.weights, 0.0)
        return weighted, None if self.context_length else after

    def step(self, inputs: Num[Tensor, "B t N"], carry: Carry | None = None) -> tuple[Float[Tensor, "B t D"], Carry]:
        """The head's outputs for the next inputs of running sequences, and the state after them."""
        with self._arithmetic(inputs):
            return self.model.step(inputs, carry)

    def _arithmetic(self, inputs: Tensor) -> torch.autocast:
        """In use on a CPU a model is exact: to round all weights for a few inputs takes longer than it saves."""
        rounded = self.mixed and (self.training or inputs.is_cuda)
        return torch.autocast(inputs.device.type, torch.bfloat16, enabled=rounded)
