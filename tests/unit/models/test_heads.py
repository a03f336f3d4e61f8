"""The heads against NumPy's softmax and products."""

import numpy as np
import pytest
import torch

from crnn_audio.models.heads import CtcHead, InterCtcHead, SigmoidHead

LENGTHS = torch.tensor([3, 3])


def test_log_probs_are_the_log_of_a_softmax() -> None:
    head, frames = CtcHead(6, 4).double(), torch.randn(2, 3, 6, dtype=torch.float64)
    logits = frames.numpy() @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    wanted = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(head(frames, LENGTHS).detach().numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_log_probs_are_float32_at_the_least(given: torch.dtype, wanted: torch.dtype) -> None:
    log_probs = CtcHead(6, 4).to(given)(torch.randn(2, 3, 6, dtype=given), LENGTHS)
    assert log_probs.dtype == wanted
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 3, dtype=wanted))


def test_an_inner_head_adds_its_guess_to_the_frames() -> None:
    inner, frames = InterCtcHead(6, 4).double(), torch.randn(2, 3, 6, dtype=torch.float64)
    for parameter in inner.feedback.parameters():
        torch.nn.init.normal_(parameter)
    head, back = ([one.detach().numpy() for one in part.parameters()] for part in (inner.head, inner.feedback))
    odds = np.exp(frames.numpy() @ head[0].T + head[1])
    probs = odds / odds.sum(-1, keepdims=True)
    output, guess = (one.detach().numpy() for one in inner(frames))
    np.testing.assert_allclose(guess, np.log(probs), rtol=1e-12)
    np.testing.assert_allclose(output, frames.numpy() + probs @ back[0].T + back[1], rtol=1e-12)


def test_an_inner_head_begins_without_a_say_and_learns_one() -> None:
    inner, frames = InterCtcHead(6, 4), torch.randn(2, 3, 6)
    output, guess = inner(frames)
    assert torch.equal(output, frames)
    assert guess.dtype == torch.float32
    (output * torch.randn_like(output)).sum().backward()
    assert (inner.feedback.weight.grad != 0).all()
    torch.nn.init.normal_(inner.feedback.weight)
    (inner(frames)[0] * torch.randn_like(output)).sum().backward()
    assert (inner.head.linear.weight.grad != 0).all(), "what is guessed is learned from what the next layers need too"


def test_an_inner_head_keeps_the_frames_precision() -> None:
    output, guess = InterCtcHead(6, 4).bfloat16()(torch.randn(2, 3, 6, dtype=torch.bfloat16))
    assert (output.dtype, guess.dtype) == (torch.bfloat16, torch.float32)


def test_logits_are_a_product_that_begins_near_one_in_twenty() -> None:
    head, frames = SigmoidHead(6, 88).double(), torch.randn(2, 3, 6, dtype=torch.float64)
    assert head.linear.bias.tolist() == [-3.0] * 88
    rate = head(torch.zeros(1, 1, 6, dtype=torch.float64), LENGTHS[:1]).detach().sigmoid().mean()
    assert float(rate) == pytest.approx(0.047, abs=1e-3)
    weight, bias = (one.detach().numpy() for one in (head.linear.weight, head.linear.bias))
    np.testing.assert_allclose(head(frames, LENGTHS).detach().numpy(), frames.numpy() @ weight.T + bias, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_logits_are_float32_at_the_least(given: torch.dtype, wanted: torch.dtype) -> None:
    assert SigmoidHead(6, 4).to(given)(torch.randn(2, 3, 6, dtype=given), LENGTHS).dtype == wanted
