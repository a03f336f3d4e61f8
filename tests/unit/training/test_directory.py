"""Where a run begins, with its recipe and assets; where it is resumed, with the same recipe."""

import subprocess
from pathlib import Path

import pytest

from crnn_audio import runs
from crnn_audio.errors import RunError
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems.recognition import Assets
from crnn_audio.problems.restore import restore
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import directory
from tests import trainings

ASSETS = Assets(Vocabulary.build(["ab c"], "characters"), Statistics((0.5,) * 12, (2.0,) * 12))


def created(tmp_path: Path, changes: dict | None = None) -> runs.Run:
    recipe = trainings.small(tmp_path, changes)
    return directory.create(tmp_path / "run", recipe, ASSETS, 1, "some/recipe.yaml", "float32")


def test_the_run_notes_where_it_came_from(tmp_path) -> None:
    created(tmp_path, {"threads": 0})
    run = runs.open_run(tmp_path / "run")
    assert run.facts["recipe"] == "some/recipe.yaml"
    assert (run.facts["state"], run.facts["precision"]) == ("training", "float32")
    assert run.facts["command"].startswith("crnn-audio")
    assert run.recipe["threads"] == restore(run).recipe.threads == 1  # what was used, not what was asked for


def test_the_same_recipe_resumes_and_threads_may_differ(tmp_path) -> None:
    created(tmp_path)
    asked = trainings.small(tmp_path).model_copy(update={"threads": 3})
    assert directory.reopen(tmp_path / "run", asked).recipe["threads"] == 1


def test_another_recipe_is_refused_with_each_difference(tmp_path) -> None:
    created(tmp_path)
    changes = {"optim.lr": 0.5, "model.recurrent.cell": "gru", "augment.spec_augment": {"time_masks": 9}, "seed": 7}
    with pytest.raises(RunError) as raised:
        directory.reopen(tmp_path / "run", trainings.small(tmp_path, changes))
    message = str(raised.value).splitlines()
    assert "holds a run of another recipe" in message[0]
    assert [line.partition(":")[0] for line in message[1:-1]] == [
        "  augment.spec_augment", "  model.recurrent.cell", "  optim.lr", "  seed",
    ]  # fmt: skip
    assert message[2:-1] == ["  model.recurrent.cell: lstm -> gru", "  optim.lr: 0.003 -> 0.5", "  seed: 1 -> 7"]
    assert "--out" in message[-1]


def test_the_commit_is_noted_in_a_checkout_and_nothing_elsewhere(tmp_path, monkeypatch) -> None:
    package = tmp_path / "package"
    (package / "training").mkdir(parents=True)
    (package / "training" / "directory.py").write_text("")
    (package / "runs.py").write_text("")
    monkeypatch.setattr(directory, "__file__", str(package / "training" / "directory.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert directory.code_version() == {}
    git = ["git", "-C", str(package), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert directory.code_version() == {"commit": head[:12], "dirty": False}
    (package / "runs.py").write_text("changed")
    assert directory.code_version()["dirty"] is True
    monkeypatch.setenv("PATH", "")
    assert directory.code_version() == {}
