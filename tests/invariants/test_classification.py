"""The laws of pools and heads: padding, causality, equal halves, resume, save and load."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from crnn_audio.models.pooling import Pooling
from crnn_audio.problems import classification
from crnn_audio.problems.restore import load
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch
from tests import classifications as made
from tests import trainings

every_kind = pytest.mark.parametrize(
    ("pool", "cell", "bidirectional"),
    [(pool, cell, both) for pool in made.POOLS for cell, both in (("gru", True), ("lstm", False), ("tcn", False))],
)
LENGTHS = (9, 4, 1, 0)


def features(seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(4, 18, 8, dtype=torch.float64), torch.tensor([18, 11, 5, 1])


@every_kind
def test_a_recording_alone_equals_the_recording_beside_longer_ones(pool: str, cell: str, bidirectional: bool) -> None:
    task = made.task(pool, cell, bidirectional=bidirectional)
    values, lengths = features()
    together = task.logits(values, lengths)
    assert together.std(dim=0).min() > 1e-3, "the recordings are alike"
    for row, length in enumerate(lengths.tolist()):
        alone = task.logits(values[row : row + 1, :length], lengths[row : row + 1])
        assert torch.allclose(alone[0], together[row], rtol=1e-9, atol=1e-9)
    spoiled = values.clone()
    spoiled[1, 11:] = 1e3
    assert torch.equal(task.logits(spoiled, lengths), together)


@every_kind
def test_every_frame_within_its_length_counts_and_none_beyond(pool: str, cell: str, bidirectional: bool) -> None:
    task = made.task(pool, cell, bidirectional=bidirectional)
    values, lengths = features()
    values.requires_grad_()
    task.logits(values, lengths).square().sum().backward()
    for row, length in enumerate(lengths.tolist()):
        assert values.grad[row, length:].eq(0).all()
        if pool == "max":  # which takes few frames of a recording
            assert values.grad[row].abs().sum() > 0
        else:
            assert values.grad[row, [0, length - 1]].abs().sum(dim=1).min() > 0


@pytest.mark.parametrize("pool", made.POOLS)
def test_pools_are_what_their_names_say(pool: str) -> None:
    torch.manual_seed(1)
    pooling = Pooling(6, pool, bidirectional=True).double()
    frames, lengths = torch.randn(4, 9, 6, dtype=torch.float64), torch.tensor(LENGTHS)
    found = pooling(frames, lengths)
    for row, length in enumerate(LENGTHS):
        real = frames[row, :length]
        if not length:
            assert found[row].eq(0).all()
            continue
        if pool == "attention":
            weights = torch.tensor([float(pooling.score(one).exp().detach()) for one in real], dtype=torch.float64)
            wanted = sum(weight * one for weight, one in zip(weights / weights.sum(), real, strict=True))
        else:
            wanted = {
                "last": torch.cat([real[-1, :3], real[0, 3:]]),
                "mean": real.mean(dim=0),
                "max": real.amax(dim=0),
            }[pool]
        assert torch.allclose(found[row], wanted, atol=1e-12)


def batch(rows: tuple[int, ...]) -> SpeechBatch:
    labels = ("high", "low", "noise", "low")
    waves = [torch.from_numpy(made.sound(labels[row], 0.2 + 0.1 * row, row)).double() for row in rows]
    lengths = torch.tensor([len(wave) for wave in waves])
    padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    targets = TokenBatch(torch.tensor([[list(made.PITCHES).index(labels[row]) + 1] for row in rows]), lengths.sign())
    names = tuple(map(str, rows))
    return SpeechBatch(AudioBatch(padded, lengths, made.RATE), targets, names, rows, 0)


@pytest.mark.parametrize("pool", made.POOLS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_two_half_batches_are_one(pool: str, multilabel: bool) -> None:
    task = made.task(pool, label_smoothing=0.2, weights=(0.5, 1.0, 2.0), multilabel=multilabel).train()
    whole, halves = copy.deepcopy(task), copy.deepcopy(task)
    whole.advance(batch((0, 1, 2, 3)), None)[0].backward()
    for rows in ((0, 2), (1, 3)):
        halves.advance(batch(rows), None)[0].backward()
    for (name, one), (_, other) in zip(whole.named_parameters(), halves.named_parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-9, atol=1e-12), name


def test_the_loss_is_that_of_torch() -> None:
    task, logits = made.task("mean", weights=(0.5, 1.0, 2.0)).train(), torch.randn(4, 3, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[[0, 2, 1, 2]]
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    wanted = torch.nn.functional.cross_entropy(logits, targets, weights, reduction="none")
    assert torch.allclose(task.losses(logits, targets), wanted)
    task.eval()
    wanted = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    assert torch.allclose(task.losses(logits, targets), wanted), "weights are for training alone"


def test_mixing_depends_on_the_keys_alone_and_keeps_the_greater_share() -> None:
    from crnn_audio.tasks.classification import mixed_up

    values, lengths = features()
    targets = torch.eye(4, dtype=torch.float64)
    mixed, soft = mixed_up(values, lengths, targets, (1, 2, 3, 4), 0.4)
    again, _ = mixed_up(values, lengths, targets, (1, 2, 3, 4), 0.4)
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, mixed_up(values, lengths, targets, (1, 2, 3, 5), 0.4)[0])
    assert torch.allclose(soft.sum(dim=1), torch.ones(4).double())
    assert soft.diagonal().min() >= 0.5
    for row in range(4):
        share, other = (soft[row] * (1 - torch.eye(4)[row])).max(dim=0)
        partner = values[other].clone()
        partner[lengths[other] :] = 0
        end = int(lengths[row])
        wanted = (1 - share) * values[row, :end] + share * partner[:end]
        assert torch.allclose(mixed[row, :end], wanted)
    assert mixed_up(values, lengths, targets, (1, 2, 3, 4), 0.0)[0] is values


RANDOM = {
    "task.label_smoothing": 0.1,
    "task.mixup": 0.4,
    "task.class_weights": True,
    "data.accumulate": 2,
    "augment.speed": [0.9, 1.0, 1.1],
    "augment.noise": {"probability": 0.7},
    "augment.spec_augment": {"start_epoch": 1, "time_width": 4, "freq_width": 4},
    "model.dropout": 0.2,
    "model.recurrent.dropout": 0.3,
    "optim.ema": 0.9,
}


def test_a_killed_training_goes_on_to_the_same_bits_and_a_moved_run_says_the_same(tmp_path: Path) -> None:
    recipe = made.small(made.corpus(tmp_path / "corpus"), RANDOM)
    trainings.quietly(recipe, tmp_path / "whole")
    assert trainings.killed_after_steps(recipe, tmp_path / "killed", 2)
    trainings.quietly(recipe, tmp_path / "killed")
    assert trainings.same_bytes(tmp_path / "whole", tmp_path / "killed")
    path = tmp_path / "corpus" / "test-1.wav"
    before = load(tmp_path / "whole").classify(path)
    shutil.move(tmp_path / "whole", tmp_path / "moved")
    assert load(tmp_path / "moved").classify(path) == before
    assert classification.METRIC == "accuracy"
