"""Attention: of the frames of an encoder, which ones does a decoder look at for its next token?

The weights of a query are a softmax over the frames within their length, in float32 at the least; the context is the
sum of the frames weighted so.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.lengths import mask

KINDS = ("dot", "additive", "location")


class Attention(nn.Module):
    """Weights of frames for queries, and their weighted sums.

    Args:
        query_size, memory_size: numbers in a query and in a frame of the memory.
        kind: "dot" (scaled: Luong et al. 2015, Vaswani et al. 2017), "additive" (Bahdanau et al. 2015), or "location":
            additive, which also sees where the weights were up to now (Chorowski et al. 2015).
        size: numbers that queries and frames are compared in.
        channels, kernel_size: of the convolution over earlier weights, for "location".
    """

    def __init__(
        self, query_size: int, memory_size: int, kind: str, size: int, *, channels: int = 10, kernel_size: int = 31
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"attention is one of {', '.join(KINDS)} (found {kind!r})")
        self.kind = kind
        self.query = nn.Linear(query_size, size)
        self.key = nn.Linear(memory_size, size, bias=False)
        self.energy = nn.Linear(size, 1, bias=False) if kind != "dot" else None
        self.located = nn.Conv1d(1, channels, kernel_size, padding=kernel_size // 2) if kind == "location" else None
        self.location = nn.Linear(channels, size, bias=False) if kind == "location" else None

    def keys(self, memory: Float[Tensor, "B T M"]) -> Float[Tensor, "B T A"]:
        """What queries are compared with, computed once a sequence."""
        keys: Tensor = self.key(memory)
        return keys

    def forward(
        self,
        queries: Float[Tensor, "B L Q"],
        memory: Float[Tensor, "B T M"],
        keys: Float[Tensor, "B T A"],
        lengths: Int[Tensor, " B"],
        before: Float[Tensor, "B T"],
    ) -> tuple[Float[Tensor, "B L M"], Float[Tensor, "B L T"]]:
        """The context of each query, and its weights, zero past the lengths; `before` is the sum of earlier weights."""
        outside = ~mask(lengths.clamp(min=1), memory.shape[1])
        projected = self.query(queries)
        if self.kind != "location":
            weights = _softmax(self._energies(projected, keys), outside)
        else:
            found = []
            for query in projected.unbind(dim=1):
                one = _softmax(self._located_energies(query, keys, before), outside)
                before = before + one[:, 0].to(before.dtype)
                found.append(one)
            weights = torch.cat(found, dim=1)
        context: Tensor = weights.to(memory.dtype) @ memory
        return context, weights

    def _energies(self, queries: Float[Tensor, "B L A"], keys: Float[Tensor, "B T A"]) -> Float[Tensor, "B L T"]:
        if self.energy is None:
            compared: Tensor = queries @ keys.transpose(1, 2) / keys.shape[-1] ** 0.5
            return compared
        energies: Tensor = self.energy(torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)))
        return energies.squeeze(-1)

    def _located_energies(
        self, query: Float[Tensor, "B A"], keys: Float[Tensor, "B T A"], before: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B 1 T"]:
        assert self.energy is not None and self.located is not None and self.location is not None  # noqa: PT018
        seen = self.location(self.located(before.unsqueeze(1).to(keys.dtype)).transpose(1, 2))
        energies: Tensor = self.energy(torch.tanh(query.unsqueeze(1) + keys + seen))
        return energies.transpose(1, 2)


def _softmax(energies: Float[Tensor, "B L T"], outside: Tensor) -> Float[Tensor, "B L T"]:
    precise = energies if energies.dtype.itemsize >= 4 else energies.float()
    return F.softmax(precise.masked_fill(outside.unsqueeze(1), -torch.inf), dim=-1)
