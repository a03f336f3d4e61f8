"""The tokens of a text to vectors, learned or one-hot.

Token ids are 1 and above; the id 0, the input where no token is known yet, has a vector too.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import ReceptiveField, masked
from crnn_audio.types import Encoded


class TokenFront(nn.Module):
    """A vector for each token: learned, or one-hot.

    Args:
        num_ids: tokens and the id 0.
        size: numbers in a vector; 0 makes them one-hot, of `num_ids` numbers.
        dropout: probability that the vector of an id is zero in a training step, wherever the id occurs; the others
            are scaled up (Gal and Ghahramani 2016).
    """

    def __init__(self, num_ids: int, size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.output_size = size or num_ids
        self.vectors: Tensor
        if size:
            self.vectors = nn.Parameter(torch.randn(num_ids, size).div_(size**0.5))
        else:
            self.register_buffer("vectors", torch.eye(num_ids), persistent=False)

    @property
    def receptive_field(self) -> ReceptiveField:
        """One token."""
        return ReceptiveField()

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """As many as go in."""
        return lengths

    def forward(self, tokens: Int[Tensor, "B T 1"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Of whole texts."""
        return Encoded(masked(self._vectors(tokens), lengths), lengths)

    def step(
        self, tokens: Int[Tensor, "B t 1"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B t D"], tuple[Tensor, ...]]:
        """Of the next tokens; there is nothing to carry."""
        return self._vectors(tokens), ()

    def _vectors(self, tokens: Int[Tensor, "B T 1"]) -> Float[Tensor, "B T D"]:
        vectors = self.vectors
        if self.training and self.dropout:
            vectors = vectors * F.dropout(vectors.new_ones(len(vectors), 1), self.dropout)
        return F.embedding(tokens.squeeze(2), vectors)
