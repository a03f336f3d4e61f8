"""Law 13 in training: a GPU takes the CPU's course, and what either saves the other loads and goes on with.

Every body also runs with the CPU in the GPU's place, so that the body itself is known to work.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import crnn_audio
from crnn_audio import runs
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import recognition
from crnn_audio.problems.restore import restore
from crnn_audio.training import checkpoint, loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.types import AudioBatch
from tests import trainings
from tests.invariants.devices import CPU, assert_near, sound_on
from tests.invariants.small import crnn
from tests.invariants.test_precision import batch

EPOCHS = 3
EVERYTHING = {
    "task.consistency": 0.2,
    "task.intermediate": 0.3,
    "model.recurrent.num_layers": 2,
    "data.accumulate": 2,
    "augment.speed": [0.9, 1.0, 1.1],
    "augment.spec_augment": {"start_epoch": 1, "time_width": 4, "freq_width": 4},
    "features.normalize": "utterance",
}
"""But dropout, which torch draws, by each device in its own way."""
OPTIONS = Options(
    max_epochs=EPOCHS, lr=3e-3, schedule="one_cycle", warmup=0.2, plateau_patience=1, clip_norm=1.0, clip_value=None,
    eval_epochs=1, early_stopping=0, checkpoint_steps=0, seed=1,
)  # fmt: skip
Course = tuple[dict[str, Tensor], list[float]]
"""Weights at the end, and the loss of each step."""

pytestmark = pytest.mark.usefixtures("without_tf32")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("gpu") / "corpus")


def trained(root: Path, folder: Path, device: torch.device, stop_after: int | None = None) -> Course:
    """By the loop in float64, features too, going on from the folder's checkpoint; averaged weights."""
    recipe = trainings.small(root, EVERYTHING)
    data, assets = trainings.read(recipe)
    feed = recognition.feed(recipe, data, assets).batches
    task = recognition.task(recipe, assets).double().to(device)
    single = task.features
    task.features = lambda audio: single(AudioBatch(audio.waveforms.double(), audio.lengths, audio.sample_rate))
    optimizer, average = optim.build_optimizer(task.model), optim.AveragedWeights(task.model, 0.9)
    path, recorder = folder / "checkpoint.safetensors", trainings.Recorder()
    loop.train(
        task,
        feed,
        optimizer,
        average,
        checkpoint.load(path, task.model, optimizer, average) if path.exists() else Progress(),
        OPTIONS,
        total_steps=sum(feed.num_steps(epoch) for epoch in range(EPOCHS)),
        device=device,
        validate=None,
        keep_best=lambda scores: None,
        checkpoint_path=path,
        observer=recorder,
        stop=lambda: len(recorder.reports) == stop_after,
    )
    assert next(task.model.parameters()).device.type == device.type
    average.swap()
    return checkpoint.weights(task.model), [one.loss for one in recorder.reports]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what checking remembers is kept there


def assert_same_course(found: Course, wanted: Course) -> None:
    assert found[1] == pytest.approx(wanted[1], rel=1e-7)
    for name, value in wanted[0].items():
        torch.testing.assert_close(found[0][name], value, rtol=0, atol=1e-6)


def test_a_whole_training(root: Path, tmp_path: Path, device: torch.device) -> None:
    places = tmp_path / "here", tmp_path / "there"
    for place in places:
        place.mkdir()
    wanted = trained(root, places[0], CPU)
    assert len(wanted[1]) >= 9
    assert wanted[1][-1] < wanted[1][0]
    assert_same_course(trained(root, places[1], device), wanted)


@pytest.mark.parametrize("back", [False, True], ids=["to the CPU", "from the CPU"])
def test_a_training_goes_on_elsewhere(root: Path, tmp_path: Path, back: bool, device: torch.device) -> None:
    places = tmp_path / "whole", tmp_path / "moved"
    for place in places:
        place.mkdir()
    first, then = (CPU, device) if back else (device, CPU)
    _, before = trained(root, places[1], first, stop_after=5)
    weights, after = trained(root, places[1], then)
    assert len(before) == 5
    assert_same_course((weights, before + after), trained(root, places[0], CPU))


def test_a_run_that_was_trained_there_loads_here(root: Path, tmp_path: Path, monkeypatch, device: torch.device) -> None:
    """The whole of `train`, in float32: the CPU's course within a hundredth, and one run for both devices."""
    monkeypatch.setattr("crnn_audio.training.display.plot_curves", lambda *_: None)
    losses = []
    for out, place in (("here", "cpu"), ("there", device.type)):
        recipe = trainings.small(root, {"device": place, "optim.ema": 0.9, "augment.speed": [0.9, 1.1]})
        trainings.quietly(recipe, tmp_path / out)
        losses.append([entry["loss"] for entry in trainings.log_of(tmp_path / out, "step")])
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    assert runs.open_run(tmp_path / "there").facts["device"] == name
    speech = batch()
    with torch.inference_mode():
        here = crnn_audio.load(tmp_path / "there", device="cpu").task(sound_on(CPU, speech))
        there = crnn_audio.load(tmp_path / "there", device=device.type).task(sound_on(device, speech))
        tokens = restore(runs.open_run(tmp_path / "there")).assets.vocabulary
        untrained = recognition.task(recipe, recognition.Assets(tokens, Statistics((0.0,) * 12, (1.0,) * 12)))
    assert_near(there.frames, here.frames, 1e-3, device)
    saved = runs.open_run(tmp_path / "there").weights("last")
    assert any((saved[name] - value).abs().max() > 1e-2 for name, value in untrained.model.state_dict().items())


def test_weights_that_share_a_buffer_are_saved_one_by_one(tmp_path: Path) -> None:
    """As cuDNN lays out a cell's: safetensors refuses tensors that overlap, but not these."""
    model, path = crnn("lstm", bidirectional=True), tmp_path / "checkpoint.safetensors"
    for cell in (one for one in model.modules() if isinstance(one, nn.LSTM)):
        parameters = list(cell.parameters())
        parts = torch.cat([one.data.flatten() for one in parameters]).split([one.numel() for one in parameters])
        for one, part in zip(parameters, parts, strict=True):
            one.data = part.view_as(one)
    wanted = {name: value.clone() for name, value in model.state_dict().items()}
    checkpoint.save(path, Progress(), model, optim.build_optimizer(model), None)
    other = crnn("lstm", bidirectional=True)
    checkpoint.load(path, other, optim.build_optimizer(other), None)
    assert all(torch.equal(value, wanted[name]) for name, value in other.state_dict().items())
