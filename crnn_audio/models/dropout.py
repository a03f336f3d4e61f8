"""Dropout of frames, anew at every frame or with one mask for the whole piece of time."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class TimeDropout(nn.Module):
    """Zeroes units of (B, T, D) frames with probability `share` while training, and scales the others up.

    Args:
        variational: the same units of a sequence at every frame (Gal and Ghahramani 2016).
    """

    def __init__(self, share: float, *, variational: bool = False) -> None:
        super().__init__()
        self.share = share
        self.variational = variational

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The frames with some of their units at zero; in judging mode as they are."""
        if not (self.training and self.share):
            return frames
        if not self.variational:
            return F.dropout(frames, self.share)
        kept = F.dropout(frames.new_ones(frames.shape[0], 1, frames.shape[2]), self.share)
        return frames * kept
