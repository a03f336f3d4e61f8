"""A recurrent cell run along time: simple RNN, LSTM or GRU, by PyTorch's kernels or frame by frame.

The kernels are faster for whole sequences. Frame by frame is faster for a few frames of an LSTM on a CPU, and needed
for zoneout, which mixes each state with the previous one.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
STATES = {"rnn": 1, "lstm": 2, "gru": 1}
SQUASH = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}
FEW_FRAMES = 12
"""Up to so many frames an LSTM on a CPU is faster in plain operations than by oneDNN."""


class RecurrentCell(nn.Module):
    """A cell run along time from the first frame to the last, with our initial weights.

    Args:
        nonlinearity: of the simple RNN: "tanh", "relu" or "sigmoid".
        zoneout: probability that a unit keeps its state of the frame before (Krueger et al. 2016); in
            evaluation mode each new state is its expectation.
        chrono: frames that gates are initialised to remember; 0 for none.
    """

    def __init__(
        self, input_size: int, hidden_size: int, cell: str, nonlinearity: str, zoneout: float = 0.0, chrono: int = 0
    ) -> None:
        super().__init__()
        self.kind = cell
        self.num_states = STATES[cell]
        self.nonlinearity = nonlinearity
        self.zoneout = zoneout
        options = {"nonlinearity": "relu" if nonlinearity == "relu" else "tanh"} if cell == "rnn" else {}
        self.cell = CELLS[cell](input_size, hidden_size, batch_first=True, **options)
        initialize(self.cell, cell, chrono)

    def forward(
        self, frames: Float[Tensor, "B T D"], state: tuple[Tensor, ...] | None
    ) -> tuple[Float[Tensor, "B T H"], tuple[Tensor, ...]]:
        """Outputs and the state after the last frame: h of shape (1, B, H), for an LSTM h and c."""
        if frames.is_cuda and torch.is_autocast_enabled("cuda"):
            # Whatever dtype autocast has, PyTorch runs cuDNN's cells in float16, in which small gradients vanish.
            with torch.autocast("cuda", enabled=False):
                return self.forward(frames.float(), state)
        if state is None:
            state = (frames.new_zeros(1, frames.shape[0], self.cell.hidden_size),) * self.num_states
        if frames.shape[1] == 0:
            return frames.new_zeros(frames.shape[0], 0, self.cell.hidden_size), state
        if self.zoneout:
            return self._by_frames(frames, state)
        if self.nonlinearity == "sigmoid":
            return _sigmoid_rnn(self.cell, frames, state[0])
        output, after = self.cell(frames, state if self.num_states == 2 else state[0])
        return output, after if self.num_states == 2 else (after,)

    def step(
        self, frames: Float[Tensor, "B t D"], state: tuple[Tensor, ...] | None
    ) -> tuple[Float[Tensor, "B t H"], tuple[Tensor, ...]]:
        """As `forward`, faster for a few frames: oneDNN's LSTM reorders all its weights at every call."""
        if self.kind == "lstm" and state and 0 < frames.shape[1] <= FEW_FRAMES and not frames.is_cuda:
            return self._by_frames(frames, state)
        output, after = self(frames, state)
        return output, after

    def _by_frames(self, frames: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """In plain operations; the input products are computed for all frames at once."""
        cell, outputs = self.cell, []
        now = tuple(one.squeeze(0) for one in state)
        for from_input in F.linear(frames, cell.weight_ih_l0, cell.bias_ih_l0).unbind(dim=1):
            from_state = F.linear(now[0], cell.weight_hh_l0, cell.bias_hh_l0)
            after = self._equations(from_input, from_state, now)
            now = tuple(map(self._zoned_out, after, now)) if self.zoneout else after
            outputs.append(now[0])
        return torch.stack(outputs, dim=1), tuple(one.unsqueeze(0) for one in now)

    def _equations(self, from_input: Tensor, from_state: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self.kind == "lstm":
            write, forget, content, output = (from_input + from_state).chunk(4, dim=-1)
            memory = forget.sigmoid() * state[1] + write.sigmoid() * content.tanh()
            return output.sigmoid() * memory.tanh(), memory
        if self.kind == "gru":
            reset, update, content = from_input.chunk(3, dim=-1)
            reset_state, update_state, content_state = from_state.chunk(3, dim=-1)
            gate = (update + update_state).sigmoid()
            return ((1 - gate) * (content + (reset + reset_state).sigmoid() * content_state).tanh() + gate * state[0],)
        return (SQUASH[self.nonlinearity](from_input + from_state),)

    def _zoned_out(self, new: Tensor, old: Tensor) -> Tensor:
        if not self.training:
            return torch.lerp(new, old, self.zoneout)
        return torch.where(torch.rand_like(new) < self.zoneout, old, new)


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


def initialize(cell: nn.RNNBase, kind: str, chrono: int = 0) -> None:
    """Orthogonal recurrent weights, Xavier-uniform input weights (each gate by itself), zero biases.

    The LSTM's forget gate starts with a bias of 1 (Jozefowicz et al. 2015), so that it begins by remembering.
    With `chrono` (Tallec and Ollivier 2018) a unit's gates start where it forgets after 1 to `chrono` - 1 frames: the
    bias of what keeps its state is the logarithm of that number, that of what writes to an LSTM's is its negative.
    """
    size, weights = cell.hidden_size, dict(cell.named_parameters())
    if weights["weight_hh_l0"].is_meta:  # shapes alone; torch would import its compiler for the orthogonal ones
        return
    for gate in range(GATES[kind]):
        rows = slice(gate * size, (gate + 1) * size)
        nn.init.orthogonal_(weights["weight_hh_l0"].data[rows])
        nn.init.xavier_uniform_(weights["weight_ih_l0"].data[rows])
    nn.init.zeros_(weights["bias_ih_l0"])
    nn.init.zeros_(weights["bias_hh_l0"])
    bias = weights["bias_ih_l0"].data
    if kind == "lstm":
        nn.init.ones_(bias[size : 2 * size])
    if chrono:
        bias[size : 2 * size].uniform_(1, chrono - 1).log_()  # the LSTM's forget gate, the GRU's update gate
    if chrono and kind == "lstm":
        bias[:size] = -bias[size : 2 * size]
