"""Every recipe of pairs and of memory builds and fits on a screen; one of each corpus takes steps at its full size."""

from pathlib import Path

import pytest

from crnn_audio.config.load import dump
from crnn_audio.config.memory import MemoryRecipe
from crnn_audio.config.transduction import TransductionRecipe
from crnn_audio.corpora import memory, tatoeba_eng_fra
from crnn_audio.evaluation.show import show
from crnn_audio.problems import load_recipe
from crnn_audio.training.run import train
from tests import transductions as made
from tests.loading import loads
from tests.recipes.test_recipes import LOADED

PAIRS = [path for path, recipe in LOADED.items() if isinstance(recipe, TransductionRecipe)]
MEMORY = [path for path, recipe in LOADED.items() if isinstance(recipe, MemoryRecipe)]
TRAINED = [path for path in (*PAIRS, *MEMORY) if path.parent.name != "sigmorphon_g2p" or path.stem.startswith("dut")]


def test_there_are_some() -> None:
    assert {path.parent.name for path in PAIRS} == {"sigmorphon_g2p", "cmudict", "scan", "tatoeba_eng_fra", "pairs"}
    assert len(MEMORY) == 2 * 4
    languages = {path.stem: path.read_text(encoding="utf-8").splitlines()[1:] for path in PAIRS if "g2p" in str(path)}
    assert len(languages) == 10 + 1
    settings = {name: [line for line in lines if "corpus:" not in line] for name, lines in languages.items()}
    assert all(lines == settings["dut"] for name, lines in settings.items() if name != "dut_fixed"), "chosen on Dutch"


@pytest.mark.parametrize("path", [*PAIRS, *MEMORY], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_builds_at_full_size_and_fits_on_a_screen(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRNN_AUDIO_DATA", str(tmp_path))  # no corpus is read
    recipe = load_recipe(path)
    assert loads(dump(recipe)) == recipe
    assert 10_000 < show(recipe).num_parameters < 10_000_000
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_takes_two_steps_at_full_size(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "HELD_OUT", 2)
    own = ["data.length=12", "data.examples=8", "data.batch_size=4"]
    if path in PAIRS:
        root = made.folder(tmp_path / "pairs", 12, 2, 0)
        own = ["data.corpus=pairs", "data.collection=null", f"data.root={root}", "data.batch_tokens=40"]
        own += ["task.num_subwords=14", "task.scores=exact"] if path.parent.name == tatoeba_eng_fra.NAME else []
    recipe = load_recipe(path, *own, "optim.max_epochs=1", "device=cpu", "threads=1")
    trained = train(recipe, tmp_path / "run", report=lambda line: None)
    assert trained.finished
    assert trained.steps >= 2
