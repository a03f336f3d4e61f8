"""From the frames of a sequence to one vector, within the sequence's length; and the head that classifies it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import mask, masked


class Pooling(nn.Module):
    """One vector of a sequence's frames; padding has no influence, and a sequence without frames gives zeros.

    Args:
        size: numbers in a frame.
        kind: "last", the state after the last frame of a one-directional stack, and of a bidirectional one beside it
            the backward state after the first; "mean"; "max"; or "attention", a mean with weights that are a softmax
            of a learned score of each frame (Raffel and Ellis 2015, "Feed-forward networks with attention can solve
            some long-term memory problems").
        bidirectional: whether the second half of a frame is that of the backward direction.
    """

    def __init__(self, size: int, kind: str, *, bidirectional: bool) -> None:
        super().__init__()
        self.kind = kind
        self.forward_size = size // 2 if bidirectional else size
        self.score = nn.Linear(size, 1) if kind == "attention" else None

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B H"]:
        """The vector of each sequence."""
        real = mask(lengths, frames.shape[1]).unsqueeze(-1)
        if self.kind == "last":
            last = (lengths - 1).clamp(min=0).reshape(-1, 1, 1).expand(-1, 1, frames.shape[2])
            ends = masked(frames, lengths).gather(1, last).squeeze(1)
            starts = masked(frames, lengths)[:, 0]
            return torch.cat([ends[:, : self.forward_size], starts[:, self.forward_size :]], dim=1)
        if self.kind == "max":
            return torch.where(real, frames, -torch.inf).amax(dim=1).masked_fill(lengths.unsqueeze(1) == 0, 0.0)
        if self.score is None:
            return masked(frames, lengths).sum(dim=1) / lengths.clamp(min=1).unsqueeze(1)
        scores = torch.where(real, self.score(frames).float(), -torch.inf)
        weights = scores.masked_fill(lengths.reshape(-1, 1, 1) == 0, 0.0).softmax(dim=1).to(frames.dtype)
        return (masked(frames, lengths) * weights).sum(dim=1)


class ClassHead(nn.Module):
    """The logits of the classes of a whole sequence, as its only output frame; float32 at the least."""

    def __init__(self, input_size: int, num_classes: int, pooling: str, *, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        self.NAME = pooling
        self.pooling = Pooling(input_size, pooling, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_classes)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B 1 K"]:
        """Logits; a softmax gives probabilities of one class, a sigmoid of several."""
        logits: Tensor = self.linear(self.dropout(self.pooling(frames, lengths))).unsqueeze(1)
        return logits if logits.dtype.itemsize >= 4 else logits.float()
