"""Law 12: a TCN and its gradients are dilated convolutions written out by hand (Bai, Kolter and Koltun 2018)."""

import pytest
import torch
from torch import Tensor, nn

from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tcn import CausalConv, TcnLayer
from crnn_audio.types import Encoded
from tests.invariants.small import moved, padded
from tests.invariants.test_equations import EXACT, layer_norm

SIZE = 8


def convolved(conv: CausalConv, frames: list[Tensor], taps: list[Tensor], dilation: int) -> list[Tensor]:
    """F(s) = sum over i = 0 .. k - 1 of f(i) x(s - d i), tap by tap; what is before the frames is in `taps`."""
    weight, bias = conv.conv.weight, conv.conv.bias
    kernel_size, inputs, outputs = weight.shape[2], [*taps, *frames], []
    for s in range(len(taps), len(inputs)):
        total = bias
        for i in range(kernel_size):
            if s - dilation * i >= 0:  # silence before a sequence
                total = total + weight[:, :, kernel_size - 1 - i] @ inputs[s - dilation * i]
        outputs.append(total)
    return outputs


def relu(z: Tensor) -> Tensor:
    return z * (z > 0)


def gelu(z: Tensor) -> Tensor:
    """z times the chance that a standard normal number is below it (Hendrycks and Gimpel 2016)."""
    return z * (1 + torch.erf(z / 2**0.5)) / 2


BY_HAND = {"relu": relu, "gelu": gelu}


def block_by_hand(
    layer: TcnLayer, frames: list[Tensor], dilation: int, taps: tuple[list[Tensor], ...], activation: str = "relu"
) -> list[Tensor]:
    """One sequence through a residual block: o = ReLU(x + F(x))."""
    inside = frames
    for conv, norm, before in zip(layer.convs, layer.norms, taps, strict=True):
        inside = [BY_HAND[activation](layer_norm(one, norm)) for one in convolved(conv, inside, before, dilation)]
    return [relu(one + frame) for one, frame in zip(inside, frames, strict=True)]


def assert_same_gradients(found: Tensor, wanted: Tensor, sources: list[Tensor]) -> None:
    """Of every output, to which all sources matter; and of the last one alone."""
    last = torch.zeros_like(wanted)
    last[-1] = 1
    for weighing, all_matter in ((torch.randn_like(wanted), True), (last, False)):
        ours = torch.autograd.grad((found * weighing).sum(), sources, retain_graph=True)
        theirs = torch.autograd.grad((wanted * weighing).sum(), sources, retain_graph=True)
        for one, other in zip(ours, theirs, strict=True):
            assert not all_matter or float(other.abs().sum()) > 0
            torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("from_taps", [False, True], ids=["from_silence", "from_taps"])
@pytest.mark.parametrize(("norm", "activation"), [("none", "relu"), ("layer", "relu"), ("layer", "gelu")])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (3, 1), (2, 4), (3, 2), (5, 3)])
def test_a_layer_and_its_gradients_are_its_equations(
    kernel_size: int, dilation: int, norm: str, activation: str, from_taps: bool
) -> None:
    shape = {"kernel_size": kernel_size, "dilation": dilation, "norm": norm, "activation": activation}
    layer = moved(TcnLayer(SIZE, **shape)).double()
    frames = torch.randn(1, 13, SIZE, dtype=torch.float64, requires_grad=True)
    span = (kernel_size - 1) * dilation
    given = [torch.randn(1, span, SIZE, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    if from_taps:
        outputs, kept = layer.step(frames, iter(given))
    else:
        outputs, kept = layer.step(frames, None)
        assert torch.equal(outputs, layer(frames, torch.tensor([13])))
    taps = tuple(list(one[0]) if from_taps else [] for one in given)
    wanted = torch.stack(block_by_hand(layer, list(frames[0]), dilation, taps, activation))
    torch.testing.assert_close(outputs[0], wanted, **EXACT)
    assert [one.shape for one in kept] == [(1, span, SIZE)] * 2
    assert layer.reach == 2 * span
    reached = [given[0]] if from_taps and span else []
    assert_same_gradients(outputs[0], wanted, [frames, *layer.parameters(), *reached])


@pytest.mark.parametrize(("norm", "activation"), [("none", "relu"), ("layer", "gelu")])
def test_a_stack_over_a_padded_batch_is_its_equations_and_dilations_double(norm: str, activation: str) -> None:
    shape = {"hidden_size": SIZE, "num_layers": 3, "kernel_size": 3, "norm": norm, "activation": activation}
    stack = moved(Recurrent(5, cell="tcn", bidirectional=False, **shape)).double()
    items = [torch.randn(length, 5, dtype=torch.float64, requires_grad=True) for length in (4, 29, 1)]
    batch, lengths = padded(items)
    together = stack(Encoded(batch, lengths)).frames
    wanted = []
    for item in items:
        linear, first = stack.projection
        frames = [layer_norm(linear.weight @ x + linear.bias, first) for x in item]
        for layer, dilation in zip(stack.layers, (1, 2, 4), strict=True):
            frames = block_by_hand(layer, frames, dilation, ([], []), activation)
        wanted.append(torch.stack(frames))
    for row, one in enumerate(wanted):
        torch.testing.assert_close(together[row, : len(one)], one, **EXACT)
        assert (together[row, len(one) :] == 0).all()
    assert_same_gradients(together[1], wanted[1], [items[1], *stack.parameters()])


@pytest.mark.parametrize("kernel_size", [2, 3, 4])
def test_it_hears_its_reach_and_no_frame_before_it(kernel_size: int) -> None:
    """1 + 2 (k - 1) (2^n - 1) frames in all, its own among them."""
    shape = {"hidden_size": 16, "num_layers": 3, "kernel_size": kernel_size, "norm": "none"}
    stack = moved(Recurrent(5, cell="tcn", bidirectional=False, **shape)).double()
    assert stack.reach == 2 * (kernel_size - 1) * 7
    frames = torch.randn(1, 60, 5, dtype=torch.float64, requires_grad=True)
    output = stack(Encoded(frames, torch.tensor([60]))).frames[0, 50]
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), frames)
    matters = gradient[0].abs().sum(dim=1)
    assert (matters[: 50 - stack.reach] == 0).all()
    assert matters[50 - stack.reach] > 0
    assert (matters[51:] == 0).all()


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_gradients_are_those_of_small_changes(norm: str) -> None:
    layer = moved(TcnLayer(3, kernel_size=2, dilation=2, norm=norm)).double()
    frames = torch.randn(1, 6, 3, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def outputs(frames: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (frames, torch.tensor([6])))

    assert torch.autograd.gradcheck(outputs, (frames, *(one.detach().clone().requires_grad_() for one in values)))


def test_its_weights_start_as_he_and_its_biases_at_zero() -> None:
    layer = TcnLayer(64, kernel_size=3, dilation=2)
    for conv in layer.convs:
        assert conv.conv.weight.std().item() == pytest.approx((2 / (64 * 3)) ** 0.5, rel=0.05)  # He et al. 2015
        assert conv.conv.bias.tolist() == [0.0] * 64


def test_a_carry_is_as_long_as_its_taps_and_a_frame_costs_the_same_at_any_time() -> None:
    stack = Recurrent(5, cell="tcn", bidirectional=False, hidden_size=SIZE, num_layers=3, kernel_size=3).eval()
    carry = None
    for _ in range(40):
        _, carry = stack.step(torch.randn(2, 1, 5), carry)
        assert [tuple(one.shape) for one in carry] == [(2, 2 * d, SIZE) for d in (1, 1, 2, 2, 4, 4)]


def test_its_dropout_is_after_each_convolution() -> None:
    """As in Bai et al.: a block's two dropouts; the frame itself is added without."""
    layer = TcnLayer(512, kernel_size=1, dilation=1, dropout=0.4).double()
    for conv in layer.convs:
        nn.init.eye_(conv.conv.weight.data[:, :, 0])
    frames = torch.ones(1, 3, 512, dtype=torch.float64)
    outputs = layer(frames, torch.tensor([3])).detach()
    scale = 1 / 0.6
    kept = {round(float(one), 9) for one in outputs.unique()}
    assert kept == {1.0, round(1 + scale**2, 9)}
    assert float((outputs > 1).double().mean()) == pytest.approx(0.36, abs=0.04)
    assert torch.equal(layer.eval()(frames, torch.tensor([3])), 2 * frames)
