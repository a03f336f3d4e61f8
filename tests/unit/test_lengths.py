"""Arithmetic on lengths against torch's real shapes, NumPy's padding and plain Python loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crnn_audio.lengths import ReceptiveField, convolved, mask, masked, mirrored_positions, reversed_within

SWEEP = settings(max_examples=300, deadline=None)

# ---------------------------------------------------------------------------------------- convolved


@SWEEP
@given(
    length=st.integers(1, 60),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 5),
    left=st.integers(0, 8),
    right=st.integers(0, 8),
    dilation=st.integers(1, 3),
)
def test_convolved_is_what_torch_gives(
    length: int, kernel: int, stride: int, left: int, right: int, dilation: int
) -> None:
    sound = torch.nn.functional.pad(torch.zeros(1, 1, length), (left, right))
    weight = torch.zeros(1, 1, kernel)
    fits = dilation * (kernel - 1) + 1 <= sound.shape[2]  # torch refuses where nothing fits
    real = torch.nn.functional.conv1d(sound, weight, stride=stride, dilation=dilation).shape[2] if fits else 0
    found = convolved(length, kernel, stride, left + right, dilation)
    assert found == real
    assert type(found) is int
    assert convolved(torch.tensor([length, length]), kernel, stride, left + right, dilation).tolist() == [real, real]


def test_convolved_of_nothing_is_nothing() -> None:
    assert convolved(0, kernel=3) == 0
    assert convolved(torch.tensor([0, 1, 2, 3, 4]), kernel=3).tolist() == [0, 0, 0, 1, 2]


# ---------------------------------------------------------------------------------------- masks


def test_mask_is_true_on_what_is_real() -> None:
    assert mask(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 2), (3, 5, 2, 4)])
def test_masked_zeroes_the_padding_even_where_it_is_nan(shape: tuple[int, ...]) -> None:
    frames, lengths = torch.randn(shape), [4, 0, 5]
    given_frames = frames.clone()
    for row, length in enumerate(lengths):
        frames[row, length:] = torch.nan
    found = masked(frames, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        assert torch.equal(found[row, :length], given_frames[row, :length])
        assert (found[row, length:] == 0).all()


# ---------------------------------------------------------------------------------------- reversal


def reversed_by_loop(frames: Tensor, lengths: list[int]) -> Tensor:
    found = frames.clone()
    for row, length in enumerate(lengths):
        for at in range(length):
            found[row, at] = frames[row, length - 1 - at]
    return found


@SWEEP
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), more=st.integers(0, 4))
def test_reversed_within_is_a_loop_and_its_own_inverse(lengths: list[int], more: int) -> None:
    frames = torch.arange(len(lengths) * (max(lengths) + more) * 2).reshape(len(lengths), -1, 2)
    once = reversed_within(frames, torch.tensor(lengths))
    assert torch.equal(once, reversed_by_loop(frames, lengths))
    assert torch.equal(reversed_within(once, torch.tensor(lengths)), frames)


def test_gradients_go_back_to_where_reversed_frames_came_from() -> None:
    frames, lengths = torch.randn(4, 5, 2, dtype=torch.float64, requires_grad=True), torch.tensor([3, 5, 1, 0])
    assert torch.autograd.gradcheck(lambda one: reversed_within(one, lengths), frames)
    assert torch.autograd.gradgradcheck(lambda one: reversed_within(one, lengths), frames)


# ---------------------------------------------------------------------------------------- mirrors


@SWEEP
@given(length=st.integers(1, 12), before=st.integers(0, 50), after=st.integers(0, 50), repeat_edge=st.booleans())
def test_mirrored_positions_are_numpys_however_far_outside(
    length: int, before: int, after: int, repeat_edge: bool
) -> None:
    wanted = np.pad(np.arange(length), (before, after), mode="symmetric" if repeat_edge else "reflect")
    position = torch.arange(-before, length + after)
    found = mirrored_positions(position, torch.tensor(length), repeat_edge=repeat_edge)
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("mode", ["symmetric", "reflect"])
def test_mirrored_positions_of_a_batch_are_those_of_each(mode: str) -> None:
    lengths = torch.tensor([[1], [2], [5], [9]])
    found = mirrored_positions(torch.arange(-20, 30), lengths, repeat_edge=mode == "symmetric")
    for row, (length,) in zip(found.tolist(), lengths.tolist(), strict=True):
        assert row == np.pad(np.arange(length), (20, 30 - length), mode=mode).tolist()


# ---------------------------------------------------------------------------------------- receptive fields


def seen_by_loop(u: int, layers: list[tuple[int, int, int, int]]) -> set[int]:
    """Which inputs the output u of a stack of (kernel, stride, left, dilation) reads, the last layer's first."""
    positions = {u}
    for kernel, stride, left, dilation in reversed(layers):
        positions = {at * stride - left + tap * dilation for at in positions for tap in range(kernel)}
    return positions


@SWEEP
@given(
    layers=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 4), st.integers(1, 3)), min_size=0, max_size=4
    ),
    u=st.integers(0, 7),
)
def test_a_receptive_field_is_found_by_following_every_tap(layers: list[tuple[int, int, int, int]], u: int) -> None:
    field = ReceptiveField()
    for kernel, stride, left, dilation in layers:
        field = field.then(kernel, stride, left, dilation)
    seen = seen_by_loop(u, layers)
    assert (min(seen), max(seen)) == (u * field.stride - field.left, u * field.stride + field.right)
    assert field.size == max(seen) - min(seen) + 1
    assert field.stride == np.prod([stride for _, stride, _, _ in layers])
