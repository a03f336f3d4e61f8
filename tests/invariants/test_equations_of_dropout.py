"""Law 12: zoneout (Krueger et al. 2016) and dropout over time (Gal and Ghahramani 2016) are as published."""

import pytest
import torch
from torch import Tensor

from crnn_audio.models.cells import RecurrentCell
from crnn_audio.models.dropout import TimeDropout
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.types import Encoded
from tests.invariants.small import RECURRENT, moved
from tests.invariants.test_equations import EXACT, unrolled

SHARE = 0.3


def direction(kind: str, zoneout: float = 0.0, units: int = 8) -> RecurrentCell:
    nonlinearity = kind if RECURRENT[kind] == "rnn" else "tanh"
    return moved(RecurrentCell(3, units, RECURRENT[kind], nonlinearity, zoneout)).double()


def state_of(kind: str, units: int = 8) -> tuple[Tensor, ...]:
    return tuple(torch.randn(1, 2, units, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1))


# ---------------------------------------------------------------------------------------- zoneout


@pytest.mark.parametrize("from_zero", [True, False], ids=["from_zero", "from_a_state"])
@pytest.mark.parametrize("kind", RECURRENT)
def test_without_zoneout_the_plain_operations_equal_the_kernels(kind: str, from_zero: bool) -> None:
    ours = direction(kind)
    frames = torch.randn(2, 11, 3, dtype=torch.float64, requires_grad=True)
    state = tuple(0 * one for one in state_of(kind)) if from_zero else state_of(kind)
    wanted, after = ours(frames, state)
    found, own_after = ours._by_frames(frames, state)
    torch.testing.assert_close(found, wanted, **EXACT)
    for one, other in zip(own_after, after, strict=True):
        torch.testing.assert_close(one, other, **EXACT)
    weighing, sources = torch.randn_like(wanted), [frames, *ours.parameters()]
    expected = torch.autograd.grad((wanted * weighing).sum(), sources)
    for one, other in zip(torch.autograd.grad((found * weighing).sum(), sources), expected, strict=True):
        torch.testing.assert_close(one, other, **EXACT)


def zoned_by_hand(
    kind: str, ours: RecurrentCell, frames: Tensor, state: tuple[Tensor, ...], keeping: list[tuple[Tensor, ...]]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """h_t = d * h_(t-1) + (1 - d) * new h, and the same of an LSTM's c with a d of its own.

    Both new values are the cell's own, of the state before: the output sees the new memory as it was before its
    zoneout, o * tanh(f * c_(t-1) + i * g).
    """
    outputs = []
    for frame, kept in zip(frames, keeping, strict=True):
        _, new = unrolled(kind, ours.cell, frame.unsqueeze(0), state)
        state = tuple(d * old + (1 - d) * one for d, old, one in zip(kept, state, new, strict=True))
        outputs.append(state[0])
    return torch.stack(outputs), state


@pytest.mark.parametrize("kind", RECURRENT)
def test_in_judging_each_state_is_its_expectation(kind: str) -> None:
    ours, frames, state = direction(kind, SHARE).eval(), torch.randn(1, 9, 3, dtype=torch.float64), state_of(kind)
    state = tuple(one[:, :1] for one in state)
    found, after = ours(frames, state)
    always = [tuple(torch.full((8,), SHARE, dtype=torch.float64) for _ in state)] * 9
    wanted, wanted_after = zoned_by_hand(kind, ours, frames[0], tuple(one[0, 0] for one in state), always)
    torch.testing.assert_close(found[0], wanted, **EXACT)
    for one, other in zip(after, wanted_after, strict=True):
        torch.testing.assert_close(one[0, 0], other, **EXACT)
    plain, _ = direction_without(ours)(frames, state)
    assert float((plain - found).detach().abs().max()) > 1e-3, "zoneout changes nothing"


def direction_without(ours: RecurrentCell) -> RecurrentCell:
    """The same cell without zoneout."""
    plain = RecurrentCell(3, ours.cell.hidden_size, ours.kind, ours.nonlinearity).double()
    plain.load_state_dict(ours.state_dict())
    return plain


@pytest.mark.parametrize("kind", RECURRENT)
def test_in_training_each_unit_keeps_its_state_or_does_not(kind: str) -> None:
    """The masks are read off the states, frame by frame, and the rest must be the equations."""
    ours, frames, state = direction(kind, SHARE, units=64).train(), torch.randn(1, 40, 3, dtype=torch.float64), None
    state = tuple(one[:, :1] for one in state_of(kind, 64))
    kept, total, agreeing, steps = [0] * len(state), 0, 0, []
    for frame in frames.unbind(dim=1):
        _, after = ours(frame.unsqueeze(1), state)
        masks = tuple((one == old).double()[0, 0] for one, old in zip(after, state, strict=True))
        before = tuple(one[0, 0] for one in state)
        _, wanted = zoned_by_hand(kind, ours, frame, before, [masks])
        for one, other in zip(after, wanted, strict=True):
            torch.testing.assert_close(one[0, 0], other, **EXACT)
        kept = [count + int(mask.sum()) for count, mask in zip(kept, masks, strict=True)]
        agreeing += int((masks[0] == masks[-1]).sum())
        total += 64
        steps.append(masks[0])
        state = after
    if kind != "relu":  # whose units that rest at zero seem kept
        for count in kept:
            assert count / total == pytest.approx(SHARE, abs=0.03)  # three standard deviations of 2560 draws
    if kind == "lstm":
        assert agreeing / total == pytest.approx(SHARE**2 + (1 - SHARE) ** 2, abs=0.04), "h and c share a mask"
    assert not torch.equal(steps[0], steps[1]), "every frame has a mask of its own"


@pytest.mark.parametrize("kind", RECURRENT)
def test_gradients_pass_unchanged_through_units_that_are_kept(kind: str) -> None:
    ours = direction(kind, 0.5, units=64).train()
    state = tuple(one[:, :1].requires_grad_() for one in state_of(kind, 64))
    output, after = ours(torch.randn(1, 1, 3, dtype=torch.float64), state)
    unit = int((after[0] == state[0])[0, 0].nonzero()[0])
    (gradient,) = torch.autograd.grad(output[0, 0, unit], state[0])
    wanted = torch.zeros(64, dtype=torch.float64)
    wanted[unit] = 1
    assert torch.equal(gradient[0, 0], wanted)


@pytest.mark.parametrize("kind", RECURRENT)
def test_frame_by_frame_equals_the_whole_with_zoneout(kind: str) -> None:
    shape = {"cell": RECURRENT[kind], "hidden_size": 8, "num_layers": 2, "zoneout": SHARE, "bidirectional": False}
    shape |= {"nonlinearity": kind} if RECURRENT[kind] == "rnn" else {}
    stack, carry, outputs = moved(Recurrent(3, **shape)).double().eval(), None, []
    frames = torch.randn(2, 30, 3, dtype=torch.float64)
    for piece in frames.split([1, 1, 13, 0, 1, 14], dim=1):
        output, carry = stack.step(piece, carry)
        outputs.append(output)
    whole = stack(Encoded(frames, torch.tensor([30, 30]))).frames
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=0, atol=1e-9)


# ---------------------------------------------------------------------------------------- dropout of frames


@pytest.mark.parametrize("variational", [False, True], ids=["anew", "variational"])
def test_units_are_dropped_at_the_rate_asked_for_and_the_others_scaled(variational: bool) -> None:
    dropped = TimeDropout(SHARE, variational=variational)(torch.ones(50, 40, 200, dtype=torch.float64))
    assert {round(float(one), 9) for one in dropped.unique()} == {0.0, round(1 / (1 - SHARE), 9)}
    assert float((dropped == 0).double().mean()) == pytest.approx(SHARE, abs=0.02)
    over_time = (dropped == dropped[:, :1]).all(dim=1).double().mean()
    assert float(over_time) == (1.0 if variational else pytest.approx(0.0, abs=1e-3))
    masks = dropped[:, 0]
    agreeing = (masks[0] == masks[1]).double().mean()
    assert float(agreeing) == pytest.approx(SHARE**2 + (1 - SHARE) ** 2, abs=0.12), "every sequence has its own mask"


@pytest.mark.parametrize("variational", [False, True], ids=["anew", "variational"])
def test_dropout_is_a_product_with_its_mask_and_nothing_in_judging(variational: bool) -> None:
    drop, frames = TimeDropout(SHARE, variational=variational), torch.randn(3, 7, 5, dtype=torch.float64)
    frames.requires_grad_()
    torch.manual_seed(3)
    mask = drop(torch.ones_like(frames)).detach()
    torch.manual_seed(3)
    found = drop(frames)
    torch.testing.assert_close(found, frames * mask, **EXACT)
    (gradient,) = torch.autograd.grad(found.sum(), frames)
    assert torch.equal(gradient, mask)
    assert torch.equal(drop.eval()(frames), frames)
    untouched = TimeDropout(0.0, variational=variational)(frames)
    assert torch.equal(untouched, frames)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "tcn"])
@pytest.mark.parametrize("variational", [False, True], ids=["anew", "variational"])
def test_a_stack_drops_what_comes_in_and_what_each_layer_puts_out(
    cell: str, variational: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand with the masks that were sampled: W (x * d_in), then layer(...) * d_out, layer by layer."""
    shape = {"hidden_size": 6, "num_layers": 2, "bidirectional": False, "norm": "none", "dropout": 0.4}
    stack = moved(Recurrent(5, cell=cell, input_dropout=0.2, variational=variational, **shape)).double().train()
    sampled: list[tuple[float, Tensor]] = []
    drop = TimeDropout.forward

    def noted(self: TimeDropout, frames: Tensor) -> Tensor:
        assert self.variational == variational
        torch.manual_seed(len(sampled))
        mask = drop(self, torch.ones_like(frames))
        sampled.append((self.probability, mask))
        return frames * mask

    monkeypatch.setattr(TimeDropout, "forward", noted)
    frames, lengths = torch.randn(2, 9, 5, dtype=torch.float64), torch.tensor([9, 9])
    found = stack(Encoded(frames, lengths)).frames
    monkeypatch.setattr(TimeDropout, "forward", lambda self, frames: frames)
    masks = [mask for _, mask in sampled]
    wanted = stack.projection(frames * masks[0])
    if cell == "tcn":
        assert [share for share, _ in sampled] == [0.2, 0.4, 0.4, 0.4, 0.4]
        for layer, (one, other) in zip(stack.layers, (masks[1:3], masks[3:5]), strict=True):
            inside = layer.convs[0](wanted, None)[0].relu() * one
            inside = layer.convs[1](inside, None)[0].relu() * other
            wanted = (wanted + inside).relu()
    else:
        assert [share for share, _ in sampled] == [0.2, 0.4, 0.4]
        for layer, mask in zip(stack.layers, masks[1:], strict=True):
            wanted = layer(wanted, lengths) * mask
    torch.testing.assert_close(found, wanted, **EXACT)
