"""Truncated back-propagation: chunks are read as the whole, learned from apart, and gone on with after a kill."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import SequenceFeed, Span
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.training import checkpoint, display, loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.step import StepReport
from crnn_audio.types import SequenceBatch
from tests import rolls as made
from tests import trainings
from tests.invariants.small import CELLS
from tests.invariants.test_rolls import (
    FRONTS,
    HEADS,
    each_front,
    each_head,
    each_model,
    nats_of,
    pieces,
    side_by_side,
    task_of,
)

LENGTHS = [40, 3, 21, 9, 15, 2, 33]
OPTIONS = Options(
    max_epochs=2, lr=1e-2, schedule="constant", warmup=0.0, plateau_patience=1, clip_norm=None, clip_value=None,
    eval_epochs=1, early_stopping=0, checkpoint_steps=0, seed=1,
)  # fmt: skip


class InDouble(Rolls):
    """Batches in float64."""

    def batch(self, spans: Sequence[Span], epoch: int = 0) -> SequenceBatch:
        made = super().batch(spans, epoch)
        return replace(made, inputs=made.inputs.double(), targets=made.targets.double())


def feed(chunk: int, rows: int = 3, accumulate: int = 1) -> SequenceFeed:
    made = InDouble.of(pieces(*LENGTHS), [f"piece-{index}" for index in range(len(LENGTHS))])
    return SequenceFeed(made, batch_size=rows, bptt=chunk, seed=1, accumulate=accumulate)


def nats_of_whole_pieces(task: Prediction) -> float:
    return sum(nats_of(task, side_by_side(pieces(*LENGTHS))))


# ---------------------------------------------------------------------------------------- what is read


@each_head
@pytest.mark.parametrize("chunk", [1, 7, 100])
@each_front
@each_model
@torch.no_grad()
def test_the_losses_of_chunks_add_up_to_those_of_whole_pieces(kind: str, front: str, chunk: int, head: str) -> None:
    """Rows go on from piece to piece, so a state that were not zero at each beginning would show too."""
    task = task_of(kind, front, head)
    total, carry, forgetful = 0.0, None, 0.0
    for (part,) in feed(chunk).steps(0, 0):
        loss, carry = task.advance(part, carry)
        total += float(loss)
        forgetful += float(task.advance(part, None)[0])
    assert total == pytest.approx(nats_of_whole_pieces(task), rel=1e-9)
    if chunk < 40:
        assert forgetful != pytest.approx(total, rel=1e-6), "the carry says nothing"


@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("kind", ["lstm", "tcn"])
def test_the_loop_hands_each_part_its_carry(kind: str, accumulate: int, tmp_path: Path) -> None:
    """With steps too small to matter, two epochs tell the loss of whole pieces twice."""
    task = never_training(task_of(kind, "conv"))
    reports, _ = trained(task, feed(5, accumulate=accumulate), tmp_path, lr=1e-30)
    for epoch in (0, 1):
        nats = sum(one.loss * one.amount for one in reports if one.epoch == epoch)
        assert nats == pytest.approx(nats_of_whole_pieces(task), rel=1e-9)


def never_training(task: Prediction) -> Prediction:
    """Without dropout, whatever the loop asks for."""
    task.train = lambda mode=True: task
    return task


def trained(task: Prediction, fed: SequenceFeed, folder: Path, lr: float = 1e-2, name: str = "sgd"):
    recorder = trainings.Recorder()
    loop.train(
        task,
        fed,
        optim.build_optimizer(task.model, name=name, lr=lr),
        None,
        Progress(),
        replace(OPTIONS, lr=lr),
        total_steps=2 * fed.num_steps(0),
        device=torch.device("cpu"),
        validate=None,
        keep_best=lambda scores: None,
        checkpoint_path=folder / f"{fed.accumulate}.safetensors",
        observer=recorder,
        stop=lambda: False,
    )
    return recorder.reports, {name: value.clone() for name, value in task.model.state_dict().items()}


# ---------------------------------------------------------------------------------------- what is learned


@each_front
@each_model
def test_the_gradient_stops_at_the_border_of_a_chunk(kind: str, front: str) -> None:
    task = task_of(kind, front)
    (before,), (after,) = list(feed(6).steps(0, 0))[:2]
    assert not after.begins.all()
    early = before.inputs.clone().requires_grad_()
    loss, carry = task.advance(replace(before, inputs=early), None)
    late = after.inputs.clone().requires_grad_()
    later, _ = task.advance(replace(after, inputs=late), carry)
    unused, used = torch.autograd.grad(later, [early, late], allow_unused=True, retain_graph=True)
    assert unused is None
    assert float(used.abs().sum()) > 0
    assert float(torch.autograd.grad(loss, early)[0].abs().sum()) > 0


@each_model
def test_a_chunks_gradient_is_that_of_its_frames_from_a_given_state(kind: str) -> None:
    """As if the state that came in were a constant: by hand, from the carry's own numbers."""
    task = task_of(kind)
    parameters = list(task.model.parameters())
    carry: Carry | None = None
    for number, (part,) in enumerate(feed(6).steps(0, 0)):
        if carry is not None:
            rows = len(part.begins)
            constant = [one.detach()[:rows].clone() for one in carry.recurrent]
            for one in constant:
                one[part.begins] = 0
            logits, _ = task.step(part.inputs, Carry((), tuple(constant)))
            chances = logits.sigmoid()
            real = (torch.arange(part.inputs.shape[1]) < part.lengths.unsqueeze(1)).unsqueeze(2)
            nats = -(part.targets * chances.log() + (1 - part.targets) * (1 - chances).log())[
                real.expand_as(logits)
            ].sum()
            wanted = torch.autograd.grad(nats, parameters)
        loss, carry = task.advance(part, carry)
        found = torch.autograd.grad(loss, parameters)
        for one, other in zip(found, wanted if number else found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert number > 5


@each_head
@pytest.mark.parametrize("chunk", [0, 5])
@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("kind", ["lstm", "tcn"])
def test_parts_of_a_batch_add_up_to_the_batch(kind: str, front: str, chunk: int, head: str, tmp_path: Path) -> None:
    def course(accumulate: int) -> tuple[list[StepReport], dict[str, Tensor]]:
        return trained(never_training(task_of(kind, front, head)), feed(chunk, 4, accumulate), tmp_path, name="adamw")

    torch.manual_seed(0)
    reports, whole = course(1)
    for accumulate in (2, 3):
        torch.manual_seed(0)
        parts, weights = course(accumulate)
        for name, value in whole.items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-9)
        for one, other in zip(parts, reports, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-9)
            assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-9)
            assert (one.amount, one.padded_amount <= other.padded_amount) == (other.amount, True)


# ---------------------------------------------------------------------------------------- law 5

RANDOM = {
    "data.bptt": 7,
    "data.batch_size": 3,
    "data.accumulate": 2,
    "model.conv": FRONTS["conv"],
    "model.conv_time": "causal",
    "model.conv_dropout": 0.1,
    "model.recurrent.num_layers": 2,
    "model.recurrent.norm": "layer",
    "model.recurrent.dropout": 0.3,
    "model.recurrent.input_dropout": 0.1,
    "model.recurrent.variational": True,
    "optim.ema": 0.9,
}
"""What could go another way after a kill, all at once."""
WAYS = {
    "lstm": {"model.recurrent.cell": "lstm", "model.recurrent.zoneout": 0.2},
    "gru in bf16": {"model.recurrent.cell": "gru", "precision": "bf16"},
    "tcn": {"model.recurrent.cell": "tcn"},
    "joint": {"model.head": HEADS["nade"] | {"dropout": 0.3}},
    "whole pieces": {"data.bptt": 0, "data.batch_size": 4, "optim.max_epochs": 6},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.folder(tmp_path_factory.mktemp("truncated") / "piano_rolls", pieces=6)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


def carries_in(run: Path) -> dict[str, Tensor]:
    with safe_open(run / "checkpoint.safetensors", framework="pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith("carry.")}  # noqa: SIM118


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_killed_goes_on_to_the_same_bits(way: str, root: Path, tmp_path: Path) -> None:
    recipe = made.small(root, RANDOM | WAYS[way] | {"train.checkpoint_steps": 2})
    trainings.quietly(recipe, tmp_path / "whole")
    steps = trainings.log_of(tmp_path / "whole", "step")
    assert len({entry["loss"] for entry in steps}) == len(steps) >= 9
    for count in (3, 4):
        assert trainings.killed_after_steps(recipe, tmp_path / "killed", count)
    trainings.quietly(recipe, tmp_path / "killed")
    assert trainings.log_of(tmp_path / "killed") == trainings.log_of(tmp_path / "whole")
    assert trainings.same_bytes(tmp_path / "killed", tmp_path / "whole")


def test_a_checkpoint_between_chunks_holds_the_carry_of_each_part(root: Path, tmp_path: Path) -> None:
    recipe = made.small(root, RANDOM | {"train.checkpoint_steps": 1})
    assert trainings.killed_after_steps(recipe, tmp_path / "run", 3)
    held = carries_in(tmp_path / "run")
    # Of each of two parts: the taps of two convolutions, and h and c of two LSTM layers.
    names = ["front.0", "front.1", *(f"recurrent.{index}" for index in range(4))]
    assert set(held) == {f"carry.{part}.{name}" for part in (0, 1) for name in names}
    assert [len(held[f"carry.{part}.recurrent.0"]) for part in (0, 1)] == [2, 1]
    loaded = checkpoint.load_carries(tmp_path / "run" / "checkpoint.safetensors")
    for part, carry in loaded.items():
        assert {f"carry.{part}.{name}" for name in carry.named()} <= set(held)
        assert all(torch.equal(held[f"carry.{part}.{name}"], value) for name, value in carry.named().items())


def test_without_its_carry_a_run_would_go_elsewhere(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the law above would hold for a carry that is forgotten."""
    recipe = made.small(root, RANDOM | {"train.checkpoint_steps": 1})
    trainings.quietly(recipe, tmp_path / "whole")
    assert trainings.killed_after_steps(recipe, tmp_path / "killed", 3)
    monkeypatch.setattr(checkpoint, "load_carries", lambda path: {})
    trainings.quietly(recipe, tmp_path / "killed")
    losses = [[entry["loss"] for entry in trainings.log_of(tmp_path / out, "step")] for out in ("whole", "killed")]
    assert losses[0][:2] == losses[1][:2]
    assert losses[0][3:] != losses[1][3:]


@pytest.mark.parametrize("chunk", [0, 7])
def test_a_finished_epoch_leaves_no_carry(chunk: int, root: Path, tmp_path: Path) -> None:
    recipe = made.small(root, RANDOM | {"data.bptt": chunk, "optim.max_epochs": 1})
    trainings.quietly(recipe, tmp_path / "run")
    assert carries_in(tmp_path / "run") == {}


@pytest.mark.parametrize("kind", CELLS)
def test_a_carry_keeps_its_names_and_order(kind: str) -> None:
    task = task_of(kind, "conv", num_layers=6)
    _, carry = task.step(side_by_side(pieces(9, 9)).inputs)
    again = Carry.of_named(dict(sorted(carry.named().items(), reverse=True)))
    assert len(again.front) == 2
    assert len(again.recurrent) == 6 * (2 if kind in ("lstm", "tcn") else 1), "more than ten names sort oddly"
    for one, other in zip((*again.front, *again.recurrent), (*carry.front, *carry.recurrent), strict=True):
        assert torch.equal(one, other)
