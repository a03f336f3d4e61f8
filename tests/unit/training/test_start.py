"""Where a run begins: with checked data, measured statistics and its recipe; where it goes on, with the same recipe."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
import torch

from crnn_audio import build, runs
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.errors import DataError, RunError
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import display, start
from tests import trainings


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("start") / "corpus", train=6, dev=2)


def checked(recipe, vocabulary: Vocabulary | None = None):
    """Usable cuts, findings and what was said."""
    splits, said = build.splits(recipe), []
    vocabulary = vocabulary or build.vocabulary(recipe.task, splits["train"])
    return *start.usable(recipe, vocabulary, splits, lambda *_: None, said.append), said


# ---------------------------------------------------------------------------------------- data


def many(folder: Path, count: int = 200) -> list[Cut]:
    """So many cuts of two recordings."""
    folder.mkdir()
    fine, gone = trainings.beep(folder, "fine", "ab", 0.3), trainings.beep(folder, "gone", "ab", 0.3)
    cuts = [Cut(f"c{n}", (gone if n == 7 else fine).recording, 0.0, 0.3, "ab") for n in range(count)]
    manifests.save(cuts, folder / "train.jsonl")
    return cuts


def test_one_unreadable_file_in_two_hundred_is_left_out_before_anything_reads_it(tmp_path) -> None:
    many(tmp_path / "corpus")
    (tmp_path / "corpus" / "gone.wav").write_bytes(b"not audio")
    recipe = trainings.small(tmp_path / "corpus", {"data.batch_seconds": 20.0, "optim.max_epochs": 1})
    _, said = trainings.quietly(recipe, tmp_path / "out")
    (listed,) = map(json.loads, (tmp_path / "out" / "left_out.jsonl").read_text().splitlines())
    assert listed["cut"] == "c7"
    assert "gone.wav: not audio" in listed["problem"]
    assert any(line.startswith("Left out 1 of 200 training cuts") for line in said)


def test_too_many_unreadable_files_leave_no_run_behind(tmp_path) -> None:
    many(tmp_path / "corpus", 50)
    (tmp_path / "corpus" / "gone.wav").unlink()
    with pytest.raises(DataError, match=r"split train: 1 of 50 cuts cannot be used\n  cut 'c7': .*no such file"):
        trainings.quietly(trainings.small(tmp_path / "corpus"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_everything_fine_is_everything_used(root) -> None:
    ready, found, said = checked(trainings.small(root))
    assert (len(ready.cuts), found, said) == (6, [], [])


def test_a_cut_of_dev_that_cannot_be_read_refuses(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "dev-1.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"split dev: 1 of 2 cuts cannot be used\n  cut 'dev-1': .*empty"):
        checked(trainings.small(copy))


def test_symbols_of_dev_that_train_never_shows_are_said_and_kept(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    manifests.save([trainings.beep(copy, f"dev-{n}", "zé", 0.4) for n in range(2)], copy / "dev.jsonl")
    ready, _, (said,) = checked(trainings.small(copy))
    assert said.startswith("dev: 2 cuts hold symbols that train never shows and that cannot be recognised: cut 'dev-0'")
    assert "'z', 'é'" in said
    assert len(ready.cuts) == 6


def test_a_corpus_that_changed_under_a_run_is_refused_and_not_learned_as_unknown(root) -> None:
    with pytest.raises(DataError, match=r"6 of 6 cuts cannot be used\n.*unknown to the vocabulary") as raised:
        checked(trainings.small(root), Vocabulary.build(["xyz"], "characters"))
    assert "cut 'train-0'" in str(raised.value)


# ---------------------------------------------------------------------------------------- statistics


def measured(recipe, tmp_path: Path, name: str = "run") -> tuple[list[float], list[float]]:
    ready, _, _ = checked(recipe)
    vocabulary = build.vocabulary(recipe.task, ready.cuts)
    statistics = start.statistics(recipe, ready, lambda _: None)
    run = start.begun(tmp_path / name, recipe, vocabulary, statistics, 1, "some/recipe.yaml")
    return run.statistics


def test_the_statistics_are_those_of_all_frames_together(root, tmp_path) -> None:
    recipe = trainings.small(root, {"augment.speed": [0.9, 1.1], "augment.spec_augment": {}})
    mean, std = measured(recipe, tmp_path)
    front_end = recognition.front_end(recipe.features)
    frames = []
    for cut in build.splits(recipe)["train"]:
        wave = torch.from_numpy(soundfile.read(cut.recording.path, dtype="float32")[0])
        features, lengths = front_end(wave.unsqueeze(0), torch.tensor([len(wave)]))
        frames.append(features[0, : int(lengths)].double())
    everything = torch.cat(frames)
    torch.testing.assert_close(torch.tensor(mean), everything.mean(0).float())
    torch.testing.assert_close(torch.tensor(std), everything.std(0, correction=0).float())


def test_of_much_audio_a_part_is_measured_that_depends_on_the_seed_alone(root, tmp_path, monkeypatch) -> None:
    whole = measured(trainings.small(root), tmp_path, "whole")
    monkeypatch.setattr(start, "STATISTICS_SECONDS", 0.7)
    first, again = (measured(trainings.small(root), tmp_path, name) for name in ("first", "again"))
    other = measured(trainings.small(root, {"seed": 2}), tmp_path, "other")
    assert first == again != whole
    assert other != first


@pytest.mark.parametrize("kind", ["utterance", "none"])
def test_without_global_normalisation_nothing_is_measured(root, tmp_path, kind) -> None:
    assert measured(trainings.small(root, {"features.normalize": kind}), tmp_path) is None
    assert not (tmp_path / "run" / "statistics.json").exists()


def test_the_run_notes_where_it_came_from(root, tmp_path) -> None:
    measured(trainings.small(root, {"threads": 0}), tmp_path)
    run = runs.open_run(tmp_path / "run")
    assert run.facts["recipe"] == "some/recipe.yaml"
    assert run.facts["state"] == "training"
    assert run.facts["command"].startswith("crnn-audio")
    assert run.recipe.threads == 1  # what was used, not what was asked for


# ---------------------------------------------------------------------------------------- going on


def test_the_same_recipe_goes_on_and_threads_may_differ(root, tmp_path) -> None:
    recipe = trainings.small(root)
    measured(recipe, tmp_path)
    assert start.reopened(tmp_path / "run", recipe.model_copy(update={"threads": 3})).recipe.threads == 1


def test_another_recipe_is_refused_with_each_difference(root, tmp_path) -> None:
    measured(trainings.small(root), tmp_path)
    changes = {"optim.lr": 0.5, "model.recurrent.cell": "gru", "augment.spec_augment": {"time_masks": 9}, "seed": 7}
    with pytest.raises(RunError) as raised:
        start.reopened(tmp_path / "run", trainings.small(root, changes))
    message = str(raised.value).splitlines()
    assert "holds a run of another recipe" in message[0]
    assert [line.partition(":")[0] for line in message[1:-1]] == [
        "  augment.spec_augment", "  model.recurrent.cell", "  optim.lr", "  seed",
    ]  # fmt: skip
    assert message[2:-1] == ["  model.recurrent.cell: lstm -> gru", "  optim.lr: 0.003 -> 0.5", "  seed: 1 -> 7"]
    assert "--out" in message[-1]


# ---------------------------------------------------------------------------------------- the code's own version


def test_the_commit_is_noted_in_a_checkout_and_nothing_elsewhere(tmp_path, monkeypatch) -> None:
    package = tmp_path / "package"
    (package / "training").mkdir(parents=True)
    (package / "training" / "start.py").write_text("")
    (package / "build.py").write_text("")
    monkeypatch.setattr(start, "__file__", str(package / "training" / "start.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert start.code_version() == {}
    git = ["git", "-C", str(package), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert start.code_version() == {"commit": head[:12], "dirty": False}
    (package / "build.py").write_text("changed")
    assert start.code_version()["dirty"] is True
    monkeypatch.setenv("PATH", "")
    assert start.code_version() == {}
