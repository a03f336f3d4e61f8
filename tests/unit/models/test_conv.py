"""The convolutional front against torch's own convolutions, one utterance at a time."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crnn_audio.models.conv import ACTIVATIONS, ConvFront, ConvSpec

LAYERS = [ConvSpec(4, kernel=(5, 3), stride=(2, 2)), ConvSpec(3, kernel=(3, 5), stride=(1, 2)), ConvSpec(2, (1, 1))]
PADS = {
    "same": [(2, 2), (1, 1), (0, 0)],
    "causal": [(4, 0), (2, 0), (0, 0)],
    "valid": [(0, 0), (0, 0), (0, 0)],
}
"""Zeros before and after, for kernels of 5, 3 and 1."""


def by_hand(front: ConvFront, utterance: Tensor, time_padding: str, activation: str) -> Tensor:
    """One utterance (T, F) in torch's usual layout (1, C, T, F), zeros put around it layer by layer."""
    frames = utterance[None, None]
    for layer, (left, right), spec in zip(front.layers, PADS[time_padding], LAYERS, strict=True):
        around = spec.kernel[1] // 2
        frames = F.conv2d(F.pad(frames, (around, around, left, right)), layer.conv.weight, layer.conv.bias, spec.stride)
        centred = frames - frames.mean(dim=(1, 3), keepdim=True)
        frames = centred / (centred.square().mean(dim=(1, 3), keepdim=True) + 1e-5).sqrt()
        frames = frames * layer.norm.weight.T[None, :, None] + layer.norm.bias.T[None, :, None]
        frames = getattr(F, activation)(frames)
    return frames[0].permute(1, 2, 0).flatten(1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("time_padding", PADS)
def test_a_stack_is_torchs_convolutions_norms_and_activations(time_padding: str, activation: str) -> None:
    front = ConvFront(11, LAYERS, activation=activation, time_padding=time_padding).double()
    with torch.no_grad():
        for parameter in front.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    features, lengths = torch.randn(3, 30, 11, dtype=torch.float64), torch.tensor([30, 17, 9])
    encoded = front(features, lengths)
    for row, length in enumerate(lengths.tolist()):
        wanted = by_hand(front, features[row, :length], time_padding, activation)
        assert int(encoded.lengths[row]) == len(wanted)
        torch.testing.assert_close(encoded.frames[row, : len(wanted)], wanted, rtol=0, atol=1e-9)
        assert (encoded.frames[row, len(wanted) :] == 0).all()
    assert front.output_size == encoded.frames.shape[2]


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(0, 25),
    layers=st.lists(
        st.tuples(st.sampled_from([1, 3, 5, 7]), st.integers(1, 7)).filter(lambda one: one[1] <= one[0]), max_size=3
    ),
    time_padding=st.sampled_from(list(PADS)),
)
def test_output_lengths_are_those_that_come_out(length: int, layers: list[tuple[int, int]], time_padding: str) -> None:
    specs = [ConvSpec(2, kernel=(kernel, 3), stride=(stride, 1)) for kernel, stride in layers]
    front = ConvFront(4, specs, time_padding=time_padding)
    encoded = front(torch.randn(1, length, 4), torch.tensor([length]))
    assert encoded.lengths.tolist() == front.output_lengths(torch.tensor([length])).tolist()
    assert encoded.frames.shape[2] == front.output_size
    said = int(encoded.lengths)
    assert said == encoded.frames.shape[1] or (said == 0 and not encoded.frames.any())
    streamed, _ = front.step(torch.randn(1, length, 4), None, last=True)
    assert streamed.shape[1] == said


def test_no_layers_pass_the_features_through_without_their_padding() -> None:
    front = ConvFront(5, [])
    features, lengths = torch.randn(2, 6, 5), torch.tensor([6, 2])
    encoded = front(features, lengths)
    assert torch.equal(encoded.frames[0], features[0])
    assert torch.equal(encoded.frames[1, :2], features[1, :2])
    assert not encoded.frames[1, 2:].any()
    assert (front.output_size, front.receptive_field.size, front.receptive_field.stride) == (5, 1, 1)


def test_a_stride_that_skips_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="would skip frames"):
        ConvFront(5, [ConvSpec(2, kernel=(3, 3), stride=(4, 1))])


def test_dropout_works_in_training_alone() -> None:
    front, features, lengths = ConvFront(8, [ConvSpec(8)], dropout=0.5), torch.randn(1, 20, 8), torch.tensor([20])
    assert not torch.equal(front(features, lengths).frames, front(features, lengths).frames)
    front.eval()
    assert torch.equal(front(features, lengths).frames, front(features, lengths).frames)


def test_weights_start_as_he_et_al_have_them() -> None:
    (layer,) = ConvFront(40, [ConvSpec(256, kernel=(5, 5))]).layers
    assert layer.conv.weight.std().item() == pytest.approx((2 / 25) ** 0.5, rel=0.03)
    assert not layer.conv.bias.any()
