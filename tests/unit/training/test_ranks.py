"""What a process among several does by itself: its device, its gradients, its errors; alone, nothing happens."""

import pytest
import torch
from torch import nn

from crnn_audio.errors import RunError
from crnn_audio.training import ranks
from crnn_audio.training.ranks import SINGLE, Ranks


def test_alone_everything_is_as_it_is(monkeypatch) -> None:
    monkeypatch.setattr(ranks.dist, "all_reduce", lambda *_: pytest.fail("there is nobody to talk to"))
    value = object()
    assert SINGLE.is_main
    assert SINGLE.all_reduce(2, 0.5) == [2, 0.5]
    assert [SINGLE.any(True), SINGLE.any(False)] == [True, False]
    assert SINGLE.broadcast(value) is value
    assert SINGLE.all_gather(value) == [value]
    SINGLE.agree(value, "things")
    SINGLE.add_gradients([nn.Parameter(torch.ones(2))])
    assert SINGLE.is_first_to_report()


@pytest.mark.parametrize("missing", [None, *ranks.TORCHRUN])
def test_one_process_or_half_of_torchruns_words_are_no_team(monkeypatch, missing) -> None:
    for name in ranks.TORCHRUN:
        monkeypatch.setenv(name, "1" if missing is None else "2")
    if missing:
        monkeypatch.delenv(missing)
    with ranks.initialized() as found:
        assert found is SINGLE


def two(monkeypatch, other: list[torch.Tensor]) -> Ranks:
    """One of two; the other's tensors are given."""
    left = iter(other)
    monkeypatch.setattr(ranks.dist, "all_reduce", lambda own: own.add_(next(left)))
    return Ranks(1, 2)


def test_gradients_are_added_and_one_that_nobody_has_stays_away(monkeypatch) -> None:
    """The order is that of the parameters, and behind them stands who has which."""
    both, theirs, ours, nobodys = (nn.Parameter(torch.zeros(size)) for size in ((2, 2), (3,), (1,), (2,)))
    both.grad, ours.grad = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([5.0])
    other = torch.tensor([10.0, 20, 30, 40, 7, 8, 9, 0, 0, 0, 1, 1, 0, 0])
    two(monkeypatch, [other]).add_gradients([both, theirs, ours, nobodys])
    assert both.grad.tolist() == [[11, 22], [33, 44]]
    assert theirs.grad.tolist() == [7, 8, 9]
    assert ours.grad.tolist() == [5]
    assert nobodys.grad is None


def test_one_yes_is_a_yes(monkeypatch) -> None:
    yes, no = torch.tensor([1.0], dtype=torch.float64), torch.tensor([0.0], dtype=torch.float64)
    found = two(monkeypatch, [yes, no, yes, no])
    assert [found.any(asked) for asked in (False, False, True, True)] == [True, False, True, True]


def test_a_lost_process_is_a_run_error(monkeypatch) -> None:
    def lost(_):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1")

    monkeypatch.setattr(ranks.dist, "all_reduce", lost)
    with pytest.raises(RunError, match="another of the 3 processes that train together has died") as raised:
        Ranks(0, 3).all_reduce(1.0)
    assert raised.value.__suppress_context__


def test_who_cannot_ask_whether_it_was_reported_reports() -> None:
    class Dead:
        def add(self, name: str, amount: int) -> int:
            raise RuntimeError("Broken pipe")

    class Alive:
        reported = 0

        def add(self, name: str, amount: int) -> int:
            self.reported += amount
            return self.reported

    store = Alive()
    assert [Ranks(rank, 3, store=store).is_first_to_report() for rank in (2, 0, 1)] == [True, False, False]
    assert Ranks(1, 2, store=Dead()).is_first_to_report()
