"""What a CRNN says of itself, against what it does."""

import pytest
import torch

from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import CtcHead
from crnn_audio.models.recurrent import Recurrent


def crnn(time_padding: str = "same", *, bidirectional: bool = False) -> Crnn:
    front = ConvFront(8, [ConvSpec(2, (5, 3), (2, 2)), ConvSpec(3, (3, 3), (2, 1))], time_padding=time_padding)
    recurrent = Recurrent(front.output_size, hidden_size=4, num_layers=2, bidirectional=bidirectional)
    return Crnn(front, recurrent, CtcHead(recurrent.output_size, 5))


def test_forward_is_front_recurrent_and_head_in_a_row() -> None:
    model, features, lengths = crnn(bidirectional=True), torch.randn(2, 21, 8), torch.tensor([21, 9])
    encoded = model(features, lengths)
    inside = model.recurrent(model.front(features, lengths))
    assert torch.equal(encoded.frames, model.head(inside.frames, inside.lengths))
    assert torch.equal(encoded.lengths, inside.lengths)
    assert encoded.frames.shape == (2, 6, 5)
    assert encoded.lengths.tolist() == model.output_lengths(lengths).tolist() == [6, 3]


@pytest.mark.parametrize(("time_padding", "left", "right"), [("same", 4, 4), ("causal", 8, 0), ("valid", 0, 8)])
def test_it_knows_its_subsampling_receptive_field_and_look_ahead(time_padding: str, left: int, right: int) -> None:
    model = crnn(time_padding)  # by hand: 2 and 2 frames of the first kernel, 1 and 1 of the second at a stride of 2
    assert model.subsampling_factor == 4
    assert (model.receptive_field.left, model.receptive_field.right) == (left, right)
    assert model.look_ahead == right
    assert crnn(time_padding, bidirectional=True).look_ahead is None


def test_it_counts_its_trainable_numbers() -> None:
    model = crnn()
    convs = (15 * 2 + 2) + (9 * 2 * 3 + 3) + 2 * (4 * 2) + 2 * (4 * 3)  # kernels and biases, then the norms' pairs
    projection = 12 * 4 + 4 + 8
    layers = 2 * (4 * 4 * (4 + 4) + 2 * 16 + 8)
    head = 4 * 5 + 5
    assert model.num_parameters == convs + projection + layers + head
    model.head.requires_grad_(False)
    assert model.num_parameters == convs + projection + layers
