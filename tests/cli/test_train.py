"""`prepare` and `train`: overrides, going on, stopping on Ctrl-C, and what is said on the way."""

import json
import os
import re
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from crnn_audio.batching import manifests
from crnn_audio.problems import load_recipe
from tests import warm

LASTED = r"\d+ s"
QUICK = ["data.workers=0", "optim.max_epochs=2", "model.recurrent.hidden_size=8"]


@pytest.fixture
def place(workshop: Path, tiny: Path, tmp_path: Path) -> Path:
    """A working directory with the recipe and the corpus that it names."""
    shutil.copytree(workshop / "recipes", tmp_path / "recipes")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tiny").symlink_to(tiny)
    return tmp_path


def test_prepare_counts_and_names_what_cannot_be_used(cli, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "digits")
    (tmp_path / "digits" / "train" / "train-0003.flac").write_bytes(b"")
    (tmp_path / "digits" / "test" / "test-0001.flac").unlink()
    seconds = {
        split: sum(cut.duration for cut in manifests.load(tiny / f"{split}.jsonl"))
        for split in ("train", "dev", "test")
    }
    minutes = {split: f"{60 * round(total / 3600, 4):9.1f} minutes" for split, total in seconds.items()}
    assert 0.05 < seconds["train"] / 60 < 1, "too little or too much to tell minutes from hours or seconds"
    done = cli("prepare", "spoken_digits", "--root", "digits", cwd=tmp_path)
    assert done.stdout.splitlines()[:4] == [
        f"train              16 cuts  {minutes['train']}         16 speakers  1 unusable",
        "       cut 'train-0003': digits/train/train-0003.flac: empty (0 bytes).",
        f"dev                 4 cuts  {minutes['dev']}          4 speakers  0 unusable",
        f"test                4 cuts  {minutes['test']}          4 speakers  1 unusable",
    ]
    assert done.stderr == "spoken_digits lies in digits.\n"

    lines = cli("prepare", "spoken_digits", "--root", "digits", "--json", cwd=tmp_path).stdout.splitlines()
    train, dev, test = map(json.loads, lines)
    assert (train["split"], train["cuts"], train["speakers"]) == ("train", 16, 16)
    assert train["unusable"] == ["cut 'train-0003': digits/train/train-0003.flac: empty (0 bytes)."]
    assert dev["unusable"] == []
    assert [one["hours"] for one in (train, dev, test)] == [round(total / 3600, 4) for total in seconds.values()]
    assert len(test["unusable"]) == 1
    assert "test-0001.flac: no such file" in test["unusable"][0]


def test_train_with_overrides_into_the_folder_of_its_name(cli, place: Path) -> None:
    done = cli("train", "recipes/tiny/lstm.yaml", *QUICK, "optim.lr=1e-3", cwd=place)
    whole = rf"runs/tiny-lstm: finished \(steps 4, epochs 2, {LASTED} of training, best dev WER \d+\.\d\d %\)\.\n"
    assert re.fullmatch(whole, done.stdout)
    assert "epoch 2/2  dev WER " in done.stderr
    run = place / "runs" / "tiny-lstm"
    recipe = load_recipe(run / "recipe.yaml")
    assert (recipe.optim.lr, recipe.optim.max_epochs, recipe.model.recurrent.hidden_size) == (1e-3, 2, 8)
    facts = json.loads((run / "run.json").read_text())
    assert (facts["state"], facts["steps"], facts["recipe"]) == ("finished", 4, "recipes/tiny/lstm.yaml")
    assert {"best.safetensors", "last.safetensors", "log.jsonl", "curves.png"} <= {path.name for path in run.iterdir()}

    other = cli("train", "recipes/tiny/lstm.yaml", *QUICK, "optim.lr=2e-3", cwd=place, exit_code=5)
    assert "runs/tiny-lstm: holds a run of another recipe" in other.stderr
    assert "\n  optim.lr: 0.001 -> 0.002\n" in other.stderr


@pytest.mark.parametrize("minutes", ["0", "0.00001"])
def test_minutes_stop_it_and_the_same_command_goes_on(cli, place: Path, minutes: str) -> None:
    command = ["train", "recipes/tiny/lstm.yaml", "--out", "run", *QUICK]
    stopped = cli(*command, "--minutes", minutes, cwd=place)
    assert stopped.stdout == ""
    saved = rf"run: stopped and saved \(steps 1, epochs 0, {LASTED} of training\)\. The same command resumes:"
    assert re.fullmatch(saved, stopped.stderr.splitlines()[-2])
    assert stopped.stderr.splitlines()[-1] == "  crnn-audio " + " ".join(command)
    unfit = cli("transcribe", "run", "data/tiny/test/test-0000.flac", cwd=place, exit_code=5)
    assert "run: no weights yet" in unfit.stderr
    went_on = cli(*command, cwd=place)
    assert "run: resumed after step 1, epoch 1 of 2." in went_on.stderr
    assert went_on.stdout.startswith("run: finished (steps 4, epochs 2, ")


def test_ctrl_c_saves_and_says_how_to_go_on(start, place: Path) -> None:
    """The signal goes to the whole process group, loader workers included, as a terminal sends it."""
    settings = ["data.workers=1", "model.recurrent.hidden_size=8", "augment.speed=[0.9, 1.0]", "train.eval_epochs=1"]
    process = start("train", "recipes/tiny/lstm.yaml", "--out", "run", *settings, cwd=place)
    said = ""
    for line in process.stderr:
        said += line
        if "epoch 1/60" in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    output, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert "Traceback" not in said + rest
    assert output == ""
    assert rest.count("Stopping after this step; once more stops at once.") == 1
    saved = (
        rf"run: stopped and saved \(steps \d+, epochs \d+, {LASTED} of training, best dev WER \d+\.\d\d %\)\. The .*:"
    )
    assert re.fullmatch(saved, rest.splitlines()[-2])
    again = shlex.split(rest.splitlines()[-1])
    assert again == ["crnn-audio", "train", "recipes/tiny/lstm.yaml", "--out", "run", *settings]
    assert (place / "run" / "checkpoint.safetensors").exists()


def test_ctrl_c_before_the_first_step_leaves_nothing(start, place: Path) -> None:
    process = start("train", "recipes/tiny/lstm.yaml", "--out", "run", cwd=place, python=warm.python())
    assert "Measuring" in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    output, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert (output, rest) == ("", "")
    assert not (place / "run").exists()


def test_ctrl_c_while_transcribing(start, workshop: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sound.wav")
    process = start("transcribe", workshop / "run", tmp_path / "sound.wav", cwd=tmp_path, python=warm.python())
    with (tmp_path / "sound.wav").open("wb"):  # opens as soon as the program reads the other end
        os.killpg(process.pid, signal.SIGINT)
        output, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert (output, rest) == ("", "")
