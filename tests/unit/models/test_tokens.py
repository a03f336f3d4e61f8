"""Vectors of tokens, learned, one-hot or dropped, and the softmax that may share them."""

import pytest
import torch
import torch.nn.functional as F

from crnn_audio.models.heads import SoftmaxHead
from crnn_audio.models.tokens import TokenFront

LENGTHS = torch.tensor([3, 3])
TOKENS = torch.tensor([[1, 2, 2, 0], [3, 1, 0, 0]])


def test_one_hot_vectors_are_not_learned() -> None:
    front = TokenFront(5, 0)
    assert front.output_size == 5
    assert list(front.parameters()) == []
    assert list(front.state_dict()) == []
    frames, carry = front.step(TOKENS.unsqueeze(2), None)
    assert torch.equal(frames, F.one_hot(TOKENS, 5).float())
    assert carry == ()
    assert front.double().step(TOKENS.unsqueeze(2), None)[0].dtype == torch.float64


def test_learned_vectors_and_zeros_past_the_end() -> None:
    front = TokenFront(5, 3)
    encoded = front(TOKENS.unsqueeze(2), torch.tensor([4, 2]))
    assert torch.equal(encoded.frames[0], front.vectors[TOKENS[0]])
    assert torch.equal(encoded.frames[1, :2], front.vectors[TOKENS[1, :2]])
    assert not encoded.frames[1, 2:].any()


def test_dropout_takes_a_token_wherever_it_stands_and_scales_the_others_up() -> None:
    front, share = TokenFront(400, 3, 0.25), 0.25
    tokens = torch.arange(400).repeat(2, 2).unsqueeze(2)
    frames, _ = front.train().step(tokens, None)
    assert torch.equal(frames[0], frames[1])
    assert torch.equal(frames[0, :400], frames[0, 400:])
    gone = (frames[0, :400] == 0).all(dim=1)
    assert 60 < int(gone.sum()) < 140
    torch.testing.assert_close(frames[0, :400][~gone], front.vectors[~gone] / (1 - share))
    assert not torch.equal(front.step(tokens, None)[0], frames), "sampled anew at each step"
    assert torch.equal(front.eval().step(tokens, None)[0][0, :400], front.vectors)


@pytest.mark.parametrize("projection", [False, True])
def test_a_tied_softmax_weighs_by_the_vectors(projection: bool) -> None:
    front = TokenFront(6, 4)
    head = SoftmaxHead(7 if projection else 4, 5, front, projection=projection)
    with torch.no_grad():
        head.bias.copy_(torch.randn(5))
    frames = torch.randn(2, 3, 7 if projection else 4)
    mapped = frames @ head.projection.weight.T + head.projection.bias if projection else frames
    wanted = (mapped @ front.vectors[1:].T + head.bias).log_softmax(-1)
    torch.testing.assert_close(head(frames, LENGTHS), wanted)
    assert "bias" in head.state_dict()
    assert not any(name.endswith("vectors") for name in head.state_dict()), "its weights are the front's alone"
    head(frames, LENGTHS).sum().backward()
    assert front.vectors.grad is not None


def test_a_softmax_of_its_own_in_float32_at_the_least() -> None:
    head = SoftmaxHead(4, 5)
    frames = torch.randn(2, 3, 4)
    torch.testing.assert_close(head(frames, LENGTHS), head.linear(frames).log_softmax(-1))
    with torch.autocast("cpu", torch.bfloat16):
        assert head(frames, LENGTHS).dtype == torch.float32
    assert head.double()(frames.double(), LENGTHS).dtype == torch.float64
