"""Law 4: an output hears exactly as far ahead as the model says, by the gradient of one with respect to the other."""

import pytest
import torch
from torch import Tensor

from tests.invariants.small import BINS, CELLS, RECURRENT, STACKS, TIMES, crnn, each_way

FRAMES = 52


def influence(frames: Tensor, output: Tensor) -> Tensor:
    """How much each input frame matters to an output: 0 means not at all."""
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), frames)
    return gradient[0].abs().sum(dim=1)


def sound() -> tuple[Tensor, Tensor]:
    return torch.randn(1, FRAMES, BINS, dtype=torch.float64, requires_grad=True), torch.tensor([FRAMES])


@pytest.mark.parametrize("inner", [False, True], ids=["plain", "inner"])
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("kind", CELLS)
def test_an_output_hears_up_to_its_look_ahead_and_not_beyond(
    kind: str, stack: str, time_padding: str, norm: str, inner: bool
) -> None:
    model = crnn(kind, stack=stack, time_padding=time_padding, norm=norm, inner=inner)
    for u in (0, 1, 4, 6):
        frames, lengths = sound()
        horizon = u * model.subsampling_factor + model.look_ahead
        assert horizon < FRAMES - 1
        matters = influence(frames, model(frames, lengths).frames[0, u])
        assert matters[horizon] > 0
        assert (matters[horizon + 1 :] == 0).all()
        assert (matters[: horizon + 1] > 0).all(), "recurrence hears all of the past"


@pytest.mark.parametrize("look_ahead", [1, 3, 8])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("kind", CELLS)
def test_the_look_ahead_counts_frames_out_on_top_of_the_convolutions(
    kind: str, time_padding: str, look_ahead: int
) -> None:
    model = crnn(kind, time_padding=time_padding, look_ahead=look_ahead)
    assert model.look_ahead == model.receptive_field.right + look_ahead * model.subsampling_factor
    for u in (0, 1):
        frames, lengths = sound()
        horizon = u * model.subsampling_factor + model.look_ahead
        assert horizon < FRAMES - 1
        matters = influence(frames, model(frames, lengths).frames[0, u])
        assert (matters[horizon + 1 :] == 0).all()
        assert (matters[: horizon + 1] > 0).all()


@pytest.mark.parametrize("look_ahead", [1, 8])
@pytest.mark.parametrize("kind", CELLS)
def test_the_last_outputs_hear_the_end_and_no_padding(kind: str, look_ahead: int) -> None:
    model, lengths = crnn(kind, look_ahead=look_ahead), torch.tensor([30])
    count = int(model.output_lengths(lengths))
    for u in range(count - look_ahead, count):
        frames, _ = sound()
        encoded = model(frames, lengths)
        matters = influence(frames, encoded.frames[0, u])
        assert (matters[:30] > 0).all()
        assert (matters[30:] == 0).all()


@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
def test_the_front_hears_its_receptive_field_and_nothing_else(stack: str, time_padding: str) -> None:
    model = crnn("lstm", stack=stack, time_padding=time_padding)
    field = model.receptive_field
    for u in (4, 5, 8):
        frames, lengths = sound()
        first, last = u * field.stride - field.left, u * field.stride + field.right
        assert 0 < first <= last < FRAMES - 1
        matters = influence(frames, model.front(frames, lengths).frames[0, u])
        assert matters[first] > 0
        assert matters[last] > 0
        assert (matters[:first] == 0).all()
        assert (matters[last + 1 :] == 0).all()
        assert last - first + 1 == field.size


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("stack", STACKS)
def test_causal_convolutions_wait_for_nothing(kind: str, stack: str) -> None:
    assert crnn(kind, stack=stack, time_padding="causal").look_ahead == 0


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_bidirectional_model_hears_everything_and_says_so(kind: str) -> None:
    model = crnn(kind, bidirectional=True)
    frames, lengths = sound()
    assert model.look_ahead is None
    assert (influence(frames, model(frames, lengths).frames[0, 3]) > 0).all()


@pytest.mark.parametrize("inner", [False, True], ids=["plain", "inner"])
@each_way
def test_nobody_hears_padding(kind: str, bidirectional: bool, inner: bool) -> None:
    model = crnn(kind, bidirectional=bidirectional, inner=inner)
    frames, _ = sound()
    encoded = model(frames, torch.tensor([30]))
    matters = influence(frames, encoded.frames[0, : int(encoded.lengths)])
    assert (matters[:30] > 0).all()
    assert (matters[30:] == 0).all()


@pytest.mark.parametrize("inner", [False, True], ids=["plain", "inner"])
@each_way
def test_nobody_hears_neighbours(kind: str, bidirectional: bool, inner: bool) -> None:
    model = crnn(kind, bidirectional=bidirectional, inner=inner)
    frames = torch.randn(3, FRAMES, BINS, dtype=torch.float64, requires_grad=True)
    encoded = model(frames, torch.tensor([FRAMES, 20, 33]))
    (gradient,) = torch.autograd.grad((encoded.frames[1] * torch.randn_like(encoded.frames[1])).sum(), frames)
    assert gradient[1].abs().sum() > 0
    assert (gradient[[0, 2]] == 0).all()
