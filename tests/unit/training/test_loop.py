"""The loop with a toy task: what it steps, validates, keeps, saves and stops for."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from crnn_audio.errors import RunError
from crnn_audio.metrics.scores import Scores
from crnn_audio.training import checkpoint, loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from tests import trainings

OPTIONS = Options(
    max_epochs=3, lr=0.1, schedule="constant", warmup=0.0, plateau_patience=1, clip_norm=None, clip_value=None,
    eval_epochs=1, early_stopping=0, checkpoint_steps=0, seed=1,
)  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """Items of a batch, one number each."""

    values: tuple[float, ...]

    @property
    def cut_ids(self) -> tuple[str, ...]:
        return tuple(f"cut-{value:g}" for value in self.values)

    @property
    def size(self) -> int:
        return len(self.values)

    amount = 2.0
    padded_amount = 3.0

    def to(self, device: torch.device) -> "Numbers":
        return self


class Fit:
    """Fits w to the numbers: the loss is the sum of (w - x)^2 / 2, so the mean gradient is w less their mean."""

    mixed = False

    def __init__(self) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.training: list[bool] = []
        self.sampled: list[float] = []

    @property
    def weight(self) -> float:
        return float(self.model.weight.detach())

    def train(self, mode: bool = True) -> None:
        self.training.append(mode)

    def eval(self) -> None:
        self.train(False)

    def to(self, device: torch.device) -> "Fit":
        return self

    def advance(self, batch: Numbers, carry: None) -> tuple[torch.Tensor, None]:
        self.sampled.append(float(torch.rand(())))
        return ((self.model.weight - torch.tensor(batch.values)) ** 2).sum() / 2, None


class Batches:
    """Each epoch the same steps, each of these its parts."""

    def __init__(self, *steps: list[Numbers]) -> None:
        self.given = steps

    def steps(self, epoch: int, start: int):
        yield from self.given[start:]


@dataclass
class Done:
    task: Fit
    progress: Progress
    recorder: trainings.Recorder
    kept: list[float]
    evaluated: list[float]
    path: Path


ONE = Batches([Numbers((1.0, 3.0))], [Numbers((4.0,))])


def fitted(
    tmp_path: Path, feed=ONE, *, scores=None, ema=0.0, progress=None, stop=lambda: False, task=None, **options
) -> Done:
    task = task or Fit()
    recorder, kept, evaluated = trainings.Recorder(), [], []
    left = iter(scores or [])

    def validate(epoch: int) -> Scores:
        assert epoch == progress.epoch
        evaluated.append(task.weight)
        return Scores({"wer": next(left)}, loss=1.0, counts="2 utterances")

    optimizer = optim.build_optimizer(task.model, name="sgd", lr=0.1)
    average = optim.AveragedWeights(task.model, ema) if ema else None
    path = tmp_path / "checkpoint.safetensors"
    if progress is None:
        progress = checkpoint.load(path, task.model, optimizer, average) if path.exists() else Progress()
    progress = loop.train(
        task, feed, optimizer, average, progress, replace(OPTIONS, **options), total_steps=6,
        device=torch.device("cpu"), validate=validate if scores else None, keep_best=lambda _: kept.append(task.weight),
        checkpoint_path=path, observer=recorder, stop=stop,
    )  # fmt: skip
    return Done(task, progress, recorder, kept, evaluated, path)


# ---------------------------------------------------------------------------------------- steps


def test_steps_by_hand(tmp_path) -> None:
    """w starts at 0; the first batch has mean 2, the second 4; each step goes a tenth of the way."""
    done = fitted(tmp_path, max_epochs=1)
    assert done.task.weight == pytest.approx(0.2 + 0.1 * 3.8)
    assert [report.loss for report in done.recorder.reports] == pytest.approx([(1 + 9) / 2 / 2, 3.8**2 / 2])
    assert [report.gradient_norm for report in done.recorder.reports] == pytest.approx([2.0, 3.8])
    assert [(report.step, report.epoch) for report in done.recorder.reports] == [(0, 0), (1, 0)]
    assert [(report.amount, report.padded_amount) for report in done.recorder.reports] == [(2.0, 3.0)] * 2
    assert (done.progress.step, done.progress.epoch, done.progress.position) == (2, 1, 0)
    assert done.progress.finished
    assert all(done.task.training)


def test_uneven_parts_weigh_by_their_counts(tmp_path) -> None:
    whole = fitted(tmp_path / "a", Batches([Numbers((1.0, 2.0, 6.0))]), max_epochs=1)
    parts = fitted(tmp_path / "b", Batches([Numbers((1.0, 2.0)), Numbers((6.0,))]), max_epochs=1)
    assert parts.task.weight == pytest.approx(whole.task.weight) == pytest.approx(0.3)
    assert parts.recorder.reports[0].loss == pytest.approx(whole.recorder.reports[0].loss)
    assert (parts.recorder.reports[0].amount, parts.recorder.reports[0].padded_amount) == (4.0, 6.0)


@pytest.fixture(autouse=True)
def _folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()


def test_the_norm_is_reported_before_clipping_and_so_is_whether_it_was_clipped(tmp_path) -> None:
    done = fitted(tmp_path, max_epochs=1, clip_norm=3.0)
    assert [report.clipped for report in done.recorder.reports] == [False, True]
    assert [report.gradient_norm for report in done.recorder.reports] == pytest.approx([2.0, 3.8])
    assert done.task.weight == pytest.approx(0.2 + 0.1 * 3.0, rel=1e-5)


def test_every_part_draws_from_seed_and_step(tmp_path) -> None:
    feed = Batches([Numbers((1.0,)), Numbers((1.0,))], [Numbers((1.0,))])
    one, same = (fitted(tmp_path / name, feed).task.sampled for name in "ab")
    assert one == same
    assert len(set(one)) == len(one) == 9
    (tmp_path / "a" / "checkpoint.safetensors").unlink()
    assert not set(fitted(tmp_path / "a", feed, seed=2).task.sampled) & set(one)


def test_the_rate_follows_the_schedule(tmp_path) -> None:
    rates = [report.lr for report in fitted(tmp_path, schedule="warmup", warmup=1.0).recorder.reports]
    assert rates == pytest.approx([0.1 * (0.04 + 0.96 * step / 5) for step in range(6)])


# ---------------------------------------------------------------------------------------- looking at dev


def test_evaluations_come_every_so_many_epochs_and_at_the_end(tmp_path) -> None:
    done = fitted(tmp_path, max_epochs=5, eval_epochs=2, scores=[0.5, 0.4, 0.3])
    assert len(done.recorder.scores) == 3
    assert done.progress.best_epoch == 5


def test_the_best_weights_are_kept_and_worse_ones_are_not(tmp_path) -> None:
    done = fitted(tmp_path, max_epochs=4, scores=[0.5, 0.3, 0.4, 0.2])
    assert [best for _, best in done.recorder.scores] == [True, True, False, True]
    assert done.kept == [done.evaluated[0], done.evaluated[1], done.evaluated[3]]
    assert (done.progress.best_score, done.progress.best_epoch) == (0.2, 4)


def test_the_average_is_evaluated_and_kept_and_the_raw_weights_go_on(tmp_path) -> None:
    raw = fitted(tmp_path / "a", scores=[0.3, 0.2, 0.1])
    averaged = fitted(tmp_path / "b", scores=[0.3, 0.2, 0.1], ema=0.5)
    assert averaged.task.weight == raw.task.weight
    assert [report.loss for report in averaged.recorder.reports] == [report.loss for report in raw.recorder.reports]
    expected, weight, average = [], 0.0, 0.0
    for step in range(6):
        weight += 0.1 * ((2.0, 4.0)[step % 2] - weight)
        decay = min(0.5, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight
        if step % 2:
            expected.append(average)
    assert averaged.evaluated == pytest.approx(expected)
    assert averaged.kept == averaged.evaluated
    assert raw.evaluated[-1] == raw.task.weight


def test_the_plateau_halves_the_rate_after_its_patience(tmp_path) -> None:
    done = fitted(
        tmp_path, schedule="plateau", plateau_patience=2, max_epochs=7, scores=[0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.6]
    )
    by_epoch = [report.lr for report in done.recorder.reports[::2]]
    assert by_epoch == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025])


def test_another_schedule_knows_no_plateau(tmp_path) -> None:
    done = fitted(tmp_path, max_epochs=5, scores=[0.5, 0.6, 0.6, 0.6, 0.6])
    assert {report.lr for report in done.recorder.reports} == {0.1}


def test_early_stopping_waits_for_its_patience_and_a_better_score_resets_it(tmp_path) -> None:
    done = fitted(tmp_path, max_epochs=20, early_stopping=2, scores=[0.5, 0.6, 0.4, 0.6, 0.6, 0.1])
    assert len(done.recorder.scores) == 5
    assert done.progress.finished
    assert (done.progress.epoch, done.progress.step, done.progress.best_epoch) == (5, 10, 3)
    again = fitted(tmp_path, max_epochs=20, early_stopping=2, scores=[0.0])
    assert again.recorder.reports == []


def test_no_early_stopping_where_none_is_asked_for(tmp_path) -> None:
    assert fitted(tmp_path, max_epochs=6, scores=[0.1, 0.2, 0.2, 0.2, 0.2, 0.2]).progress.epoch == 6


# ---------------------------------------------------------------------------------------- saving and stopping


def test_stopping_saves_and_the_same_call_goes_on(tmp_path) -> None:
    whole = fitted(tmp_path / "a", scores=[0.3, 0.2, 0.1])
    asked = iter([False, False, True])
    first = fitted(tmp_path / "b", scores=[0.3], stop=lambda: next(asked))
    assert (first.progress.step, first.progress.epoch, first.progress.position) == (3, 1, 1)
    assert not first.progress.finished
    second = fitted(tmp_path / "b", scores=[0.2, 0.1])
    assert [report.step for report in first.recorder.reports + second.recorder.reports] == list(range(6))
    assert second.task.weight == whole.task.weight
    assert second.progress.best_score == whole.progress.best_score
    assert second.progress.train_seconds > first.progress.train_seconds


def test_stopped_at_the_last_step_of_an_epoch_dev_is_evaluated_when_it_goes_on(tmp_path) -> None:
    asked = iter([False, True])
    first = fitted(tmp_path, scores=[0.3], stop=lambda: next(asked))
    assert first.evaluated == []
    assert len(fitted(tmp_path, scores=[0.3, 0.2, 0.1]).evaluated) == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"checkpoint_steps": 4}, [2, 4, 4, 6]),  # after steps 4, and after every epoch of two steps
        ({"checkpoint_steps": 1}, [1, 2, 2, 3, 4, 4, 5, 6, 6]),
        ({"checkpoint_seconds": 0.0}, [1, 2, 2, 3, 4, 4, 5, 6, 6]),
        ({}, [2, 4, 6]),
    ],
)
def test_checkpoints_come_as_asked_and_after_each_epoch(tmp_path, monkeypatch, options, expected) -> None:
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda path, progress, *_: saved.append(progress.step))
    fitted(tmp_path, **options)
    assert saved == expected


# ---------------------------------------------------------------------------------------- not finite


def test_a_loss_that_is_not_finite_names_step_cuts_and_parameter_and_keeps_the_checkpoint(tmp_path) -> None:
    feed = Batches([Numbers((1.0,))], [Numbers((2.0, 5.0)), Numbers((math.nan, 7.0))])
    task = Fit()
    with pytest.raises(RunError) as raised:
        fitted(tmp_path, feed, task=task, checkpoint_steps=1)
    message = str(raised.value)
    assert message.startswith("step 1 (epoch 1): the loss is nan")
    assert "the first parameter whose gradient is not finite is 'weight'" in message
    assert "cut-2, cut-5, cut-nan, cut-7" in message
    assert "checkpoint" in message
    assert task.weight == pytest.approx(0.1)
    kept = Fit()
    progress = checkpoint.load(
        tmp_path / "checkpoint.safetensors", kept.model, optim.build_optimizer(kept.model, name="sgd"), None
    )
    assert (progress.step, kept.weight) == (1, pytest.approx(0.1))


def test_a_gradient_that_is_not_finite_stops_too(tmp_path) -> None:
    class Steep(Fit):
        """sqrt has a finite value and an infinite slope at 0; the second layer's gradient is finite."""

        def __init__(self) -> None:
            super().__init__()
            self.model = nn.ModuleDict({"fine": nn.Linear(1, 1), "steep": nn.Linear(1, 1)})
            nn.init.zeros_(self.model["steep"].weight)

        def advance(self, batch: Numbers, carry: None) -> tuple[torch.Tensor, None]:
            return self.model["fine"].weight.sum() + self.model["steep"].weight.sum().sqrt(), None

    with pytest.raises(RunError, match=r"the first parameter whose gradient is not finite is 'steep\.weight'"):
        fitted(tmp_path, task=Steep())


def test_an_infinite_loss_stops_even_with_a_finite_gradient(tmp_path) -> None:
    class Endless(Fit):
        def advance(self, batch: Numbers, carry: None) -> tuple[torch.Tensor, None]:
            return self.model.weight.sum() + math.inf, None

    with pytest.raises(
        RunError, match="the loss is inf and the first parameter whose gradient is not finite is 'none'"
    ):
        fitted(tmp_path, task=Endless())
