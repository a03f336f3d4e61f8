"""A temporal convolutional network behind the interface of recurrent layers (Bai, Kolter and Koltun 2018).

Causal dilated convolutions in residual blocks: the state of a running sequence is each convolution's last inputs, its
taps, so a frame costs the same however long the sequence has been. Frames further back than all layers reach together
have no influence.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from crnn_audio.models.dropout import TimeDropout

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class TcnLayer(nn.Module):
    """One residual block: the input and two causal convolutions, each with norm, activation and dropout.

    Args:
        size: numbers in a frame, in and out.
        kernel_size: taps of a convolution.
        dilation: frames between taps; an output depends on `reach` past frames.
        activation: "relu" or "gelu"; the block ends in a ReLU in any case.
        norm: "layer" (over the units of one frame) or "none".
    """

    def __init__(
        self,
        size: int,
        *,
        kernel_size: int,
        dilation: int,
        activation: str = "relu",
        norm: str = "none",
        dropout: float = 0.0,
        variational: bool = False,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(CausalConv(size, kernel_size, dilation) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(size) if norm == "layer" else nn.Identity() for _ in range(2))
        self.dropouts = nn.ModuleList(TimeDropout(dropout, variational=variational) for _ in range(2))
        self.activation = ACTIVATIONS[activation]
        self.reach = 2 * (kernel_size - 1) * dilation

    def forward(self, frames: Float[Tensor, "B T D"], lengths: Tensor) -> Float[Tensor, "B T D"]:
        """Outputs for whole sequences; undefined past their lengths."""
        return self.step(frames, None)[0]

    def step(
        self, frames: Float[Tensor, "B t D"], states: Iterator[Tensor] | None
    ) -> tuple[Float[Tensor, "B t D"], tuple[Tensor, ...]]:
        """Outputs for the next frames, and the state after them: as many tensors as it takes from `states`."""
        inside, after = frames, list[Tensor]()
        for conv, norm, dropout in zip(self.convs, self.norms, self.dropouts, strict=True):
            inside, taps = conv(inside, next(states) if states else None)
            inside = dropout(self.activation(norm(inside)))
            after.append(taps)
        return (inside + frames).relu(), tuple(after)


class CausalConv(nn.Module):
    """A dilated convolution over time of a frame and the `span` frames before it."""

    def __init__(self, size: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.span = (kernel_size - 1) * dilation
        self.conv = nn.Conv1d(size, size, kernel_size, dilation=dilation)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(
        self, frames: Float[Tensor, "B t D"], taps: Float[Tensor, "B s D"] | None
    ) -> tuple[Float[Tensor, "B t D"], Float[Tensor, "B s D"]]:
        """Outputs for the next frames, and the taps that the frames after them need; None stands for zeros."""
        before = frames.new_zeros(frames.shape[0], self.span, frames.shape[2]) if taps is None else taps
        inputs = torch.cat([before, frames], dim=1)
        after = inputs[:, inputs.shape[1] - self.span :]
        if frames.shape[1] == 0:
            return frames, after
        return self.conv(inputs.transpose(1, 2)).transpose(1, 2), after
