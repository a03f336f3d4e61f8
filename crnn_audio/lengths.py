"""The only arithmetic on sequence lengths, masks and receptive fields.

Lengths are absolute integers and travel with every padded tensor; a mask is made where it is used and nowhere kept.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

Count = TypeVar("Count", int, Tensor)


def convolved(length: Count, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Count:
    """Outputs of a convolution over `length` inputs, `padding` being both sides together; never below zero."""
    span = dilation * (kernel - 1) + 1
    count = (length + padding - span) // stride + 1
    return count.clamp(min=0) if isinstance(count, Tensor) else max(count, 0)


def mask(lengths: Int[Tensor, " B"], size: int) -> Bool[Tensor, "B {size}"]:
    """True where a padded tensor of `size` positions holds something real."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def masked(frames: Float[Tensor, "B T *D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T *D"]:
    """The same frames with zeros as padding."""
    padding = ~mask(lengths, frames.shape[1])
    return frames.masked_fill(padding.reshape(*padding.shape, *(1,) * (frames.dim() - 2)), 0)


def reversed_within(frames: Shaped[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Shaped[Tensor, "B T D"]:
    """Each sequence reversed inside its own length; the padding stays where it is. Its own inverse.

    A backward recurrent layer that is fed this sees padding only after the real frames, so it needs no packing.
    """
    position = torch.arange(frames.shape[1], device=frames.device)
    mirrored = lengths.unsqueeze(1) - 1 - position
    source = torch.where(mirrored >= 0, mirrored, position)
    first = frames.shape[1] * torch.arange(frames.shape[0], device=frames.device).unsqueeze(1)
    moved: Tensor = _SwappedRows.apply(frames.flatten(0, 1), (first + source).flatten())  # type: ignore[no-untyped-call]
    return moved.reshape(frames.shape)


class _SwappedRows(torch.autograd.Function):
    """Rows in an order that is its own inverse, so that gradients take the same way: a copy of rows, not a sum."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _SwappedRows.apply(gradient, *ctx.saved_tensors), None  # type: ignore[no-untyped-call]


def mirrored_positions(
    position: Int[Tensor, "*N"], length: Int[Tensor, "*M"], *, repeat_edge: bool
) -> Int[Tensor, "*K"]:
    """Indices reflected into [0, length), however far outside they lie.

    With `repeat_edge` the edge appears twice (Kaldi: ... 1 0 | 0 1 ...), without it once (torch: ... 2 1 | 0 1 ...).
    """
    period = 2 * length if repeat_edge else (2 * length - 2).clamp(min=1)
    inside = position.remainder(period)
    folded = period - 1 - inside if repeat_edge else period - inside
    return torch.where(inside < length, inside, folded).clamp(min=0)


@dataclass(frozen=True)
class ReceptiveField:
    """Which inputs one output sees: `left` before and `right` after its anchor, which moves `stride` inputs an output.

    Compose a stack with `then`: `ReceptiveField().then(kernel=3, stride=2, left=1).then(kernel=3, left=2)`.
    """

    left: int = 0
    right: int = 0
    stride: int = 1

    @property
    def size(self) -> int:
        """Inputs that one output sees."""
        return self.left + 1 + self.right

    def then(self, kernel: int, stride: int = 1, left: int = 0, dilation: int = 1) -> "ReceptiveField":
        """The field of this stack followed by a convolution padded with `left` zeros before the sequence."""
        span = dilation * (kernel - 1)
        return ReceptiveField(
            left=self.left + left * self.stride,
            right=self.right + (span - left) * self.stride,
            stride=self.stride * stride,
        )
