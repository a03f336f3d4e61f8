"""What a frame means: the last layer, one class a sequence shape."""

from jaxtyping import Float
from torch import Tensor, nn


class CtcHead(nn.Module):
    """Log-probabilities of tokens for each frame, blank at id 0 (Graves et al. 2006); float32 at the least."""

    def __init__(self, input_size: int, num_tokens: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_tokens)

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U V"]:
        """Log-softmax over the tokens."""
        logits: Tensor = self.linear(frames)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1)
