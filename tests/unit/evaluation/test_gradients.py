"""Gradients by lag, against a network whose gradient is known, and against differences."""

import numpy as np
import pytest
import torch

from crnn_audio.evaluation import gradients
from crnn_audio.models.recurrent import KINDS, Recurrent
from crnn_audio.types import Encoded
from tests.loading import loads


def rnn(size: int = 6, gain: float = 1.0) -> Recurrent:
    """One simple RNN layer that is all but linear: its state is turned and scaled by `gain` from frame to frame."""
    layers = Recurrent(
        size, cell="rnn", nonlinearity="relu", hidden_size=size, num_layers=1, projection=False,
        bidirectional=False, norm="none",
    )  # fmt: skip
    cell = layers.layers[0].forwards.cell
    with torch.no_grad():
        cell.weight_hh_l0.copy_(gain * torch.eye(size))
        cell.weight_ih_l0.copy_(torch.eye(size))
        cell.bias_ih_l0.fill_(50.0)  # so that every unit stays in the linear part
    return layers


@pytest.mark.parametrize("gain", [0.9, 1.0])
def test_it_shrinks_as_a_linear_state_does(gain: float) -> None:
    found = gradients.measure(rnn(gain=gain), 6)
    expected = found.by_lag[0] * gain ** np.arange(gradients.LENGTH)
    assert found.by_lag == pytest.approx(expected, rel=0.05)


def test_it_is_the_slope_of_the_output() -> None:
    torch.manual_seed(1)
    layers = Recurrent(3, cell="gru", hidden_size=5, num_layers=2, bidirectional=False).double().eval()
    frames = torch.randn(1, 12, 3, dtype=torch.float64, requires_grad=True)
    outputs = layers(Encoded(frames, torch.tensor([12]))).frames
    outputs[0, -1].sum().backward()
    for place in (0, 6, 11):
        moved = frames.detach().clone()
        moved[0, place, 1] += 1e-6
        slope = (layers(Encoded(moved, torch.tensor([12]))).frames[0, -1].sum() - outputs[0, -1].sum()) / 1e-6
        assert slope.item() == pytest.approx(frames.grad[0, place, 1].item(), abs=1e-6)


def test_each_cell_of_a_recipe_has_its_curve(tmp_path) -> None:
    recipe = loads("data: {corpus: an4}\nmodel: {recurrent: {hidden_size: 8, num_layers: 2}}\n")
    found = gradients.of_recipe(recipe)
    assert list(found) == list(KINDS)
    for one in found.values():
        assert one.by_lag.shape == (gradients.LENGTH,)
        assert one.by_lag[0] > 0
        assert len(one.weights) == len(one.lengths)
    assert found["tcn"].by_lag.min() > 0, "layers enough to see the first input"
    assert found["lstm"].by_lag[50] > found["rnn"].by_lag[50]
    listed = gradients.lines(found)
    assert len(listed) == 5
    gradients.save(tmp_path / "g.png", found, 5.0)
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
