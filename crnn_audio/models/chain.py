"""The tokens of a row, drawn one after the other: each column hears the frame and the columns before it.

By the chain rule the product of its softmaxes is the joint probability of the row, so that the notes of a chord know of
one another (as in RNN-NADE, Boulanger-Lewandowski, Bengio and Vincent 2012, by voices in place of keys).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class ChainHead(nn.Module):
    """One hidden layer and a softmax for each column of a row.

    What column p hears is A_p h + sum over q < p of E_pq[token q], through a ReLU.

    Args:
        sizes: tokens of each column, whose ids are 1 to that number.
        hidden_size: units of each column's hidden layer.
    """

    def __init__(self, input_size: int, sizes: Sequence[int], hidden_size: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        count = len(sizes)
        self.sizes = tuple(sizes)
        self.hidden_size = hidden_size
        self.drive = nn.Linear(input_size, count * hidden_size)
        self.earlier = nn.ModuleList(
            nn.Embedding(size + 1, (count - 1 - place) * hidden_size) for place, size in enumerate(sizes[:-1])
        )
        self.dropout = nn.Dropout(dropout)
        self.softmax = nn.ModuleList(nn.Linear(hidden_size, size) for size in sizes)

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U D"]:
        """What the frame says to each column's hidden layer, side by side: what a row is drawn from."""
        drive: Tensor = self.drive(frames)
        return drive if drive.dtype.itemsize >= 4 else drive.float()

    def begun(self, drive: Float[Tensor, "B U D"]) -> Float[Tensor, "B U P M"]:
        """The hidden layers before any token of the row is known."""
        return drive.reshape(*drive.shape[:2], len(self.sizes), self.hidden_size)

    def log_probs(self, hidden: Float[Tensor, "B U P M"], place: int) -> Float[Tensor, "B U V"]:
        """Of the tokens of a column, the first of which has id 1, once those before it have been told."""
        logits: Tensor = self.softmax[place](self.dropout(F.relu(hidden[:, :, place])))
        return logits.log_softmax(dim=-1)

    def told(
        self, hidden: Float[Tensor, "B U P M"], place: int, tokens: Int[Tensor, "B U"]
    ) -> Float[Tensor, "B U P M"]:
        """The hidden layers after a column's tokens are known."""
        if place == len(self.sizes) - 1:
            return hidden
        later = self.earlier[place](tokens).reshape(*tokens.shape, -1, self.hidden_size)
        return torch.cat([hidden[:, :, : place + 1], hidden[:, :, place + 1 :] + later], dim=2)

    def losses(self, drive: Float[Tensor, "B U D"], tokens: Int[Tensor, "B U P"]) -> Float[Tensor, "B U P"]:
        """Negative log-likelihood of each token in nats, given those before it in its row; id 0 (padding) has none."""
        hidden, found = self.begun(drive), list[Tensor]()
        for place in range(len(self.sizes)):
            own = tokens[:, :, place]
            picked = self.log_probs(hidden, place).gather(-1, (own - 1).clamp(min=0).unsqueeze(-1)).squeeze(-1)
            found.append(torch.where(own > 0, -picked, 0.0))
            hidden = self.told(hidden, place, own)
        return torch.stack(found, dim=-1)
