"""Law 3, of the network: fed piece by piece, it says what it says of the whole."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.errors import StreamError
from crnn_audio.models.crnn import Carry, Crnn
from tests.invariants.small import BINS, CELLS, RECURRENT, STACKS, TIMES, crnn

FRAMES = 31


def offline(model: Crnn, frames: Tensor) -> Tensor:
    encoded = model(frames, torch.full((len(frames),), frames.shape[1]))
    return encoded.frames[:, : int(encoded.lengths[0])]


def pieces(frames: Tensor, sizes: list[int]) -> Iterator[tuple[Tensor, bool]]:
    """The frames cut into pieces of these sizes, and whether a piece is the last one."""
    assert sum(sizes) == frames.shape[1]
    for number, piece in enumerate(frames.split(sizes, dim=1)):
        yield piece, number == len(sizes) - 1


def streamed(model: Crnn, frames: Tensor, sizes: list[int]) -> Tensor:
    carry, outputs = None, []
    for piece, last in pieces(frames, sizes):
        output, carry = model.step(piece, carry, last=last)
        outputs.append(output)
    return torch.cat(outputs, dim=1)


def random_sizes(seed: int, total: int = FRAMES) -> list[int]:
    """Pieces of 0 to 7 frames, with some empty ones at the start, the end and between."""
    random, sizes = np.random.default_rng(seed), [0]
    while (left := total - sum(sizes)) > 0:
        sizes.append(min(int(random.integers(0, 8)), left))
    return [*sizes, 0, 0]


@pytest.mark.parametrize("extras", [False, True], ids=["plain", "residual-inner"])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_pieces_of_any_size_equal_the_whole(kind: str, norm: str, stack: str, time_padding: str, extras: bool) -> None:
    model = crnn(kind, norm=norm, stack=stack, time_padding=time_padding, residual=extras, inner=extras)
    frames = torch.randn(2, FRAMES, BINS, dtype=torch.float64)
    whole = offline(model, frames)
    assert whole.shape[1] > 3
    assert float(whole.std(dim=1).min()) > 1e-3, "the outputs say nothing"
    for sizes in ([FRAMES], [1] * FRAMES, [FRAMES - 1, 1], random_sizes(1), random_sizes(2)):
        torch.testing.assert_close(streamed(model, frames, sizes), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("look_ahead", [1, 3, 8])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_pieces_equal_the_whole_with_a_look_ahead(kind: str, time_padding: str, look_ahead: int) -> None:
    """Of which 8 is longer than all that the sequence becomes."""
    model = crnn(kind, time_padding=time_padding, look_ahead=look_ahead, residual=True, inner=True)
    plain = crnn(kind, time_padding=time_padding, residual=True, inner=True)
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if "look_ahead" not in name})
    frames = torch.randn(2, FRAMES, BINS, dtype=torch.float64)
    whole = offline(model, frames)
    assert 5 <= whole.shape[1] <= 8
    assert float((whole - offline(plain, frames)).abs().max()) > 1e-3, "the look-ahead changes nothing"
    for sizes in ([FRAMES], [1] * FRAMES, [FRAMES - 1, 1], random_sizes(1), random_sizes(2)):
        torch.testing.assert_close(streamed(model, frames, sizes), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("look_ahead", [0, 1, 8])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
@torch.no_grad()
def test_a_sequence_of_any_length_ends_as_it_does_offline(stack: str, time_padding: str, look_ahead: int) -> None:
    model = crnn("gru", stack=stack, time_padding=time_padding, look_ahead=look_ahead)
    for total in range(12):
        frames = torch.randn(1, total, BINS, dtype=torch.float64)
        whole = offline(model, frames)
        for sizes in ([total], [*[1] * total, 0]):
            torch.testing.assert_close(streamed(model, frames, sizes), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("look_ahead", [0, 3])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_outputs_come_as_soon_as_the_look_ahead_is_there(kind: str, time_padding: str, look_ahead: int) -> None:
    model = crnn(kind, time_padding=time_padding, look_ahead=look_ahead, inner=True)
    fed, said, carry = 0, 0, None
    for _ in range(50):
        output, carry = model.step(torch.randn(1, 1, BINS, dtype=torch.float64), carry)
        fed, said = fed + 1, said + output.shape[1]
        known = [u for u in range(50) if u * model.subsampling_factor + model.look_ahead < fed]
        assert said == len(known)
    assert said > 0


@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_two_interleaved_streams_do_not_disturb_each_other(kind: str) -> None:
    model = crnn(kind, look_ahead=2)
    recordings = [torch.randn(1, FRAMES, BINS, dtype=torch.float64) for _ in range(2)]
    running = [pieces(one, random_sizes(seed)) for seed, one in enumerate(recordings)]
    carries: list[Carry | None] = [None, None]
    outputs: list[list[Tensor]] = [[], []]
    order = np.random.default_rng(0)
    while any(one is not None for one in running):
        turn = int(order.integers(2))
        if running[turn] is None:
            turn = 1 - turn
        piece, last = next(running[turn])
        output, carries[turn] = model.step(piece, carries[turn], last=last)
        outputs[turn].append(output)
        if last:
            running[turn] = None
    for recording, chunks in zip(recordings, outputs, strict=True):
        torch.testing.assert_close(torch.cat(chunks, dim=1), offline(model, recording), rtol=0, atol=1e-9)


@pytest.mark.parametrize("look_ahead", [0, 3])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_a_carry_never_grows(kind: str, time_padding: str, look_ahead: int) -> None:
    model, carry = crnn(kind, time_padding=time_padding, look_ahead=look_ahead, inner=True), None
    held = []
    for _ in range(6):
        for size in (4, 1, 0, 11):  # 16 frames are 4 outputs, so every round begins alike
            _, carry = model.step(torch.randn(1, size, BINS, dtype=torch.float64), carry)
        held.append([one.shape for one in (*carry.front, *carry.recurrent)])
    assert all(one == held[-1] for one in held[-3:])
    assert sum(shape.numel() for shape in held[-1]) < 1000


@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_a_step_leaves_model_and_carry_as_they_were(kind: str) -> None:
    model, piece = crnn(kind, look_ahead=1), torch.randn(1, 9, BINS, dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _, carry = model.step(piece)
    once, _ = model.step(piece, carry)
    again, _ = model.step(piece, carry)
    assert torch.equal(once, again)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_bidirectional_model_refuses_to_stream(kind: str) -> None:
    with pytest.raises(StreamError, match="bidirectional"):
        crnn(kind, bidirectional=True).step(torch.randn(1, 9, BINS, dtype=torch.float64))
