"""Tokens to vectors: the inputs from which a row of tokens is predicted, and fixed voices, read in both directions.

The front of a generator. Each column of its inputs (the row before, the place in the bar, the key of the piece) has an
embedding; their vectors are concatenated. Fixed voices are read by a bidirectional encoder, so that a row depends on
what is fixed before it and after it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import ReceptiveField, masked
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.types import Encoded


class Embedding(nn.Module):
    """A learned vector for each id of each column, side by side.

    Args:
        sizes: ids of each column, 0 among them.
        size: numbers in each vector.
    """

    def __init__(self, sizes: Sequence[int], size: int) -> None:
        super().__init__()
        self.output_size = len(sizes) * size
        self.vectors = nn.Embedding(sum(sizes), size)
        self.starts: Tensor
        self.register_buffer("starts", torch.tensor([0, *sizes[:-1]]).cumsum(0), persistent=False)

    def forward(self, columns: Int[Tensor, "B T N"]) -> Float[Tensor, "B T D"]:
        """The vectors of each row, joined."""
        return self.vectors(columns + self.starts).flatten(2)  # type: ignore[no-any-return]  # a Tensor


class RowFront(nn.Module):
    """The front of a network that reads rows of tokens.

    The last columns of its inputs are the fixed voices, as many as `fixed` has sizes; for a piece without any (all ids
    0) zeros stand in place of the encoder's outputs.

    Args:
        sizes: ids of each column that is known before its row is predicted.
        size: numbers in the vector of a column.
        fixed: ids of each voice that may be fixed, 0 being "not fixed"; empty where none may be.
        encoder: the bidirectional layers that read them, with `len(fixed) * size` numbers a row as input.
    """

    def __init__(
        self, sizes: Sequence[int], size: int, fixed: Sequence[int] = (), encoder: Recurrent | None = None
    ) -> None:
        super().__init__()
        if bool(fixed) != (encoder is not None):
            raise ValueError("fixed voices need an encoder, and an encoder fixed voices")
        self.num_known, self.num_fixed = len(sizes), len(fixed)
        self.now = Embedding(sizes, size)
        self.ahead = Embedding(fixed, size) if fixed else None
        self.encoder = encoder
        self.output_size = self.now.output_size + (encoder.output_size if encoder else 0)

    @property
    def receptive_field(self) -> ReceptiveField:
        """One row; fixed voices are not counted."""
        return ReceptiveField()

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """As many as go in."""
        return lengths

    def forward(self, rows: Int[Tensor, "B T N"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Whole pieces."""
        known, fixed = self._split(rows)
        frames = self.now(known)
        if self.encoder is not None:
            frames = torch.cat([frames, self.encode(fixed, lengths)], dim=-1)
        return Encoded(masked(frames, lengths), lengths)

    def encode(self, fixed: Int[Tensor, "B T M"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T E"]:
        """The encoder's outputs for the fixed voices of whole pieces; the first carry of `step`."""
        assert self.ahead is not None, "this front has no fixed voices"
        assert self.encoder is not None, "this front has no fixed voices"
        encoded: Tensor = self.encoder(Encoded(masked(self.ahead(fixed), lengths), lengths)).frames
        anything = (fixed != 0).any(dim=2).any(dim=1)
        return encoded * anything[:, None, None]

    def step(
        self, rows: Int[Tensor, "B t N"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B t D"], tuple[Tensor, ...]]:
        """The next rows; the carry holds the outputs of `encode` for the rows still to come, or is None.

        Where it ends, and without it, no voice is fixed.
        """
        known, _ = self._split(rows)
        frames = self.now(known)
        if self.encoder is None:
            return frames, ()
        batch, count = rows.shape[:2]
        encoded = carry[0] if carry else frames.new_zeros(batch, 0, self.encoder.output_size)
        missing = max(count - encoded.shape[1], 0)
        now = torch.cat([encoded[:, :count], encoded.new_zeros(batch, missing, encoded.shape[2])], dim=1)
        return torch.cat([frames, now], dim=-1), (encoded[:, count:],)

    def _split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows[:, :, : self.num_known], rows[:, :, self.num_known :]
