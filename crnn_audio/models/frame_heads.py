"""Heads that label frames: the logits of labels, and of what begins and what sounds."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class LabelHead(nn.Module):
    """For each frame, the logits of labels: independent of one another, or of one of them or, first, of none.

    Independent ones start at a probability of one in twenty.
    """

    def __init__(self, input_size: int, num_labels: int, *, exclusive: bool = False) -> None:
        super().__init__()
        self.NAME = "softmax" if exclusive else "sigmoid"
        self.linear = nn.Linear(input_size, num_labels + exclusive)
        nn.init.constant_(self.linear.bias, 0.0 if exclusive else -3.0)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U K"]:
        """Logits, float32 at the least."""
        logits: Tensor = self.linear(frames)
        return logits if logits.dtype.itemsize >= 4 else logits.float()


class NotesHead(nn.Module):
    """For each frame, the logits of what begins there and of what sounds, for each pitch (Hawthorne et al. 2018).

    What sounds is predicted with what begins in view; its gradient does not reach the onsets. These stand first.
    """

    NAME = "onsets and frames"

    def __init__(self, input_size: int, num_pitches: int) -> None:
        super().__init__()
        self.onsets = LabelHead(input_size, num_pitches)
        self.frames = LabelHead(input_size + num_pitches, num_pitches)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U K"]:
        """Logits, float32 at the least: of onsets, then of frames."""
        begins = self.onsets(frames, lengths)
        sounds = self.frames(torch.cat([frames, begins.detach().sigmoid().to(frames.dtype)], dim=-1), lengths)
        return torch.cat([begins, sounds], dim=-1)
