"""Dropout over time: a new mask for every frame, or one mask for all frames of a sequence."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class TimeDropout(nn.Module):
    """Zeroes units of (B, T, D) frames with `probability` while training, and scales the others up.

    Args:
        variational: the same units of a sequence at every frame (Gal and Ghahramani 2016).
    """

    def __init__(self, probability: float, *, variational: bool = False) -> None:
        super().__init__()
        self.probability = probability
        self.variational = variational

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The frames with some of their units at zero; unchanged in evaluation mode."""
        if not (self.training and self.probability):
            return frames
        if not self.variational:
            return F.dropout(frames, self.probability)
        mask = F.dropout(frames.new_ones(frames.shape[0], 1, frames.shape[2]), self.probability)
        return frames * mask
