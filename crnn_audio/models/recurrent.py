"""Simple RNN, LSTM, GRU or TCN layers, deep, one- or bidirectional, exact for every length without packing.

A backward layer is a forward layer that is fed each sequence reversed within its own length; padding then stands at the
end of both directions, where a causal layer cannot see it. This is as fast as an unpacked padded tensor, and exact.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from crnn_audio.lengths import masked, reversed_within
from crnn_audio.models.cells import CELLS, RecurrentCell
from crnn_audio.models.dropout import TimeDropout
from crnn_audio.models.heads import InterCtcHead
from crnn_audio.models.tcn import TcnLayer
from crnn_audio.types import Encoded

TCN = "tcn"
KINDS = (*CELLS, TCN)
"""The kinds of layers."""


class Recurrent(nn.Module):
    """A projection to `hidden_size`, then `num_layers` recurrent layers; norm and dropout after each.

    Args:
        input_size: numbers in an input frame.
        cell: "rnn" (Elman 1990), "lstm" (Hochreiter and Schmidhuber 1997, with forget gates), "gru" (Cho et al. 2014,
            the variant with the reset gate after the recurrent product) or, in their place, "tcn" (see `TcnLayer`),
            whose dilation doubles from layer to layer.
        nonlinearity: of the simple RNN: "tanh", "relu" or "sigmoid".
        projection: whether there is one; without it the first layer reads the input frames.
        kernel_size, activation: taps of the TCN's convolutions, and "relu" or "gelu" after each.
        norm: "layer" (over the units of one frame) or "none".
        dropout, input_dropout: on each layer's output, and on the input frames.
        variational: dropout with one mask for all frames of a sequence.
        zoneout: probability that a unit of the cells' state is not updated (see `RecurrentCell`).
        residual: adds a layer's input to its output where their sizes agree.
        chrono: frames that LSTM or GRU gates are initialised to remember (see `initialize`); 0 for none.
        look_ahead: future frames that an output of a one-directional stack depends on, through `LookAhead`.
        interctc_tokens: tokens of an `InterCtcHead` after each layer but the last; 0 for no such heads.
    """

    def __init__(
        self,
        input_size: int,
        *,
        cell: str = "lstm",
        nonlinearity: str = "tanh",
        hidden_size: int = 256,
        num_layers: int = 3,
        projection: bool = True,
        bidirectional: bool = True,
        kernel_size: int = 3,
        activation: str = "relu",
        norm: str = "layer",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        variational: bool = False,
        zoneout: float = 0.0,
        residual: bool = False,
        chrono: int = 0,
        look_ahead: int = 0,
        interctc_tokens: int = 0,
    ) -> None:
        super().__init__()
        if bidirectional and (look_ahead or cell == TCN):
            raise ValueError("a bidirectional stack reads the whole sequence: it has no look_ahead and cannot be a TCN")
        if cell == TCN and not projection:
            raise ValueError("a TCN adds its input to its output, so it needs the projection to their size")
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.input_dropout = TimeDropout(input_dropout, variational=variational)
        self.projection: nn.Module = nn.Identity()
        if projection:
            self.projection = nn.Sequential(nn.Linear(input_size, hidden_size), _norm(norm, hidden_size))

        def layer(index: int) -> "RecurrentLayer | TcnLayer":
            size = self.output_size if index else hidden_size if projection else input_size
            if cell == TCN:
                kind = {"kernel_size": kernel_size, "dilation": 2**index, "activation": activation}
                return TcnLayer(hidden_size, **kind, norm=norm, dropout=dropout, variational=variational)
            cell_of = partial(RecurrentCell, size, hidden_size, cell, nonlinearity, zoneout, chrono)
            return RecurrentLayer(cell_of(), cell_of() if bidirectional else None, norm, dropout, variational, residual)

        stack = [layer(index) for index in range(num_layers)]
        self.layers: Sequence[RecurrentLayer | TcnLayer] = nn.ModuleList(stack)  # type: ignore[assignment]  # its items
        self.look_ahead = LookAhead(self.output_size, look_ahead) if look_ahead else None
        num_heads = num_layers - 1 if interctc_tokens else 0
        self.inner_heads = nn.ModuleList(InterCtcHead(self.output_size, interctc_tokens) for _ in range(num_heads))

    @property
    def reach(self) -> int | None:
        """Past frames that an output of a TCN depends on; None for cells, which depend on all of them."""
        blocks = [layer for layer in self.layers if isinstance(layer, TcnLayer)]
        return sum(block.reach for block in blocks) if blocks else None

    def forward(self, encoded: Encoded) -> Encoded:
        """Outputs of whole sequences from a zero state; zeros past their lengths."""
        frames, intermediate = self.projection(self.input_dropout(encoded.frames)), list[Tensor]()
        for layer, head in zip_longest(self.layers, self.inner_heads):
            frames = layer(frames, encoded.lengths)
            if head is not None:
                frames, log_probs = head(frames)
                intermediate.append(log_probs)
        if self.look_ahead is not None:
            frames = self.look_ahead(masked(frames, encoded.lengths))
        return Encoded(masked(frames, encoded.lengths), encoded.lengths, tuple(intermediate))

    def step(
        self, frames: Float[Tensor, "B t D"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u H"], tuple[Tensor, ...]]:
        """Outputs for the next frames of one-directional sequences, and the state after them; None is the zero state.

        A look-ahead delays the outputs by as many frames; `last` releases them.
        """
        states: Iterator[Tensor] | None = iter(carry) if carry else None
        frames, after = self.projection(self.input_dropout(frames)), list[Tensor]()
        for layer, head in zip_longest(self.layers, self.inner_heads):
            frames, state = layer.step(frames, states)
            after.extend(state)
            if head is not None:
                frames, _ = head(frames)
        if self.look_ahead is not None:
            frames, pending = self.look_ahead.step(frames, next(states) if states else None, last)
            after.append(pending)
        return frames, tuple(after)


class LookAhead(nn.Module):
    """A weighted sum of each unit over its frame and the next `frames` (row convolution, Amodei et al. 2016).

    It is initialised as the identity.
    """

    def __init__(self, size: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.weight = nn.Parameter(torch.empty(size, 1, frames + 1))
        nn.init.zeros_(self.weight)
        nn.init.ones_(self.weight.data[:, :, 0])

    def forward(self, frames: Float[Tensor, "B T H"]) -> Float[Tensor, "B T H"]:
        """Outputs for whole sequences, whose padding is zero."""
        if frames.shape[1] == 0:
            return frames
        return self._convolve(F.pad(frames, (0, 0, 0, self.frames)))

    def step(
        self, frames: Float[Tensor, "B t H"], carry: Tensor | None, last: bool
    ) -> tuple[Float[Tensor, "B u H"], Float[Tensor, "B v H"]]:
        """Outputs for the frames whose look-ahead has arrived, and the frames that wait for theirs."""
        pending = frames if carry is None else torch.cat([carry, frames], dim=1)
        if last:
            pending = F.pad(pending, (0, 0, 0, self.frames))
        count = max(pending.shape[1] - self.frames, 0)
        ready = self._convolve(pending) if count else frames.new_zeros(frames.shape[0], 0, frames.shape[2])
        return ready, pending[:, count:]

    def _convolve(self, frames: Tensor) -> Tensor:
        return F.conv1d(frames.transpose(1, 2), self.weight, groups=frames.shape[2]).transpose(1, 2)


class RecurrentLayer(nn.Module):
    """One layer of one or two directions, then norm, dropout and, optionally, the residual sum."""

    def __init__(
        self,
        forwards: RecurrentCell,
        backwards: RecurrentCell | None,
        norm: str,
        dropout: float,
        variational: bool,
        residual: bool,
    ) -> None:
        super().__init__()
        input_size, output_size = forwards.cell.input_size, forwards.cell.hidden_size * (2 if backwards else 1)
        self.forwards = forwards
        self.backwards = backwards
        self.norm = _norm(norm, output_size)
        self.dropout = TimeDropout(dropout, variational=variational)
        self.residual = residual and input_size == output_size

    def forward(self, frames: Float[Tensor, "B T D"], lengths: Tensor) -> Float[Tensor, "B T H"]:
        """Outputs for whole sequences; undefined past their lengths."""
        output, _ = self.forwards(frames, None)
        if self.backwards is not None:
            backward_output, _ = self.backwards(reversed_within(frames, lengths), None)
            output = torch.cat([output, reversed_within(backward_output, lengths)], dim=-1)
        return self._finish(frames, output)

    def step(
        self, frames: Float[Tensor, "B t D"], states: Iterator[Tensor] | None
    ) -> tuple[Float[Tensor, "B t H"], tuple[Tensor, ...]]:
        """Outputs for the next frames, and the state after them: as many (B, H) tensors as it takes from `states`."""
        state = tuple(next(states).unsqueeze(0) for _ in range(self.forwards.num_states)) if states else None
        output, after = self.forwards.step(frames, state)
        return self._finish(frames, output), tuple(one.squeeze(0) for one in after)

    def _finish(self, frames: Tensor, output: Tensor) -> Tensor:
        output = self.dropout(self.norm(output))
        return output + frames if self.residual else output


def _norm(kind: str, size: int) -> nn.Module:
    return nn.LayerNorm(size) if kind == "layer" else nn.Identity()
