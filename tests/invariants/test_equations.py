"""Law 12: each cell and its gradients through time are the published equations, written out by hand in a loop."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from crnn_audio.models.cells import RecurrentCell
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.types import Encoded
from tests.invariants.small import RECURRENT, moved, padded

EXACT = {"rtol": 1e-9, "atol": 1e-9}

# ---------------------------------------------------------------------------------------- cells


def sigmoid(z: Tensor) -> Tensor:
    return 1 / (1 + (-z).exp())


def tanh(z: Tensor) -> Tensor:
    return (z.exp() - (-z).exp()) / (z.exp() + (-z).exp())


SQUASH: dict[str, Callable[[Tensor], Tensor]] = {"tanh": tanh, "sigmoid": sigmoid, "relu": lambda z: z * (z > 0)}


def unrolled(
    kind: str, cell: nn.RNNBase, frames: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One sequence (T, D) through a cell, frame by frame; the state is h, for an LSTM h and c."""
    own = dict(cell.named_parameters())
    weight, recurrent = own["weight_ih_l0"], own["weight_hh_l0"]
    bias, recurrent_bias = own["bias_ih_l0"], own["bias_hh_l0"]
    h, *memory = state
    outputs = []
    for x in frames:
        fed, fed_back = weight @ x + bias, recurrent @ h + recurrent_bias
        if kind == "lstm":  # input gate, forget gate, candidate, output gate
            i, f, g, o = (fed + fed_back).chunk(4)
            memory = [sigmoid(f) * memory[0] + sigmoid(i) * tanh(g)]
            h = sigmoid(o) * tanh(memory[0])
        elif kind == "gru":  # reset gate, update gate, candidate
            (r, z, n), (r_back, z_back, n_back) = fed.chunk(3), fed_back.chunk(3)
            kept = sigmoid(z + z_back)
            h = (1 - kept) * tanh(n + sigmoid(r + r_back) * n_back) + kept * h
        else:
            h = SQUASH[kind](fed + fed_back)
        outputs.append(h)
    return torch.stack(outputs), (h, *memory)


def direction(kind: str, units: int) -> RecurrentCell:
    nonlinearity = kind if RECURRENT[kind] == "rnn" else "tanh"
    return moved(RecurrentCell(3, units, RECURRENT[kind], nonlinearity)).double()


def random_state(kind: str, units: int) -> tuple[Tensor, ...]:
    states = 2 if kind == "lstm" else 1
    return tuple(torch.randn(1, 1, units, dtype=torch.float64, requires_grad=True) for _ in range(states))


@pytest.mark.parametrize("from_zero", [True, False], ids=["from_zero", "from_a_state"])
@pytest.mark.parametrize("kind", RECURRENT)
def test_a_cell_and_its_gradients_are_its_equations(kind: str, from_zero: bool) -> None:
    ours = direction(kind, units=8)
    frames = torch.randn(1, 11, 3, dtype=torch.float64, requires_grad=True)
    given = random_state(kind, units=8)
    start = tuple(one.detach() * 0 for one in given) if from_zero else given
    outputs, after = ours(frames, None if from_zero else given)
    wanted, wanted_after = unrolled(kind, ours.cell, frames[0], tuple(one[0, 0] for one in start))
    torch.testing.assert_close(outputs[0], wanted, **EXACT)
    for found, one in zip(after, wanted_after, strict=True):
        torch.testing.assert_close(found[0, 0], one, **EXACT)
    sources = [frames, *ours.parameters(), *(() if from_zero else given)]
    # Every output; and the last one alone, whose gradient has gone through all of time.
    weighing = torch.randn_like(wanted)
    for theirs, expected in [
        ((outputs[0] * weighing).sum(), (wanted * weighing).sum()),
        (outputs[0, -1].sum(), wanted[-1].sum()),
    ]:
        found = torch.autograd.grad(theirs, sources, retain_graph=True)
        for one, other in zip(found, torch.autograd.grad(expected, sources, retain_graph=True), strict=True):
            assert float(other.abs().sum()) > 0
            torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("kind", RECURRENT)
def test_gradients_through_time_are_those_of_small_changes(kind: str) -> None:
    ours = direction(kind, units=3)
    frames = torch.randn(1, 5, 3, dtype=torch.float64, requires_grad=True)
    names, values = zip(*ours.named_parameters(), strict=True)

    def outputs(frames: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(ours, dict(zip(names, weights, strict=True)), (frames, None))[0]

    assert torch.autograd.gradcheck(outputs, (frames, *(one.detach().clone().requires_grad_() for one in values)))


def layer_norm(frame: Tensor, norm: nn.Module) -> Tensor:
    """Ba et al. 2016, over one frame."""
    if isinstance(norm, nn.Identity):
        return frame
    centred = frame - frame.sum() / frame.numel()
    return centred / ((centred**2).sum() / frame.numel() + 1e-5).sqrt() * norm.weight + norm.bias


def stack_by_hand(kind: str, stack: Recurrent, frames: Tensor, residual: bool) -> Tensor:
    """One sequence (T, D) through a stack of layers, the backward cells from its last frame to its first."""
    linear, norm = stack.projection
    frames = torch.stack([layer_norm(linear.weight @ x + linear.bias, norm) for x in frames])
    for layer in stack.layers:
        zero = tuple(torch.zeros(4, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1))
        outputs, _ = unrolled(kind, layer.forwards.cell, frames, zero)
        if layer.backwards is not None:
            backwards, _ = unrolled(kind, layer.backwards.cell, frames.flip(0), zero)
            outputs = torch.cat([outputs, backwards.flip(0)], dim=1)
        outputs = torch.stack([layer_norm(frame, layer.norm) for frame in outputs])
        frames = outputs + frames if residual and outputs.shape == frames.shape else outputs
    return frames


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("kind", RECURRENT)
def test_a_stack_of_layers_over_a_padded_batch_is_its_equations(
    kind: str, bidirectional: bool, norm: str, residual: bool
) -> None:
    stack = Recurrent(
        3,
        cell=RECURRENT[kind],
        nonlinearity=kind if RECURRENT[kind] == "rnn" else "tanh",
        hidden_size=4,
        num_layers=3,
        bidirectional=bidirectional,
        norm=norm,
        residual=residual,
    )
    moved(stack).double()
    items = [torch.randn(length, 3, dtype=torch.float64, requires_grad=True) for length in (3, 7, 1)]
    batch, lengths = padded(items)
    together = stack(Encoded(batch, lengths)).frames
    wanted = [stack_by_hand(kind, stack, item, residual) for item in items]
    sources = [*items, *stack.parameters()]
    for row, one in enumerate(wanted):
        torch.testing.assert_close(together[row, : len(one)], one, **EXACT)
    weighing = torch.randn_like(together)
    expected = sum((one * weighing[row, : len(one)]).sum() for row, one in enumerate(wanted))
    found = torch.autograd.grad((together * weighing).sum(), sources)
    for one, other in zip(found, torch.autograd.grad(expected, sources), strict=True):
        torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_weights_start_orthogonal_and_input_weights_xavier(kind: str) -> None:
    cell = RecurrentCell(40, 32, RECURRENT[kind], kind if RECURRENT[kind] == "rnn" else "tanh").cell
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    assert cell.weight_hh_l0.shape == (gates * 32, 32)
    for block in cell.weight_hh_l0.chunk(gates):
        torch.testing.assert_close(block @ block.T, torch.eye(32), rtol=0, atol=1e-5)
    bound = math.sqrt(6 / (40 + 32))  # Glorot and Bengio 2010, each gate by itself
    for block in cell.weight_ih_l0.chunk(gates):
        assert 0.98 * bound < block.abs().max().item() <= bound
        assert block.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize("kind", RECURRENT)
def test_biases_start_at_zero_and_the_forget_gate_at_one(kind: str) -> None:
    cell = RecurrentCell(5, 4, RECURRENT[kind], "tanh").cell
    bias = cell.bias_ih_l0 + cell.bias_hh_l0
    wanted = [0.0] * 4 + [1.0] * 4 + [0.0] * 8 if kind == "lstm" else [0.0] * len(bias)
    assert bias.tolist() == wanted
