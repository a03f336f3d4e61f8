"""What a frame means: the last layer, one class a sequence shape."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from crnn_audio.models.chain import ChainHead


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


Head: TypeAlias = CtcHead | SigmoidHead | ChainHead


class InnerHead(nn.Module):
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
