"""Every recipe of text builds, takes steps, and made small learns four sentences by heart."""

import json
from pathlib import Path

import pytest

from crnn_audio.config.load import dump
from crnn_audio.config.text import TextRecipe
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.evaluation.show import show
from crnn_audio.problems import load_recipe
from crnn_audio.problems.restore import load
from crnn_audio.training.run import train
from tests import texts as made
from tests.loading import loads
from tests.recipes.test_recipes import LOADED

TEXTS = [path for path, recipe in LOADED.items() if isinstance(recipe, TextRecipe)]
each_recipe = pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
FOUR = "to be, or not. alas poor yorick! the rest is silence; get thee gone?\n"


def changed(path: Path, text: Path, *overrides: str) -> TextRecipe:
    own = [f"data.root={text}", "data.corpus=text_file", "device=cpu", "threads=1"]
    found = load_recipe(path, *[*own, *overrides])
    assert isinstance(found, TextRecipe)
    return found


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if entry["event"] == "step"]


def test_there_are_some() -> None:
    assert {path.parent.name for path in TEXTS} >= {"alice", "tinyshakespeare"}


@each_recipe
def test_builds_at_full_size_and_fits_on_a_screen(path: Path) -> None:
    recipe = load_recipe(path)
    assert loads(dump(recipe)) == recipe
    summary = show(recipe)
    assert 20_000 < summary.num_parameters < 5_000_000
    assert len(summary.lines) == 3
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 120


@each_recipe
def test_takes_two_steps_at_full_size(path: Path, tmp_path: Path) -> None:
    text = made.file(tmp_path / "text.txt", 220)
    overrides = ["data.batch_size=3", "data.bptt=8", "optim.max_epochs=1", "task.sample_tokens=5"]
    trained = train(changed(path, text, *overrides), tmp_path / "run", report=lambda line: None)
    assert trained.finished
    assert trained.steps >= 2
    assert all(0 < loss < 10 for loss in losses(trained.path))


@each_recipe
def test_made_small_it_learns_four_sentences_by_heart(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(FOUR * 10, encoding="utf-8")
    words, window = "words" in path.stem, load_recipe(path).data.context_length
    overrides = [
        "data.batch_size=" + ("64" if window else "2"),
        "data.bptt=" + ("10" if words else "40"),
        "model.embedding_dropout=0",
        "model.recurrent.num_layers=1",
        "model.recurrent.hidden_size=64",
        "model.recurrent.dropout=0",
        "model.recurrent.input_dropout=0",
        "optim.lr=" + ("3e-3" if window else "1e-2"),
        "optim.weight_decay=0",
        "optim.ema=0",
        "optim.max_epochs=15",
        "train={eval_epochs: 15}",
    ]
    trained = train(changed(path, tmp_path / "text.txt", *overrides), tmp_path / "run", report=lambda line: None)
    course = losses(trained.path)
    assert course[0] > 2
    assert min(course[-5:]) < 0.25, "of segments whose first tokens alone cannot be known"
    writer = load(trained.path, device="cpu")
    primer = "or not. alas " if window else "alas "
    asked = {"primer": primer, "tokens": 4 if words else 40, "sampling": Sampling(temperature=0.0)}
    assert writer.generate(**asked).text.startswith(f"{primer}poor yorick! the")
