"""Recurrent layers against torch's own bidirectional layers over packed sequences."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from crnn_audio.models.recurrent import Recurrent
from crnn_audio.types import Encoded

LENGTHS = torch.tensor([4, 11, 1, 7])


def recurrent(**options: object) -> Recurrent:
    return Recurrent(6, **({"hidden_size": 5, "num_layers": 2, "norm": "none"} | options)).double()


def sound() -> Encoded:
    return Encoded(torch.randn(4, 11, 6, dtype=torch.float64), LENGTHS)


def torchs(ours: Recurrent, kind: type[nn.RNNBase], **options: str) -> nn.RNNBase:
    """One layer stack of torch's with our weights."""
    theirs = kind(5, 5, num_layers=2, bidirectional=ours.bidirectional, batch_first=True, **options).double()
    for number, layer in enumerate(ours.layers):
        for direction, suffix in [(layer.forwards, ""), (layer.backwards, "_reverse")]:
            if direction is not None:
                for name, value in direction.cell.named_parameters():
                    getattr(theirs, f"{name.removesuffix('0')}{number}{suffix}").data.copy_(value)
    return theirs


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize(
    ("cell", "kind", "options"),
    [
        ("rnn", nn.RNN, {"nonlinearity": "tanh"}),
        ("rnn", nn.RNN, {"nonlinearity": "relu"}),
        ("lstm", nn.LSTM, {}),
        ("gru", nn.GRU, {}),
    ],
)
def test_layers_equal_torchs_over_a_packed_sequence(
    cell: str, kind: type[nn.RNNBase], options: dict[str, str], bidirectional: bool
) -> None:
    ours, encoded = recurrent(cell=cell, bidirectional=bidirectional, **options), sound()
    found = ours(encoded)
    projected = ours.projection(encoded.frames)
    packed = pack_padded_sequence(projected, LENGTHS, batch_first=True, enforce_sorted=False)
    wanted, _ = pad_packed_sequence(torchs(ours, kind, **options)(packed)[0], batch_first=True)
    torch.testing.assert_close(found.frames, wanted, rtol=0, atol=1e-9)
    assert torch.equal(found.lengths, LENGTHS)
    assert found.frames.shape[2] == ours.output_size == (10 if bidirectional else 5)


def test_layer_norm_stands_after_the_projection_and_after_each_layer() -> None:
    found = recurrent(norm="layer")(sound()).frames[1]
    torch.testing.assert_close(found.mean(dim=1), torch.zeros(11, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(found.std(dim=1, correction=0), torch.ones(11, dtype=torch.float64), rtol=0, atol=1e-2)
    assert sum(isinstance(one, nn.LayerNorm) for one in recurrent(norm="layer").modules()) == 3
    assert not any(isinstance(one, nn.LayerNorm) for one in recurrent(norm="none").modules())


@pytest.mark.parametrize(("bidirectional", "summed"), [(False, [True, True, True]), (True, [False, True, True])])
def test_residual_sums_stand_where_sizes_agree(bidirectional: bool, summed: list[bool]) -> None:
    plain, ours = (recurrent(num_layers=3, bidirectional=bidirectional, residual=on) for on in (False, True))
    ours.load_state_dict(plain.state_dict())
    frames: Tensor = ours.projection(sound().frames)
    for layer, other, is_summed in zip(ours.layers, plain.layers, summed, strict=True):
        output = other(frames, LENGTHS)
        wanted = output + frames if is_summed else output
        frames = layer(frames, LENGTHS)
        torch.testing.assert_close(frames, wanted, rtol=0, atol=0)


def test_dropout_works_in_training_alone() -> None:
    ours, encoded = recurrent(dropout=0.5), sound()
    assert not torch.equal(ours(encoded).frames, ours(encoded).frames)
    ours.eval()
    assert torch.equal(ours(encoded).frames, ours(encoded).frames)


@pytest.mark.parametrize(("cell", "states"), [("rnn", 1), ("lstm", 2), ("gru", 1)])
def test_a_carry_holds_each_layers_state(cell: str, states: int) -> None:
    ours = recurrent(cell=cell, bidirectional=False, num_layers=3)
    _, carry = ours.step(torch.randn(2, 4, 6, dtype=torch.float64), None)
    assert [tuple(one.shape) for one in carry] == [(1, 2, 5)] * 3 * states
    frames, same = ours.step(torch.randn(2, 0, 6, dtype=torch.float64), carry)
    assert frames.shape == (2, 0, 5)
    assert all(torch.equal(one, other) for one, other in zip(same, carry, strict=True))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_batch_of_nothing_is_nothing(cell: str, bidirectional: bool) -> None:
    ours = recurrent(cell=cell, bidirectional=bidirectional)
    encoded = ours(Encoded(torch.zeros(2, 0, 6, dtype=torch.float64), torch.tensor([0, 0])))
    assert encoded.frames.shape == (2, 0, ours.output_size)
