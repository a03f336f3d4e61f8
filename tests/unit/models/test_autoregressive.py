"""A row's probability is that of its first token, times that of the second after it, and so on: it sums to one."""

from itertools import product

import pytest
import torch

from crnn_audio.models.autoregressive import AutoregressiveHead

SIZES = (3, 4, 2)


@pytest.fixture
def head() -> AutoregressiveHead:
    return AutoregressiveHead(5, SIZES, hidden_size=6).double().eval()


def nothing(batch: int = 1, rows: int = 1) -> torch.Tensor:
    """What is known before rows: heads without voices look for nothing in it."""
    return torch.zeros(batch, rows, 0, dtype=torch.long)


def drive_of(head: AutoregressiveHead, batch: int = 1, rows: int = 1) -> torch.Tensor:
    return head(torch.randn(batch, rows, 5, dtype=torch.float64), torch.full((batch,), rows))


def test_all_rows_together_have_probability_one(head: AutoregressiveHead) -> None:
    drive = drive_of(head)
    every = torch.tensor(list(product(*(range(1, size + 1) for size in SIZES)))).unsqueeze(1)
    probs = (-head.losses(drive.expand(len(every), -1, -1), nothing(len(every)), every).sum(dim=-1)).exp()
    assert len(every) == 24
    assert probs.sum().item() == pytest.approx(1, abs=1e-12)
    assert probs.min() > 0


def test_a_column_hears_those_before_it_and_none_after(head: AutoregressiveHead) -> None:
    drive = drive_of(head)
    row = torch.tensor([[[1, 1, 1]]])
    for changed, affected in ((0, (1, 2)), (1, (2,)), (2, ())):
        other = row.clone()
        other[..., changed] = 2
        same = [
            bool(a == b)
            for a, b in zip(
                head.losses(drive, nothing(), row)[0, 0], head.losses(drive, nothing(), other)[0, 0], strict=True
            )
        ]
        assert [place for place in range(3) if place != changed and not same[place]] == list(affected)


def test_log_probs_column_by_column_are_the_losses(head: AutoregressiveHead) -> None:
    drive, rows = drive_of(head, 2, 4), torch.stack([torch.randint(1, size + 1, (2, 4)) for size in SIZES], dim=-1)
    losses, state = head.losses(drive, nothing(2, 4), rows), head.begin(drive, nothing(2, 4))
    for place in range(3):
        log_probs = head.log_probs(state, place)
        assert log_probs.shape == (2, 4, SIZES[place])
        torch.testing.assert_close(log_probs.exp().sum(dim=-1), torch.ones(2, 4, dtype=torch.float64))
        picked = log_probs.gather(-1, rows[..., place : place + 1] - 1)[..., 0]
        torch.testing.assert_close(-picked, losses[..., place])
        state = head.with_tokens(state, place, rows[..., place])


def test_padding_costs_nothing(head: AutoregressiveHead) -> None:
    rows = torch.tensor([[[1, 2, 1], [0, 0, 0]]])
    losses = head.losses(drive_of(head, 1, 2), nothing(1, 2), rows)
    assert (losses[0, 0] > 0).all()
    assert (losses[0, 1] == 0).all()


def test_one_column_alone_is_a_softmax() -> None:
    head = AutoregressiveHead(5, (4,), hidden_size=6).double().eval()
    drive = drive_of(head)
    every = torch.arange(1, 5).reshape(4, 1, 1)
    losses = head.losses(drive.expand(4, -1, -1), nothing(4), every)
    assert (-losses).exp().sum().item() == pytest.approx(1, abs=1e-12)
