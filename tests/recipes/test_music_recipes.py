"""Every recipe of music as tokens builds, takes steps, and made small learns a few pieces by heart."""

import json
from pathlib import Path

import pytest

from crnn_audio.config.load import dump
from crnn_audio.config.music import MusicRecipe
from crnn_audio.evaluation.show import show
from crnn_audio.problems import load_recipe
from crnn_audio.training.run import train
from tests import events as made
from tests.loading import loads
from tests.recipes.test_recipes import LOADED

EVENTS = [path for path, recipe in LOADED.items() if isinstance(recipe, MusicRecipe)]
each_recipe = pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")


def changed(path: Path, root: Path, *overrides: str) -> MusicRecipe:
    found = load_recipe(path, *[f"data.root={root}", "device=cpu", "threads=1", *overrides])
    assert isinstance(found, MusicRecipe)
    return found


def corpus(path: Path, folder: Path, count: int) -> Path:
    recipe = load_recipe(path)
    return made.folder(folder / "corpus", recipe.data.representation, count)


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if entry["event"] == "step"]


def test_there_are_some() -> None:
    assert {path.parent.name for path in EVENTS} >= {"chorales", "folk_tunes"}


@each_recipe
def test_builds_at_full_size_and_fits_on_a_screen(path: Path) -> None:
    recipe = load_recipe(path)
    assert loads(dump(recipe)) == recipe
    summary = show(recipe)
    assert 1_000_000 < summary.num_parameters < 4_500_000, "half precision is to fit into 10 MB"
    assert len(summary.lines) == 2
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 120


@each_recipe
def test_takes_two_steps_at_full_size(path: Path, tmp_path: Path) -> None:
    recipe = changed(path, corpus(path, tmp_path, 8), "data.batch_size=3", "optim.max_epochs=1")
    trained = train(recipe, tmp_path / "run", report=lambda line: None)
    assert trained.finished
    assert trained.steps >= 2
    assert all(0 < loss < 10 for loss in losses(trained.path))


@each_recipe
def test_made_small_it_learns_a_few_pieces_by_heart(path: Path, tmp_path: Path) -> None:
    encoder = load_recipe(path).model.encoder is not None
    recipe = changed(
        path,
        corpus(path, tmp_path, 6),
        "data.batch_size=6",
        "data.transpose=0",
        "model.recurrent.num_layers=1",
        "model.recurrent.hidden_size=64",
        "model.recurrent.dropout=0",
        "model.head_dropout=0",
        *(["model.encoder={hidden_size: 8, dropout: 0}", "task.fixed_voice_probability=0.01"] if encoder else []),
        "optim.lr=2e-2",
        "optim.weight_decay=0",
        "optim.ema=0",
        "optim.max_epochs=50",
        "train={eval_epochs: 50}",
    )
    course = losses(train(recipe, tmp_path / "run", report=lambda line: None).path)
    assert course[0] > 2
    assert min(course[-5:]) < 0.15, "of pieces whose first notes alone cannot be known"
