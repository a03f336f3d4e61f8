"""Tokens to vectors: what is known before a row of tokens is drawn, and what is given of voices that are kept.

The front of a generator. The columns of a row (the row before it, its place in the bar, the key that was asked for)
have a vector for each of their ids; these stand side by side. Given voices are read by layers of both directions, so
that a row hears what is given before it and after it.
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


class EventFront(nn.Module):
    """The front of a network that reads rows of tokens.

    The last columns of what it reads are the given voices, as many as `ahead` has sizes; a piece in which none is given
    (all ids 0) hears zeros in their place.

    Args:
        sizes: ids of each column that is known when its row is drawn.
        size: numbers in the vector of a column.
        ahead: ids of each given voice, 0 being "not given"; none where no voice may be given.
        listener: the layers that read them, of both directions, fed with `len(ahead) * size` numbers a row.
    """

    def __init__(
        self, sizes: Sequence[int], size: int, ahead: Sequence[int] = (), listener: Recurrent | None = None
    ) -> None:
        super().__init__()
        if bool(ahead) != (listener is not None):
            raise ValueError("given voices need layers that read them, and these layers voices")
        self.num_known, self.num_ahead = len(sizes), len(ahead)
        self.now = Embedding(sizes, size)
        self.ahead = Embedding(ahead, size) if ahead else None
        self.listener = listener
        self.output_size = self.now.output_size + (listener.output_size if listener else 0)

    @property
    def receptive_field(self) -> ReceptiveField:
        """One row, as far as rows that are not given go."""
        return ReceptiveField()

    def output_lengths(self, lengths: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """As many as go in."""
        return lengths

    def forward(self, columns: Int[Tensor, "B T N"], lengths: Int[Tensor, " B"]) -> Encoded:
        """Whole pieces."""
        known, given = self._split(columns)
        frames = self.now(known)
        if self.listener is not None:
            frames = torch.cat([frames, self.listen(given, lengths)], dim=-1)
        return Encoded(masked(frames, lengths), lengths)

    def listen(self, given: Int[Tensor, "B T M"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T E"]:
        """What each row hears of the given voices of whole pieces; the first carry of `step`."""
        assert self.ahead is not None, "no voice may be given to this front"
        assert self.listener is not None, "no voice may be given to this front"
        heard: Tensor = self.listener(Encoded(masked(self.ahead(given), lengths), lengths)).frames
        anything = (given != 0).any(dim=2).any(dim=1)
        return heard * anything[:, None, None]

    def step(
        self, columns: Int[Tensor, "B t N"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B t D"], tuple[Tensor, ...]]:
        """The next rows; the carry is what `listen` heard of the rows that are still to come, or nothing.

        Past its end, and without it, nothing is given.
        """
        known, _ = self._split(columns)
        frames = self.now(known)
        if self.listener is None:
            return frames, ()
        batch, count = columns.shape[:2]
        heard = carry[0] if carry else frames.new_zeros(batch, 0, self.listener.output_size)
        missing = max(count - heard.shape[1], 0)
        now = torch.cat([heard[:, :count], heard.new_zeros(batch, missing, heard.shape[2])], dim=1)
        return torch.cat([frames, now], dim=-1), (heard[:, count:],)

    def _split(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        return columns[:, :, : self.num_known], columns[:, :, self.num_known :]
