"""Masked 2-D convolutions over time and bins: they shorten the sequence and never see padding.

Frames are held as (B, T, F, C), which is a convolution's channels-last layout, so that a frame's bins and channels lie
side by side: its norm and the final flattening copy nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import ReceptiveField, convolved, masked
from crnn_audio.types import Encoded

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


@dataclass(frozen=True)
class ConvSpec:
    """One layer: output channels; kernel and stride in (time, bins), kernels odd and no smaller than the stride."""

    channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)


class ConvFront(nn.Module):
    """A stack of convolutions over a spectrogram; each output frame is one vector of `output_size` numbers.

    Args:
        num_features: bins of an input frame.
        layers: from the input on; none at all passes the features through.
        time_padding: "same" pads a sequence with zeros on both sides, "causal" only before it, "valid" not at all.
    """

    def __init__(
        self,
        num_features: int,
        layers: Sequence[ConvSpec],
        *,
        norm: str = "layer",
        activation: str = "relu",
        dropout: float = 0.0,
        time_padding: str = "same",
    ) -> None:
        super().__init__()
        self.num_features = num_features
        stack: list[ConvLayer] = []
        self.receptive_field = ReceptiveField()
        bins, channels = num_features, 1
        for spec in layers:
            layer = ConvLayer(bins, channels, spec, norm, activation, dropout, time_padding)
            stack.append(layer)
            self.receptive_field = self.receptive_field.then(spec.kernel[0], spec.stride[0], layer.left)
            bins, channels = layer.output_bins, spec.channels
        self.layers: Sequence[ConvLayer] = nn.ModuleList(stack)  # type: ignore[assignment]  # typed by its items
        self.output_size = bins * channels

    def forward(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Frames of the last layer, flattened, zero past their lengths."""
        frames = features.unsqueeze(-1)
        for layer in self.layers:
            frames = layer(masked(frames, lengths))
            lengths = layer.output_lengths(lengths)
        return Encoded(masked(frames.flatten(2), lengths), lengths)

    def step(
        self, features: Float[Tensor, "B t F"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u D"], tuple[Tensor, ...]]:
        """The frames that can be computed now, and each layer's inputs that later ones will need."""
        frames = features.unsqueeze(-1)
        tails = []
        for index, layer in enumerate(self.layers):
            frames, tail = layer.step(frames, carry[index] if carry else None, last)
            tails.append(tail)
        return frames.flatten(2), tuple(tails)

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Frames out for that many frames in."""
        for layer in self.layers:
            lengths = layer.output_lengths(lengths)
        return lengths


class ConvLayer(nn.Module):
    """Convolution, norm over the bins and channels of one frame, activation, dropout; (B, T, F, C) in and out."""

    def __init__(
        self, bins: int, channels: int, spec: ConvSpec, norm: str, activation: str, dropout: float, time_padding: str
    ) -> None:
        super().__init__()
        (self.kernel, bin_kernel), (self.stride, bin_stride) = spec.kernel, spec.stride
        if self.stride > self.kernel:
            raise ValueError(f"a time stride of {self.stride} would skip frames under a kernel of {self.kernel}")
        self.left, self.right = {
            "same": (self.kernel // 2, self.kernel // 2),
            "causal": (self.kernel - 1, 0),
            "valid": (0, 0),
        }[time_padding]
        self.output_bins = convolved(bins, bin_kernel, bin_stride, 2 * (bin_kernel // 2))
        self.conv = nn.Conv2d(channels, spec.channels, spec.kernel, spec.stride, padding=(0, bin_kernel // 2))
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        self.norm = nn.LayerNorm([self.output_bins, spec.channels]) if norm == "layer" else nn.Identity()
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Float[Tensor, "B T F C"]) -> Float[Tensor, "B U G E"]:
        """Outputs for a whole sequence, whose padding is zero."""
        missing = max(self.kernel - frames.shape[1] - self.left - self.right, 0)
        return self._convolve(F.pad(frames, (0, 0, 0, 0, self.left, self.right + missing)))

    def step(
        self, frames: Float[Tensor, "B t F C"], carry: Tensor | None, last: bool
    ) -> tuple[Float[Tensor, "B u G E"], Tensor]:
        """Outputs for the next frames, and the inputs that the next output needs."""
        before = frames.new_zeros(frames.shape[0], self.left, *frames.shape[2:]) if carry is None else carry
        pending = F.pad(torch.cat([before, frames], dim=1), (0, 0, 0, 0, 0, self.right if last else 0))
        count = convolved(pending.shape[1], self.kernel, self.stride)
        if count == 0:
            return frames.new_zeros(frames.shape[0], 0, self.output_bins, self.conv.out_channels), pending
        ready = pending[:, : (count - 1) * self.stride + self.kernel]
        return self._convolve(ready), pending[:, count * self.stride :]

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Frames out for that many frames in."""
        return convolved(lengths, self.kernel, self.stride, self.left + self.right)

    def _convolve(self, frames: Tensor) -> Tensor:
        output: Tensor = self.conv(frames.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        output = self.dropout(self.activation(self.norm(output)))
        return output
