"""Recurrent layers against torch's own bidirectional layers over packed sequences."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from crnn_audio.models.recurrent import LookAhead, Recurrent
from crnn_audio.types import Encoded

each_way = pytest.mark.parametrize(
    ("cell", "bidirectional", "look_ahead"),
    [
        *((cell, *way) for cell in ("rnn", "lstm", "gru") for way in ((False, 0), (False, 3), (True, 0))),
        ("tcn", False, 0),
        ("tcn", False, 3),
    ],
)
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
    assert [tuple(one.shape) for one in carry] == [(2, 5)] * 3 * states
    frames, same = ours.step(torch.randn(2, 0, 6, dtype=torch.float64), carry)
    assert frames.shape == (2, 0, 5)
    assert all(torch.equal(one, other) for one, other in zip(same, carry, strict=True))


@each_way
def test_a_batch_of_nothing_is_nothing(cell: str, bidirectional: bool, look_ahead: int) -> None:
    ours = recurrent(cell=cell, bidirectional=bidirectional, look_ahead=look_ahead)
    encoded = ours(Encoded(torch.zeros(2, 0, 6, dtype=torch.float64), torch.tensor([0, 0])))
    assert encoded.frames.shape == (2, 0, ours.output_size)


@each_way
def test_inner_heads_change_nothing_at_first_and_stand_between_layers(
    cell: str, bidirectional: bool, look_ahead: int
) -> None:
    options = {"cell": cell, "num_layers": 3, "bidirectional": bidirectional, "look_ahead": look_ahead, "norm": "layer"}
    ours, plain, encoded = recurrent(**options, interctc_tokens=4), recurrent(**options), sound()
    plain.load_state_dict({name: value for name, value in ours.state_dict().items() if "inner_heads" not in name})
    assert torch.equal(ours(encoded).frames, plain(encoded).frames)
    assert plain(encoded).intermediate == ()
    frames, guesses = ours.projection(encoded.frames), []
    for number, layer in enumerate(plain.layers):
        frames = layer(frames, LENGTHS)
        if number < 2:
            torch.nn.init.normal_(ours.inner_heads[number].feedback.weight)
            frames, guess = ours.inner_heads[number](frames)
            guesses.append(guess)
    wanted = frames.masked_fill((torch.arange(11) >= LENGTHS.unsqueeze(1)).unsqueeze(2), 0)
    wanted = plain.look_ahead(wanted) if look_ahead else wanted
    found = ours(encoded)
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(found.frames[row, :length], wanted[row, :length], rtol=0, atol=1e-9)
        for one, guess in zip(found.intermediate, guesses, strict=True):
            torch.testing.assert_close(one[row, :length], guess[row, :length], rtol=0, atol=1e-9)
    assert (found.frames - plain(encoded).frames).abs().max() > 1e-3


@pytest.mark.parametrize("frames", [1, 3, 8])
def test_look_ahead_is_the_row_convolution_of_deep_speech_2(frames: int) -> None:
    """r[t, i] = sum over j = 1 .. tau + 1 of W[i, j] h[t + j - 1, i], and nothing after the end."""
    layer = LookAhead(5, frames).double()
    torch.nn.init.normal_(layer.weight)
    hidden = torch.randn(2, 7, 5, dtype=torch.float64)
    wanted = torch.zeros_like(hidden)
    for batch, t, unit in ((b, t, i) for b in range(2) for t in range(7) for i in range(5)):
        for j in range(min(frames + 1, 7 - t)):
            wanted[batch, t, unit] += layer.weight[unit, 0, j] * hidden[batch, t + j, unit]
    torch.testing.assert_close(layer(hidden), wanted, rtol=0, atol=1e-9)


def test_look_ahead_begins_as_the_identity() -> None:
    hidden = torch.randn(2, 7, 5)
    assert torch.equal(LookAhead(5, 3)(hidden), hidden)
    assert LookAhead(5, 3).weight.requires_grad


def test_look_ahead_sees_zeros_past_each_length() -> None:
    ours, encoded = recurrent(bidirectional=False, look_ahead=3), sound()
    torch.nn.init.normal_(ours.look_ahead.weight)
    found = ours(encoded).frames
    for row, length in enumerate(LENGTHS.tolist()):
        alone = ours(Encoded(encoded.frames[row : row + 1, :length], LENGTHS[row : row + 1])).frames
        torch.testing.assert_close(found[row, :length], alone[0], rtol=0, atol=1e-9)
        assert (found[row, length:] == 0).all()


def test_a_bidirectional_stack_takes_no_look_ahead_and_no_tcn() -> None:
    for options in ({"look_ahead": 2}, {"cell": "tcn"}):
        with pytest.raises(ValueError, match="reads the whole sequence"):
            recurrent(bidirectional=True, **options)
