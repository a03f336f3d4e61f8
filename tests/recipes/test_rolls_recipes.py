"""Every recipe of piano rolls builds, takes steps, and made small learns a few pieces by heart."""

import json
from pathlib import Path

import pytest

from crnn_audio.config.load import dump
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.evaluation.show import show
from crnn_audio.problems import load_recipe
from crnn_audio.training.run import train
from tests import rolls
from tests.loading import loads
from tests.recipes.test_recipes import LOADED

ROLLS = [path for path, recipe in LOADED.items() if isinstance(recipe, RollsRecipe)]
each_recipe = pytest.mark.parametrize("path", ROLLS, ids=lambda path: f"{path.parent.name}/{path.stem}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rolls.folder(tmp_path_factory.mktemp("rolls"))


def changed(path: Path, root: Path, *overrides: str) -> RollsRecipe:
    found = load_recipe(path, *[f"data.root={root}", "device=cpu", "threads=1", *overrides])
    assert isinstance(found, RollsRecipe)
    return found


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if entry["event"] == "step"]


def test_there_are_some() -> None:
    assert len(ROLLS) >= 8


@each_recipe
def test_builds_at_full_size_and_fits_on_a_screen(path: Path) -> None:
    recipe = load_recipe(path)
    assert loads(dump(recipe)) == recipe
    summary = show(recipe)
    size = {"jsb": 300_000, "nottingham": 1_000_000}[recipe.data.collection]
    assert 0.6 * size < summary.num_parameters < 1.3 * size
    assert len(summary.lines) == 2
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 120


@each_recipe
def test_takes_two_steps_at_full_size(path: Path, root: Path, tmp_path: Path) -> None:
    recipe = changed(path, root, "data.batch_size=2", "optim.max_epochs=1")
    trained = train(recipe, tmp_path / "run", report=lambda line: None)
    assert trained.finished
    assert trained.steps >= 2
    assert all(0 < loss < 88 for loss in losses(trained.path))


@each_recipe
def test_made_small_it_learns_a_few_pieces_by_heart(path: Path, root: Path, tmp_path: Path) -> None:
    joint = load_recipe(path).model.head.kind == "nade"
    recipe = changed(
        path,
        root,
        "data.batch_size=5",
        "data.bptt=0",
        "model.conv_dropout=0",
        "model.recurrent.num_layers=" + ("3" if "tcn" in path.stem else "1"),
        "model.recurrent.hidden_size=96",
        "model.recurrent.dropout=0",
        "model.recurrent.input_dropout=0",
        "model.recurrent.zoneout=0",
        *(["model.head={kind: nade, hidden_size: 32}"] if joint else []),
        "optim.lr=2e-2",
        "optim.weight_decay=0",
        "optim.ema=0",
        "optim.max_epochs=100",
        "train={eval_epochs: 100}",
    )
    course = losses(train(recipe, tmp_path / "run", report=lambda line: None).path)
    assert course[0] > 10
    assert course[-1] < 0.8, "of about three keys that move by chance, nats a frame"
