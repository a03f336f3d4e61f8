"""The head against NumPy's softmax."""

import numpy as np
import pytest
import torch

from crnn_audio.models.heads import CtcHead


def test_log_probs_are_the_log_of_a_softmax() -> None:
    head, frames = CtcHead(6, 4).double(), torch.randn(2, 3, 6, dtype=torch.float64)
    logits = frames.numpy() @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    wanted = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(head(frames).detach().numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_log_probs_are_float32_at_the_least(given: torch.dtype, wanted: torch.dtype) -> None:
    log_probs = CtcHead(6, 4).to(given)(torch.randn(2, 3, 6, dtype=given))
    assert log_probs.dtype == wanted
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 3, dtype=wanted))
