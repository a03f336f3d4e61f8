"""A frame's probability is that of its first key, times that of the second after it, and so on: it sums to one."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.models import nade
from crnn_audio.models.heads import SigmoidHead
from crnn_audio.models.nade import NadeHead

KEYS = 6
EVERY = torch.tensor(list(product((0.0, 1.0), repeat=KEYS)), dtype=torch.float64).unsqueeze(1)
"""All frames of six keys, each as a piece of one frame."""


@pytest.fixture
def head() -> NadeHead:
    return NadeHead(5, KEYS, hidden_size=7, dropout=0.5).double().eval()


def outputs(head: NadeHead, frames: Tensor) -> Tensor:
    return head(frames, torch.full((len(frames),), frames.shape[1]))


def losses(head: NadeHead | SigmoidHead, frames: Tensor, keys: Tensor) -> Tensor:
    return head.losses(frames, frames, keys)  # what the network has read makes no difference


def drive_of(head: NadeHead, batch: int = 1, frames: int = 1) -> Tensor:
    return outputs(head, 2 * torch.randn(batch, frames, 5, dtype=torch.float64)).detach()


def some_keys(*shape: int, rate: float = 0.4) -> Tensor:
    return (torch.rand(*shape, KEYS) < rate).double()


def numbers(*shape: int) -> Tensor:
    return torch.rand(*shape, KEYS, dtype=torch.float64)


def by_hand(head: NadeHead, frame: np.ndarray, keys: np.ndarray) -> float:
    """Nats of one frame, key by key, by the published equations."""
    own = {name: value.detach().numpy() for name, value in head.named_parameters()}
    driven, nats = own["linear.weight"] @ frame + own["linear.bias"], 0.0
    for key in range(len(keys)):
        hidden = driven[: head.hidden_size].copy()
        for below in range(key):
            hidden += keys[below] * own["key_vectors"][below]
        logit = own["weight"][key] @ np.maximum(hidden, 0) + driven[head.hidden_size + key]
        chance = 1 / (1 + np.exp(-logit))
        nats -= np.log(chance if keys[key] else 1 - chance)
    return nats


def test_all_frames_together_have_probability_one(head: NadeHead) -> None:
    drive = drive_of(head)
    probs = (-losses(head, drive.expand(len(EVERY), -1, -1), EVERY)).exp()
    assert len(EVERY) == 64
    assert probs.sum().item() == pytest.approx(1, abs=1e-12)
    assert probs.min() > 0


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_a_frame_costs_what_a_loop_over_its_keys_says(head: NadeHead, rate: float) -> None:
    frames, keys = torch.randn(3, 4, 5, dtype=torch.float64), some_keys(3, 4, rate=rate)
    found = losses(head, outputs(head, frames), keys)
    for batch, frame in product(range(3), range(4)):
        wanted = by_hand(head, frames[batch, frame].numpy(), keys[batch, frame].numpy())
        assert found[batch, frame].item() == pytest.approx(wanted, rel=1e-12)


def test_a_key_hears_those_below_it_and_none_above(head: NadeHead) -> None:
    drive = drive_of(head)
    for changed in range(KEYS):
        frame = torch.zeros(1, 1, KEYS, dtype=torch.float64)
        _, before = head.sample(drive, 1 - frame)
        frame[..., changed] = 1
        _, after = head.sample(drive, 1 - frame)
        same = (before == after)[0, 0].tolist()
        assert same == [key <= changed for key in range(KEYS)]


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_without_weights_from_key_to_key_each_is_a_sigmoid_by_itself(head: NadeHead, scale: float) -> None:
    with torch.no_grad():
        head.key_vectors *= scale
    drive, keys = drive_of(head, 2, 3), some_keys(2, 3)
    hidden, own = drive[..., : head.hidden_size], drive[..., head.hidden_size :]
    alone = losses(SigmoidHead(5, KEYS), hidden.relu() @ head.weight.T + own, keys)
    assert torch.allclose(losses(head, drive, keys), alone, rtol=1e-12, atol=0) == (scale == 0)


def test_blocks_of_frames_are_one_pass(head: NadeHead, monkeypatch: pytest.MonkeyPatch) -> None:
    drive, keys = drive_of(head, 3, 7), some_keys(3, 7)
    whole, probabilities = losses(head, drive, keys), head.probabilities(drive)
    monkeypatch.setattr(nade, "BLOCK", 4)
    torch.testing.assert_close(losses(head, drive, keys), whole, rtol=1e-12, atol=0)
    monkeypatch.setattr(nade, "BLOCK", 2 * nade.SAMPLES)
    torch.testing.assert_close(head.probabilities(drive), probabilities, rtol=1e-12, atol=0)


def test_no_frames_at_all(head: NadeHead) -> None:
    drive = drive_of(head, 2, 0)
    assert losses(head, drive, some_keys(2, 0)).shape == (2, 0)
    assert head.probabilities(drive).shape == (2, 0, KEYS)
    assert head.sample(drive, numbers(2, 0))[0].shape == (2, 0, KEYS)


def test_gradients_are_those_of_the_loop(head: NadeHead) -> None:
    frames, keys = torch.randn(2, 3, 5, dtype=torch.float64), some_keys(2, 3)
    parameters = list(head.parameters())
    found = torch.autograd.grad(losses(head, outputs(head, frames), keys).sum(), parameters)
    _, probabilities = head.sample(outputs(head, frames), 2.0 * (1 - keys) - 0.5)  # numbers that draw these very keys
    nats = -torch.where(keys == 1, probabilities, 1 - probabilities).log().sum()
    for one, other in zip(found, torch.autograd.grad(nats, parameters), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert float(one.abs().sum()) > 0


# ---------------------------------------------------------------------------------------- drawing


def test_keys_sampled_one_by_one_cost_what_one_pass_says(head: NadeHead) -> None:
    drive = drive_of(head, 3, 5)
    keys, probabilities = head.sample(drive, numbers(3, 5))
    nats = -torch.where(keys == 1, probabilities, 1 - probabilities).log().sum(dim=-1)
    torch.testing.assert_close(nats, losses(head, drive, keys), rtol=1e-12, atol=1e-12)
    assert 0 < keys.mean() < 1


def test_frames_are_sampled_as_often_as_their_probability_says(head: NadeHead) -> None:
    drive, count = drive_of(head), 20_000
    probs = (-losses(head, drive.expand(len(EVERY), -1, -1), EVERY))[:, 0].exp()
    keys, _ = head.sample(drive.expand(count, -1, -1), numbers(count, 1))
    names = (keys[:, 0] @ (2.0 ** torch.arange(KEYS - 1, -1, -1, dtype=torch.float64))).long()
    seen = torch.bincount(names, minlength=len(EVERY)).double()
    usual = probs * count >= 5
    surprise = float(((seen - probs * count) ** 2 / (probs * count))[usual].sum().detach())
    freedom = int(usual.sum())
    assert surprise < freedom + 4 * (2 * freedom) ** 0.5


def test_a_keys_chance_is_that_of_all_frames_in_which_it_sounds(head: NadeHead) -> None:
    drive = drive_of(head, 1, 9)
    found = head.probabilities(drive)
    for frame in range(9):
        probs = (-losses(head, drive[:, frame : frame + 1].expand(len(EVERY), -1, -1), EVERY)).exp()
        exact = (probs.unsqueeze(-1) * EVERY).sum(dim=(0, 1))
        torch.testing.assert_close(found[0, frame], exact, rtol=0, atol=0.08)
    assert torch.equal(found, head.probabilities(drive)), "always by the same numbers"
    torch.testing.assert_close(found[:, 4:5], head.probabilities(drive[:, 4:5]), rtol=1e-12, atol=0)
    head.key_vectors.data.zero_()
    hidden, own = drive[..., : head.hidden_size], drive[..., head.hidden_size :]
    torch.testing.assert_close(head.probabilities(drive), (hidden.relu() @ head.weight.T + own).sigmoid())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_what_keys_are_sampled_from_is_float32_at_the_least(given: torch.dtype, wanted: torch.dtype) -> None:
    assert outputs(NadeHead(6, 4).to(given), torch.randn(2, 3, 6, dtype=given)).dtype == wanted


def test_before_it_learns_few_keys_sound() -> None:
    head = NadeHead(6, 88)
    rate = head.probabilities(outputs(head, torch.zeros(1, 1, 6))).detach().mean()
    assert 0.02 < float(rate) < 0.15
