"""Simple RNN, LSTM and GRU layers, deep, one- or bidirectional, exact for every length without packing; look-ahead.

A backward layer is a forward layer that is fed each sequence reversed within its own length; padding then stands at the
end of both directions, where a causal layer cannot see it. This is as fast as an unpacked padded tensor, and exact.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from crnn_audio.lengths import masked, reversed_within
from crnn_audio.models.heads import InnerHead
from crnn_audio.types import Encoded

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
STATES = {"rnn": 1, "lstm": 2, "gru": 1}
FEW_FRAMES = 12
"""Up to here an LSTM on a CPU is quicker in plain operations than by oneDNN."""


class Recurrent(nn.Module):
    """A projection to `hidden_size`, then `num_layers` recurrent layers; norm and dropout after each.

    Args:
        input_size: numbers in an input frame.
        cell: "rnn" (Elman 1990), "lstm" (Hochreiter and Schmidhuber 1997, with forget gates) or "gru" (Cho et al. 2014,
            the variant with the reset gate after the recurrent product).
        nonlinearity: of the simple RNN: "tanh", "relu" or "sigmoid".
        norm: "layer" (over the units of one frame) or "none".
        residual: adds a layer's input to its output where their sizes agree.
        look_ahead: frames after its own that an output of a one-directional stack hears through `LookAhead`.
        inner_tokens: tokens of an `InnerHead` after each layer but the last; 0 has none.
    """

    def __init__(
        self,
        input_size: int,
        *,
        cell: str = "lstm",
        nonlinearity: str = "tanh",
        hidden_size: int = 256,
        num_layers: int = 3,
        bidirectional: bool = True,
        norm: str = "layer",
        dropout: float = 0.0,
        residual: bool = False,
        look_ahead: int = 0,
        inner_tokens: int = 0,
    ) -> None:
        super().__init__()
        if bidirectional and look_ahead:
            raise ValueError("a bidirectional stack hears the whole sequence and takes no look_ahead")
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.projection = nn.Sequential(nn.Linear(input_size, hidden_size), _norm(norm, hidden_size))
        sizes = [hidden_size] + [self.output_size] * (num_layers - 1)
        stack = [
            RecurrentLayer(size, hidden_size, cell, nonlinearity, bidirectional, norm, dropout, residual)
            for size in sizes
        ]
        self.layers: Sequence[RecurrentLayer] = nn.ModuleList(stack)  # type: ignore[assignment]  # typed by its items
        self.look_ahead = LookAhead(self.output_size, look_ahead) if look_ahead else None
        num_inner = num_layers - 1 if inner_tokens else 0
        self.inner_heads = nn.ModuleList(InnerHead(self.output_size, inner_tokens) for _ in range(num_inner))

    def forward(self, encoded: Encoded) -> Encoded:
        """Of whole sequences from a zero state; zeros past their lengths."""
        frames, inner = self.projection(encoded.frames), list[Tensor]()
        for layer, inner_head in zip_longest(self.layers, self.inner_heads):
            frames = layer(frames, encoded.lengths)
            if inner_head is not None:
                frames, guess = inner_head(frames)
                inner.append(guess)
        if self.look_ahead is not None:
            frames = self.look_ahead(masked(frames, encoded.lengths))
        return Encoded(masked(frames, encoded.lengths), encoded.lengths, tuple(inner))

    def step(
        self, frames: Float[Tensor, "B t D"], carry: tuple[Tensor, ...] | None, *, last: bool = False
    ) -> tuple[Float[Tensor, "B u H"], tuple[Tensor, ...]]:
        """Of the next frames of one-directional sequences, and the state after them; no carry is the zero state.

        With a look-ahead the outputs are as many frames late; `last` releases them.
        """
        states: Iterator[Tensor] | None = iter(carry) if carry else None
        frames, kept = self.projection(frames), list[Tensor]()
        for layer, inner_head in zip_longest(self.layers, self.inner_heads):
            frames, state = layer.step(frames, states)
            kept.extend(state)
            if inner_head is not None:
                frames, _ = inner_head(frames)
        if self.look_ahead is not None:
            frames, pending = self.look_ahead.step(frames, next(states) if states else None, last)
            kept.append(pending)
        return frames, tuple(kept)


class LookAhead(nn.Module):
    """Each unit weighed with itself in the next `frames` frames (row convolution, Amodei et al. 2016).

    It begins as the identity: all weight on the frame itself.
    """

    def __init__(self, size: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.weight = nn.Parameter(torch.zeros(size, 1, frames + 1))
        nn.init.ones_(self.weight.data[:, :, 0])

    def forward(self, frames: Float[Tensor, "B T H"]) -> Float[Tensor, "B T H"]:
        """Of whole sequences, whose padding is zero."""
        if frames.shape[1] == 0:
            return frames
        return self._weigh(F.pad(frames, (0, 0, 0, self.frames)))

    def step(
        self, frames: Float[Tensor, "B t H"], carry: Tensor | None, last: bool
    ) -> tuple[Float[Tensor, "B u H"], Float[Tensor, "B v H"]]:
        """Of the next frames: those whose future is known, and those that wait for theirs."""
        pending = frames if carry is None else torch.cat([carry, frames], dim=1)
        if last:
            pending = F.pad(pending, (0, 0, 0, self.frames))
        count = max(pending.shape[1] - self.frames, 0)
        ready = self._weigh(pending) if count else frames.new_zeros(frames.shape[0], 0, frames.shape[2])
        return ready, pending[:, count:]

    def _weigh(self, frames: Tensor) -> Tensor:
        return F.conv1d(frames.transpose(1, 2), self.weight, groups=frames.shape[2]).transpose(1, 2)


class RecurrentLayer(nn.Module):
    """One layer of one or two directions, then norm, dropout and, if asked, the residual sum."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        cell: str,
        nonlinearity: str,
        bidirectional: bool,
        norm: str,
        dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        output_size = hidden_size * (2 if bidirectional else 1)
        self.forwards = Direction(input_size, hidden_size, cell, nonlinearity)
        self.backwards = Direction(input_size, hidden_size, cell, nonlinearity) if bidirectional else None
        self.norm = _norm(norm, output_size)
        self.dropout = nn.Dropout(dropout)
        self.residual = residual and input_size == output_size

    def forward(self, frames: Float[Tensor, "B T D"], lengths: Tensor) -> Float[Tensor, "B T H"]:
        """Of whole sequences; what stands past their lengths is without meaning."""
        output, _ = self.forwards(frames, None)
        if self.backwards is not None:
            mirrored, _ = self.backwards(reversed_within(frames, lengths), None)
            output = torch.cat([output, reversed_within(mirrored, lengths)], dim=-1)
        return self._finish(frames, output)

    def step(
        self, frames: Float[Tensor, "B t D"], states: Iterator[Tensor] | None
    ) -> tuple[Float[Tensor, "B t H"], tuple[Tensor, ...]]:
        """Of the next frames; takes as many tensors from `states` as it hands back."""
        state = tuple(next(states) for _ in range(self.forwards.num_states)) if states else None
        output, state = self.forwards.step(frames, state)
        return self._finish(frames, output), state

    def _finish(self, frames: Tensor, output: Tensor) -> Tensor:
        output = self.dropout(self.norm(output))
        return output + frames if self.residual else output


class Direction(nn.Module):
    """One cell run along time from the first frame to the last: PyTorch's own kernel, our initial weights."""

    def __init__(self, input_size: int, hidden_size: int, cell: str, nonlinearity: str) -> None:
        super().__init__()
        self.num_states = STATES[cell]
        self.sigmoid = nonlinearity == "sigmoid"
        options = {"nonlinearity": "relu" if nonlinearity == "relu" else "tanh"} if cell == "rnn" else {}
        self.cell = CELLS[cell](input_size, hidden_size, batch_first=True, **options)
        initialize(self.cell, cell)

    def forward(
        self, frames: Float[Tensor, "B T D"], state: tuple[Tensor, ...] | None
    ) -> tuple[Float[Tensor, "B T H"], tuple[Tensor, ...]]:
        """Outputs and the state after the last frame: h of shape (1, B, H), for an LSTM h and c."""
        if frames.is_cuda and torch.is_autocast_enabled("cuda"):
            # Whatever autocast is told, PyTorch runs cuDNN's cells in float16, in which small gradients vanish.
            with torch.autocast("cuda", enabled=False):
                return self.forward(frames.float(), state)
        if state is None:
            state = (frames.new_zeros(1, frames.shape[0], self.cell.hidden_size),) * self.num_states
        if frames.shape[1] == 0:
            return frames.new_zeros(frames.shape[0], 0, self.cell.hidden_size), state
        if self.sigmoid:
            return _sigmoid_rnn(self.cell, frames, state[0])
        output, after = self.cell(frames, state if self.num_states == 2 else state[0])
        return output, after if self.num_states == 2 else (after,)

    def step(
        self, frames: Float[Tensor, "B t D"], state: tuple[Tensor, ...] | None
    ) -> tuple[Float[Tensor, "B t H"], tuple[Tensor, ...]]:
        """As `forward`, quicker for a few frames: oneDNN's LSTM puts all its weights in another order at every call."""
        if isinstance(self.cell, nn.LSTM) and state and 0 < frames.shape[1] <= FEW_FRAMES and not frames.is_cuda:
            return _lstm(self.cell, frames, state)
        output, after = self(frames, state)
        return output, after


def _lstm(cell: nn.LSTM, frames: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Frame by frame, in plain operations; the inputs' products are taken for all frames at once."""
    own, outputs = dict(cell.named_parameters()), []
    hidden, memory = (one.squeeze(0) for one in state)
    for driven in F.linear(frames, own["weight_ih_l0"], own["bias_ih_l0"] + own["bias_hh_l0"]).unbind(dim=1):
        gates = driven + F.linear(hidden, own["weight_hh_l0"])
        write, keep, content, show = gates.chunk(4, dim=-1)
        memory = keep.sigmoid() * memory + write.sigmoid() * content.tanh()
        hidden = show.sigmoid() * memory.tanh()
        outputs.append(hidden)
    return torch.stack(outputs, dim=1), (hidden.unsqueeze(0), memory.unsqueeze(0))


def _sigmoid_rnn(cell: nn.RNN, frames: Tensor, state: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """h' = sigmoid(Wx + Uh + b) by the tanh kernel: sigmoid(z) = (tanh(z / 2) + 1) / 2, so with h = (g + 1) / 2
    g' = tanh((W/2) x + (U/4) g + (b + U 1/2) / 2).
    """
    own = dict(cell.named_parameters())
    recurrent = own["weight_hh_l0"]
    weights: dict[str, Tensor] = {
        "weight_ih_l0": own["weight_ih_l0"] / 2,
        "weight_hh_l0": recurrent / 4,
        "bias_ih_l0": own["bias_ih_l0"] / 2,
        "bias_hh_l0": own["bias_hh_l0"] / 2 + recurrent.sum(dim=1) / 4,
    }
    output, after = torch.func.functional_call(cell, weights, (frames, 2 * state - 1))
    return (output + 1) / 2, ((after + 1) / 2,)


def initialize(cell: nn.RNNBase, kind: str) -> None:
    """Orthogonal recurrent weights, Xavier-uniform input weights (each gate by itself), zero biases.

    The LSTM's forget gate starts with a bias of 1 (Jozefowicz et al. 2015), so that it begins by remembering.
    """
    size, weights = cell.hidden_size, dict(cell.named_parameters())
    for gate in range(GATES[kind]):
        rows = slice(gate * size, (gate + 1) * size)
        nn.init.orthogonal_(weights["weight_hh_l0"].data[rows])
        nn.init.xavier_uniform_(weights["weight_ih_l0"].data[rows])
    nn.init.zeros_(weights["bias_ih_l0"])
    nn.init.zeros_(weights["bias_hh_l0"])
    if kind == "lstm":
        nn.init.ones_(weights["bias_ih_l0"].data[size : 2 * size])


def _norm(kind: str, size: int) -> nn.Module:
    return nn.LayerNorm(size) if kind == "layer" else nn.Identity()
