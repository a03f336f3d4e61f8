"""The laws of heads of frames: padding, causality, equal halves, streams, resume, save and load."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from crnn_audio.problems.restore import load
from crnn_audio.runs import Run
from crnn_audio.tasks.labelling import Labelling
from tests import labellings as made
from tests import trainings

KINDS = [("segments", False), ("segments", True), ("onsets", False), ("notes", False)]
every_kind = pytest.mark.parametrize(("targets", "exclusive"), KINDS)
every_cell = pytest.mark.parametrize(("cell", "bidirectional"), [("gru", True), ("lstm", False), ("tcn", False)])


def logits(task: Labelling, rows: tuple[int, ...]) -> tuple[torch.Tensor, list[int]]:
    encoded = task.encode(*task.features(made.batch(rows).audio))
    return encoded.frames, encoded.lengths.tolist()


@every_kind
@every_cell
def test_a_recording_alone_equals_it_beside_others(
    targets: str, exclusive: bool, cell: str, bidirectional: bool
) -> None:
    task = made.task(targets, cell, bidirectional=bidirectional, exclusive=exclusive)
    together, lengths = logits(task, (0, 1, 3))
    losses = task.losses(task.encode(*task.features(made.batch((0, 1, 3)).audio)), made.batch((0, 1, 3)))
    for place, row in enumerate((0, 1, 3)):
        alone, (length,) = logits(task, (row,))
        assert length == lengths[place]
        assert torch.allclose(alone[0], together[place, :length], rtol=1e-9, atol=1e-9)
        loss = task.losses(task.encode(*task.features(made.batch((row,)).audio)), made.batch((row,)))
        assert torch.allclose(loss[0], losses[place], rtol=1e-9)


@every_kind
def test_frames_see_the_past_and_their_look_ahead_alone(targets: str, exclusive: bool) -> None:
    task = made.task(targets, exclusive=exclusive)
    features = torch.randn(1, 40, 8, dtype=torch.float64, requires_grad=True)
    task.encode(features, torch.tensor([40])).frames[0, 8].square().sum().backward()
    seen = features.grad[0].abs().sum(dim=1) > 0
    last = 2 * 8 + task.model.look_ahead
    assert seen[: last + 1].all()
    assert not seen[last + 1 :].any()


@every_kind
def test_two_half_batches_are_one(targets: str, exclusive: bool) -> None:
    task = made.task(targets, exclusive=exclusive, class_weights=(1.0, 3.0), positive_weight=2.0).train()
    whole, halves = copy.deepcopy(task), copy.deepcopy(task)
    whole.advance(made.batch((0, 1, 2, 3)), None)[0].backward()
    for rows in ((0, 2), (1, 3)):
        halves.advance(made.batch(rows), None)[0].backward()
    for (name, one), (_, other) in zip(whole.named_parameters(), halves.named_parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-8, atol=1e-10), name


def test_the_loss_is_that_of_torch() -> None:
    task, batch = made.task(), made.batch((0,))
    encoded = task.encode(*task.features(batch.audio))
    targets = torch.zeros(encoded.frames.shape[1:], dtype=torch.float64)
    targets[round(0.05 / task.frame_seconds) : round(0.2 / task.frame_seconds), 0] = 1
    targets[round(0.1 / task.frame_seconds) : round(0.18 / task.frame_seconds), 1] = 1
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(encoded.frames[0], targets, reduction="sum")
    assert torch.allclose(task.losses(encoded, batch)[0], wanted / len(targets))


def test_segments_become_frames_and_onsets_become_peaks() -> None:
    task = made.task("notes", onset_width=1)
    hop = round(task.frame_seconds * 10_000)
    found = task.rasterized(torch.tensor([0, 3 * hop, 6 * hop, 1, 6 * hop, 6 * hop + 1]), 8)
    assert found[:, 0].tolist() == [0, 0, 0.5, 1, 0.5, 0, 0, 0]
    assert found[:, 1].tolist() == [0, 0, 0, 0, 0, 0.5, 1, 0.5]
    assert found[:, 2].tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert found[:, 3].tolist() == [0, 0, 0, 0, 0, 0, 1, 0], "a segment is a frame long at least"


RANDOM = {
    "data.accumulate": 2,
    "data.distort_dev": True,
    "augment.noise": {"probability": 0.7},
    "augment.spec_augment": {"start_epoch": 1, "time_width": 4, "freq_width": 4},
    "model.recurrent.dropout": 0.3,
    "optim.ema": 0.9,
    "optim.max_epochs": 2,
}


def test_a_killed_training_goes_on_to_the_same_bits_and_a_moved_run_labels_the_same(tmp_path: Path) -> None:
    root = made.folder(tmp_path / "corpus", (6, 2, 1))
    recipe = made.recipe(root, *(f"{name}={json.dumps(value)}" for name, value in RANDOM.items()))
    trainings.quietly(recipe, tmp_path / "whole")
    assert trainings.killed_after_steps(recipe, tmp_path / "killed", 2)
    trainings.quietly(recipe, tmp_path / "killed")
    assert trainings.same_bytes(tmp_path / "whole", tmp_path / "killed")
    one = load(tmp_path / "whole")
    before = one.label(root / "test0.wav"), one.options
    shutil.move(tmp_path / "whole", tmp_path / "moved")
    moved = load(tmp_path / "moved")
    assert (moved.label(root / "test0.wav"), moved.options) == before


@pytest.mark.parametrize("targets", ["segments", "onsets", "notes"])
def test_a_stream_a_file_and_the_whole_are_labelled_alike(targets: str, tmp_path: Path) -> None:
    from crnn_audio.decoding import events
    from crnn_audio.decoding.events import EventOptions
    from crnn_audio.inference.labeller import Labeller

    sound, segments = made.recording(tmp_path / "a.wav", 5, seconds=4.0)
    sound, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    task = made.task(targets).float()
    probs = task(made.batch((0,)).audio.__class__(torch.from_numpy(sound)[None], torch.tensor([len(sound)]), made.RATE))
    rows = probs.frames[0].detach().numpy()
    middle = tuple(float(np.median(rows[:, label])) for label in range(2))
    task.events = EventOptions(targets, middle, float(np.median(rows)), median=3, gap=1, minimum=2, radius=2)
    labeller = Labeller(Run(tmp_path, {}, "", {}), task, ("a", "b"))
    whole = labeller.segments(events.decode(rows, task.events), len(sound) / made.RATE)
    assert len(whole) > 3
    assert labeller.label(tmp_path / "a.wav") == list(whole)
    for size in (700, 4001):
        with labeller.stream(made.RATE) as stream:
            found = [one for at in range(0, len(sound), size) for one in stream.feed(sound[at : at + size]).finals]
            found += stream.flush().finals
        assert [(one.start, one.end, one.label) for one in sorted(found)] == [
            (one.start, one.end, one.label) for one in whole
        ]
    assert segments
