"""Law 7: a run directory gives the same logits wherever it lies, and nothing in it can run."""

import copy
import json
import pickletools
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

import crnn_audio
from crnn_audio import runs
from crnn_audio.config.load import dump
from crnn_audio.errors import RunError
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems import load_recipe, recognition
from crnn_audio.problems.restore import restore
from crnn_audio.training import checkpoint
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.optim import AveragedWeights, build_optimizer
from crnn_audio.training.run import train
from crnn_audio.types import AudioBatch
from tests.invariants.small import CELLS, crnn, moved

# ---------------------------------------------------------------------------------------- a run directory


@pytest.fixture(scope="module")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An epoch on data/tiny, by a recipe that keeps averaged weights, statistics and an inner head."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = load_recipe(
        "tiny/lstm",
        f"data.root={tiny}",
        "data.workers=0",
        "optim.max_epochs=1",
        "optim.ema=0.9",
        "task.intermediate=0.3",
        "model.recurrent.hidden_size=16",
        "model.recurrent.num_layers=2",
        "device=cpu",
        "threads=1",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # what checking remembers is kept there
        assert train(recipe, folder / "run", report=lambda line: None).finished
    return folder / "run"


def log_probs(recognizer: Recognizer) -> Tensor:
    random = torch.Generator().manual_seed(4)
    lengths = torch.tensor([9000, 16000, 4000])
    audio = AudioBatch(torch.randn(3, 16000, generator=random) / 10, lengths, recognizer.sample_rate)
    with torch.inference_mode():
        return recognizer.task(audio).frames


@pytest.mark.parametrize("weights", ["best", "last"])
def test_a_run_that_was_moved_gives_identical_logits(
    trained: Path, weights: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = crnn_audio.load(trained, weights=weights)
    spoken, before = sorted((tiny / "test").glob("*.flac")), log_probs(here)
    assert float(before.std(dim=1).max()) > 1e-3, "the outputs say nothing"
    hypotheses = here.transcribe(spoken)
    away = tmp_path / "somewhere else" / "ärger"
    shutil.copytree(trained, away)
    hidden = trained.rename(trained.with_name("gone"))
    try:
        monkeypatch.chdir(tmp_path)
        there = crnn_audio.load(away, weights=weights)
        assert torch.equal(log_probs(there), before)
        assert there.transcribe(spoken) == hypotheses
        monkeypatch.chdir(away)
        assert torch.equal(log_probs(crnn_audio.load(".", weights=weights)), before)
    finally:
        hidden.rename(trained)


def test_what_is_loaded_is_what_was_saved(tmp_path: Path, trained: Path) -> None:
    origin = restore(runs.open_run(trained))
    run = runs.create(tmp_path / "run", origin.run.text, origin.assets, {})
    task = recognition.task(origin.recipe, origin.assets).eval()
    moved(task.model)
    kept = log_probs(Recognizer(run, task))
    run.save_weights("best", checkpoint.weights(task.model))
    assert torch.equal(log_probs(crnn_audio.load(tmp_path / "run")), kept)
    assert not torch.equal(log_probs(crnn_audio.load(trained)), kept)


def test_a_recipe_vocabulary_and_statistics_survive_their_files(trained: Path, tmp_path: Path) -> None:
    before = restore(runs.open_run(trained))
    again = restore(runs.create(tmp_path / "again", dump(before.recipe), before.assets, {}))
    assert (again.recipe, again.assets) == (before.recipe, before.assets)
    assert before.assets.statistics is not None, "global normalisation without statistics"


def test_nothing_in_a_run_directory_is_a_pickle(trained: Path) -> None:
    paths = [path for path in trained.rglob("*") if path.is_file()]
    assert {path.name for path in paths} >= {"run.json", "recipe.yaml", "best.safetensors", "last.safetensors"}
    assert "checkpoint.safetensors" in {path.name for path in paths}
    for path in paths:
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK\x03\x04")), f"{path.name} is a pickle or a zip of torch.save"
        assert b"PK\x03\x04" not in content or path.suffix == ".png", path.name
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever pickletools says to what is no pickle
            list(pickletools.genops(content))


def test_weights_are_safetensors_of_numbers_alone(trained: Path) -> None:
    for path in trained.glob("*.safetensors"):
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])  # the format as its specification has it
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        assert 8 + size + max(ends) == len(content), "something stands behind the tensors"
        assert all(entry["dtype"] in {"F32", "I64"} for name, entry in header.items() if name != "__metadata__")
    with safe_open(trained / "best.safetensors", framework="pt") as opened:
        names = set(opened.keys())
    model = crnn_audio.load(trained).task.model
    assert names == set(model.state_dict())


# ---------------------------------------------------------------------------------------- checkpoints

OPTIMISERS = {
    "adamw": {},
    "adam": {},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"momentum": 0.9},
    "adagrad": {},
    "adadelta": {},
}


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, average: AveragedWeights, steps: range) -> None:
    """Steps whose gradients depend on the step alone."""
    for step in steps:
        random = torch.Generator().manual_seed(step)
        for one in model.parameters():
            one.grad = torch.randn(one.shape, generator=random, dtype=one.dtype)
        optimizer.step()
        average.update(step)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_checkpoint_gives_everything_back_to_the_bit(name: str, tmp_path: Path) -> None:
    def fresh(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, AveragedWeights]:
        torch.manual_seed(seed)
        model = crnn("lstm", bidirectional=True, inner=True).float()
        optimizer = build_optimizer(model, name=name, lr=0.01, weight_decay=0.1, **OPTIMISERS[name])
        return model, optimizer, AveragedWeights(model, 0.9)

    path, reached = (
        tmp_path / "checkpoint.safetensors",
        Progress(3, 1, 2, 4.5, 0.25, 1, 2, 0.5, False, 2, {"loss": 1.5}),
    )
    model, optimizer, average = fresh(1)
    stepped(model, optimizer, average, range(3))
    checkpoint.save(path, reached, model, optimizer, average)
    again = fresh(2)
    assert checkpoint.load(path, *again) == reached
    groups, wanted = (json.dumps(one.state_dict()["param_groups"]) for one in (again[1], optimizer))
    assert groups == wanted
    stepped(model, optimizer, average, range(3, 6))
    stepped(*again, range(3, 6))
    assert_equal(again[0].state_dict(), model.state_dict())
    assert_equal(again[2].weights, average.weights)
    assert path.read_bytes()[8:9] == b"{", "safetensors, whose header is JSON, and no pickle"


def assert_equal(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_a_checkpoint_without_an_average_and_before_the_first_step(tmp_path: Path) -> None:
    path, model = tmp_path / "checkpoint.safetensors", crnn("gru")
    kept = copy.deepcopy(model.state_dict())
    checkpoint.save(path, Progress(), model, build_optimizer(model), None)
    other = crnn("gru")
    assert checkpoint.load(path, other, build_optimizer(other), None) == Progress()
    assert_equal(other.state_dict(), kept)


@pytest.mark.parametrize("kind", [kind for kind in CELLS if kind != "lstm"])
def test_a_checkpoint_of_another_model_is_refused(kind: str, tmp_path: Path) -> None:
    path, model, other = tmp_path / "checkpoint.safetensors", crnn("lstm"), crnn(kind)
    checkpoint.save(path, Progress(), model, build_optimizer(model), None)
    with pytest.raises(RunError, match="another model"):
        checkpoint.load(path, other, build_optimizer(other), None)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "checkpoint.safetensors", crnn("lstm")
    checkpoint.save(path, Progress(), model, build_optimizer(model), None)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged"):
        checkpoint.load(path, model, build_optimizer(model), None)
