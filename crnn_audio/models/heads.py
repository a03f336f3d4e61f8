"""The last layer, one class a sequence shape.

A head is called with frames and their lengths. One that predicts what comes next also has `losses(frames, inputs,
targets)`: negative log-likelihoods of the targets in nats, given the head's outputs and what the network has read.
"""

from typing import Protocol, TypeAlias, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.models.tokens import TokenFront


class CtcHead(nn.Module):
    """Log-probabilities of tokens for each frame, blank at id 0 (Graves et al. 2006); float32 at the least.

    Args:
        decoder: one that reads the same frames and writes the same tokens, with its end in place of the blank.
    """

    def __init__(self, input_size: int, num_tokens: int, decoder: nn.Module | None = None) -> None:
        super().__init__()
        self.NAME = f"ctc and {decoder.NAME}" if decoder else "ctc"
        self.decoder = decoder
        self.linear = nn.Linear(input_size, num_tokens)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U V"]:
        """Log-softmax over the tokens, whatever the lengths."""
        return self.log_probs(frames)

    def log_probs(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U V"]:
        """The same of each frame by itself."""
        logits: Tensor = self.linear(frames)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1)


class SigmoidHead(nn.Module):
    """For each frame, the logits of the next keys of a piano, independent of one another.

    The bias starts at -3, near the rate at which keys sound: a probability of one in twenty.
    """

    NAME = "sigmoid"

    def __init__(self, input_size: int, num_keys: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_keys)
        nn.init.constant_(self.linear.bias, -3.0)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U K"]:
        """Logits, float32 at the least."""
        logits: Tensor = self.linear(frames)
        return logits if logits.dtype.itemsize >= 4 else logits.float()

    def losses(
        self, frames: Float[Tensor, "B U K"], inputs: Float[Tensor, "B U F"], targets: Float[Tensor, "B U K"]
    ) -> Float[Tensor, "B U"]:
        """Negative log-likelihood of each target frame in nats: the binary cross-entropies of its keys summed."""
        return F.binary_cross_entropy_with_logits(frames, targets, reduction="none").sum(dim=-1)

    def sample(
        self, frames: Float[Tensor, "*N K"], uniforms: Float[Tensor, "*N K"]
    ) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"]]:
        """Keys sampled with one number in [0, 1) each, and their probabilities."""
        probabilities = frames.sigmoid()
        return (uniforms < probabilities).to(frames.dtype), probabilities

    def probabilities(self, frames: Float[Tensor, "B U K"]) -> Float[Tensor, "B U K"]:
        """Each key's probability to sound."""
        return frames.sigmoid()


class SoftmaxHead(nn.Module):
    """Log-probabilities of the next token for each frame, the first of which has id 1; float32 at the least.

    Args:
        num_tokens: that may come next.
        tied: the front whose vectors serve as the weights of the softmax (Press and Wolf 2017).
        projection: whether a linear map brings frames to the size of those vectors.
    """

    NAME = "softmax"

    def __init__(
        self, input_size: int, num_tokens: int, tied: TokenFront | None = None, *, projection: bool = False
    ) -> None:
        super().__init__()
        self.projection: nn.Module = nn.Linear(input_size, tied.output_size) if tied and projection else nn.Identity()
        self.linear = None if tied else nn.Linear(input_size, num_tokens)
        self.bias = nn.Parameter(torch.zeros(num_tokens)) if tied else None
        self.tied = (tied,)  # in a tuple, since weights belong to one module, which is the front

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U V"]:
        """Log-softmax over the tokens."""
        (tied,) = self.tied
        if tied is None:
            assert self.linear is not None, "a softmax that is not tied has weights"
            logits: Tensor = self.linear(frames)
        else:
            logits = F.linear(self.projection(frames), tied.vectors[1:], self.bias)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1)

    def losses(
        self, frames: Float[Tensor, "B U V"], inputs: Int[Tensor, "B U 1"], targets: Int[Tensor, "B U"]
    ) -> Float[Tensor, "B U"]:
        """Negative log-likelihood of each target in nats; of the target 0 (none) it is without meaning."""
        return -frames.gather(-1, (targets - 1).clamp(min=0).unsqueeze(-1)).squeeze(-1)


class LinearHead(nn.Module):
    """One number for each frame; float32 at the least."""

    NAME = "linear"

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 1)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U 1"]:
        """The numbers, whatever the lengths."""
        outputs: Tensor = self.linear(frames)
        return outputs if outputs.dtype.itemsize >= 4 else outputs.float()

    def losses(
        self, frames: Float[Tensor, "B U 1"], inputs: Float[Tensor, "B U F"], targets: Float[Tensor, "B U"]
    ) -> Float[Tensor, "B U"]:
        """The squared error of each."""
        return (frames.squeeze(-1) - targets).square()


KeysHead: TypeAlias = SigmoidHead | NadeHead
"""The likelihood of a frame of keys, and samples of it: the keys independent, or one after the other."""
PredictionHead: TypeAlias = SigmoidHead | NadeHead | AutoregressiveHead | SoftmaxHead | LinearHead
"""Heads that have `losses`."""


@runtime_checkable
class Head(Protocol):
    """The last layer of a `Crnn`: outputs of frames, which it may also pool over a sequence's length."""

    NAME: str
    """What tables of results call it."""

    def __call__(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"], /) -> Tensor:
        """Its outputs."""


class InterCtcHead(nn.Module):
    """Intermediate CTC predictions between two layers, fed back: self-conditioned CTC (Nozaki and Komatsu 2021).

    The layers after it are conditioned on these predictions and refine them. The feedback starts at zero.
    """

    def __init__(self, size: int, num_tokens: int) -> None:
        super().__init__()
        self.head = CtcHead(size, num_tokens)
        self.feedback = nn.Linear(num_tokens, size)
        nn.init.zeros_(self.feedback.weight)
        nn.init.zeros_(self.feedback.bias)

    def forward(self, frames: Float[Tensor, "B U H"]) -> tuple[Float[Tensor, "B U H"], Float[Tensor, "B U V"]]:
        """The frames with the feedback added, and the log-probabilities of the tokens."""
        log_probs = self.head.log_probs(frames)
        return frames + self.feedback(log_probs.exp().to(frames.dtype)), log_probs
