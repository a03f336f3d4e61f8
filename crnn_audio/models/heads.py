"""What a frame means: the last layer, one class a sequence shape."""

from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from crnn_audio.models.chain import ChainHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.models.tokens import TokenFront


class CtcHead(nn.Module):
    """Log-probabilities of tokens for each frame, blank at id 0 (Graves et al. 2006); float32 at the least."""

    def __init__(self, input_size: int, num_tokens: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_tokens)

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U V"]:
        """Log-softmax over the tokens."""
        logits: Tensor = self.linear(frames)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1)


class SigmoidHead(nn.Module):
    """For each frame, the logits of events that are independent of one another, such as the keys of a piano.

    They begin near the rate at which events happen: a bias of -3 is one in twenty.
    """

    def __init__(self, input_size: int, num_events: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_events)
        nn.init.constant_(self.linear.bias, -3.0)

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U K"]:
        """Logits, float32 at the least."""
        logits: Tensor = self.linear(frames)
        return logits if logits.dtype.itemsize >= 4 else logits.float()

    def losses(self, logits: Float[Tensor, "B U K"], events: Float[Tensor, "B U K"]) -> Float[Tensor, "B U"]:
        """Negative log-likelihood of each frame of events in nats: their binary cross-entropies summed."""
        return F.binary_cross_entropy_with_logits(logits, events, reduction="none").sum(dim=-1)

    def draw(
        self, logits: Float[Tensor, "*N K"], numbers: Float[Tensor, "*N K"]
    ) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"]]:
        """Events drawn each by its number in [0, 1), and the chance that each had."""
        chances = logits.sigmoid()
        return (numbers < chances).to(logits.dtype), chances

    def chances(self, logits: Float[Tensor, "B U K"]) -> Float[Tensor, "B U K"]:
        """Each event's chance to happen."""
        return logits.sigmoid()


class NextTokenHead(nn.Module):
    """Log-probabilities of the next token for each frame, the first of which has id 1; float32 at the least.

    Args:
        num_tokens: that may come next.
        tied: the front whose vectors weigh the frames in place of weights of the softmax (Press and Wolf 2017).
        projection: whether a linear map brings frames to the size of those vectors.
    """

    def __init__(
        self, input_size: int, num_tokens: int, tied: TokenFront | None = None, *, projection: bool = False
    ) -> None:
        super().__init__()
        self.projection: nn.Module = nn.Linear(input_size, tied.output_size) if tied and projection else nn.Identity()
        self.linear = None if tied else nn.Linear(input_size, num_tokens)
        self.bias = nn.Parameter(torch.zeros(num_tokens)) if tied else None
        self.tied = (tied,)  # in a tuple, since weights belong to one module, which is the front

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U V"]:
        """Log-softmax over the tokens."""
        (tied,) = self.tied
        if tied is None:
            assert self.linear is not None, "a softmax that is not tied has weights"
            logits: Tensor = self.linear(frames)
        else:
            logits = F.linear(self.projection(frames), tied.vectors[1:], self.bias)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1)


KeysHead: TypeAlias = SigmoidHead | NadeHead
"""What tells how likely a frame of keys is, and draws one: each key by itself, or one after the other."""
Head: TypeAlias = CtcHead | KeysHead | ChainHead | NextTokenHead


class InterCtcHead(nn.Module):
    """A guess at the tokens between two layers, added to the frames: self-conditioned CTC (Nozaki and Komatsu 2021).

    The layers after it hear what was understood so far, and mend it. The feedback begins at zero.
    """

    def __init__(self, size: int, num_tokens: int) -> None:
        super().__init__()
        self.head = CtcHead(size, num_tokens)
        self.feedback = nn.Linear(num_tokens, size)
        nn.init.zeros_(self.feedback.weight)
        nn.init.zeros_(self.feedback.bias)

    def forward(self, frames: Float[Tensor, "B U H"]) -> tuple[Float[Tensor, "B U H"], Float[Tensor, "B U V"]]:
        """The frames with their guess, and the guess as log-probabilities."""
        guess = self.head(frames)
        return frames + self.feedback(guess.exp().to(frames.dtype)), guess
