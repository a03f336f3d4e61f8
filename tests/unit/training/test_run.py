"""One call from a recipe to a finished run: stopped, repeated, refused, on a full or read-only disk."""

import errno
import json
import os
import resource
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from crnn_audio import cli, runs
from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RunError
from crnn_audio.problems import recognition
from crnn_audio.problems.restore import restore
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import display
from tests import trainings
from tests.trainings import in_child, quietly


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("run") / "corpus", train=6, dev=2)


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory) -> Path:
    """A finished run with averaged weights and plotted curves; only to be read."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        quietly(trainings.small(root, {"optim.ema": 0.9}), folder / "run", recipe_path="small.yaml")
    return folder / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Program:
    """`crnn-audio train` inside this process: its exit code, and what it printed."""

    def __init__(self, monkeypatch, capsys, folder: Path) -> None:
        self.monkeypatch, self.capsys, self.folder = monkeypatch, capsys, folder

    def __call__(self, root: Path, *words: str, changes: dict | None = None) -> tuple[int, str, str]:
        recipe = self.folder / "small.yaml"
        recipe.write_text(json.dumps(trainings.small(root, changes).model_dump(mode="json")))
        self.monkeypatch.setattr(sys, "argv", ["crnn-audio", "train", str(recipe), "--out", "out", *words])
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        return int(str(code or 0)), said.out, said.err


@pytest.fixture
def program(monkeypatch, capsys, tmp_path) -> Program:
    return Program(monkeypatch, capsys, tmp_path)


def saved_step(out: Path) -> int:
    """Of the checkpoint."""
    with safe_open(out / "checkpoint.safetensors", framework="pt") as opened:
        return json.loads(opened.metadata()["state"])["progress"]["step"]


# ---------------------------------------------------------------------------------------- to its end


def test_a_run_holds_everything_that_it_should(finished) -> None:
    assert {path.name for path in finished.iterdir()} - {"tensorboard"} == {
        "run.json", "recipe.yaml", "vocabulary.json", "statistics.json", "best.safetensors", "last.safetensors",
        "checkpoint.safetensors", "log.jsonl", "curves.png",
    }  # fmt: skip
    assert (finished / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    run = runs.open_run(finished)
    assert run.finished
    steps = trainings.log_of(finished, "step")
    assert (run.facts["steps"], run.facts["epochs"], run.facts["threads"]) == (len(steps), 3, 1)
    assert (run.facts["device"], run.facts["recipe"]) == ("cpu", "small.yaml")
    evaluations = trainings.log_of(finished, "dev")
    assert run.facts["best_dev"] == min(entry["score"] for entry in evaluations)
    assert run.facts["train_seconds"] >= 0


def test_the_averaged_weights_are_what_is_kept_and_the_raw_ones_go_on(finished) -> None:
    state, last = load_file(finished / "checkpoint.safetensors"), load_file(finished / "last.safetensors")
    assert all(torch.equal(last[name], state[f"average.{name}"]) for name in last)
    assert not all(torch.equal(last[name], state[f"model.{name}"]) for name in last)


def test_a_finished_run_is_not_trained_again_and_needs_no_corpus(finished, tmp_path, monkeypatch) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "copy"))
    before = contents(copy)
    recipe = restore(runs.open_run(copy)).recipe
    monkeypatch.setattr(recognition, "data", lambda *_: pytest.fail("the corpus was asked for"))
    trained, said = quietly(recipe, copy)
    assert contents(copy) == before
    assert trained.finished
    assert (trained.steps, trained.score) == (runs.open_run(copy).facts["steps"], runs.open_run(copy).facts["best_dev"])
    assert "was finished before" in said[0]


def test_without_dev_the_last_weights_are_all_there_is(root, tmp_path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / "dev.jsonl").unlink()
    trained, _ = quietly(trainings.small(copy, {"optim.max_epochs": 1}), tmp_path / "out")
    assert trained.finished
    assert trained.score is None
    assert not (tmp_path / "out" / "best.safetensors").exists()
    assert runs.open_run(tmp_path / "out").weights()


def test_dev_as_train_is_learned_from_and_not_evaluated(root, tmp_path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    dev = [*manifests.load(copy / "dev.jsonl"), trainings.beep(copy, "new", "xyz", 0.5)]
    manifests.save(dev, copy / "dev.jsonl")
    cuts = [*manifests.load(copy / "train.jsonl"), *dev]
    changes = {"data.dev_as_train": True, "optim.max_epochs": 2, "optim.ema": 0.9}
    trained, said = quietly(trainings.small(copy, changes), tmp_path / "out")
    assert (trained.finished, trained.score) == (True, None)
    assert not [line for line in said if "cannot be recognised" in line], "dev's letters are learned"
    assert set("xyz") < set(Vocabulary.load(tmp_path / "out" / "vocabulary.json").tokens)
    played = sum(entry["amount"] for entry in trainings.log_of(tmp_path / "out", "step"))
    assert played == pytest.approx(2 * sum(cut.duration for cut in cuts), rel=1e-3)
    assert {entry["event"] for entry in trainings.log_of(tmp_path / "out")} == {"step"}
    assert not (tmp_path / "out" / "best.safetensors").exists()
    last, state = (load_file(tmp_path / "out" / f"{name}.safetensors") for name in ("last", "checkpoint"))
    assert all(torch.equal(last[name], state[f"average.{name}"]) for name in last)
    assert all(torch.equal(value, last[name]) for name, value in runs.open_run(tmp_path / "out").weights().items())


def test_dev_as_train_without_dev_is_refused(root, tmp_path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / "dev.jsonl").unlink()
    with pytest.raises(DataError, match=r"copy: has no dev, which data\.dev_as_train would train on"):
        quietly(trainings.small(copy, {"data.dev_as_train": True}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------------------------- stopping


def test_minutes_stop_with_a_checkpoint_and_the_same_call_goes_on(root, tmp_path, program) -> None:
    code, out, err = program(root, "--minutes", "1e-7", changes={"augment.speed": [0.9, 1.1]})
    assert (code, out) == (0, "")
    assert "out: stopped and saved" in err
    assert saved_step(tmp_path / "out") == 1
    code, out, err = program(root, changes={"augment.speed": [0.9, 1.1]})
    assert code == 0
    assert out.startswith("out: finished")
    assert "resumed after step 1, epoch 1 of 3" in err


def signalled(monkeypatch, number: int, at_step: int, times: int = 1) -> None:
    stepped = display.Display.stepped

    def stepped_and_signalled(self, report, progress) -> None:
        stepped(self, report, progress)
        if progress.step == at_step:
            for _ in range(times):
                signal.raise_signal(number)

    monkeypatch.setattr(display.Display, "stepped", stepped_and_signalled)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_says_how_to_go_on_and_exits_130(root, tmp_path, program, monkeypatch, number) -> None:
    before = signal.getsignal(number)
    signalled(monkeypatch, number, at_step=2)
    code, out, err = program(root)
    assert (code, out) == (130, "")
    assert err.count("Stopping after this step; once more stops at once.") == 1
    assert "out: stopped and saved" in err
    assert saved_step(tmp_path / "out") == 2
    assert shlex.split(err.splitlines()[-1])[:2] == ["crnn-audio", "train"]
    assert err.endswith("small.yaml --out out\n")
    assert signal.getsignal(number) is before
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, out, err = program(root)
    assert code == 0
    assert "resumed after step 2" in err


def test_a_second_signal_stops_at_once_and_what_was_saved_stays(root, tmp_path, program, monkeypatch) -> None:
    signalled(monkeypatch, signal.SIGINT, at_step=3, times=2)
    code, _, err = program(root, changes={"train.checkpoint_steps": 2})
    assert code == 130
    assert "stopped and saved" not in err
    assert saved_step(tmp_path / "out") == 2


def test_it_trains_outside_the_main_thread_too(root, tmp_path) -> None:
    ended = []
    thread = threading.Thread(
        target=lambda: ended.append(quietly(trainings.small(root, {"optim.max_epochs": 1}), tmp_path / "out")[0])
    )
    thread.start()
    thread.join()
    assert ended[0].finished


# ---------------------------------------------------------------------------------------- a loss that explodes


def test_a_loss_that_explodes_is_named_and_the_checkpoint_survives(root, tmp_path, program, monkeypatch) -> None:
    original = Recognition.loss

    def exploding(task, batch):
        return original(task, batch) * (float("nan") if "train-3" in batch.cut_ids and batch.epoch == 1 else 1.0)

    monkeypatch.setattr(Recognition, "loss", exploding)
    code, _, err = program(root, changes={"data.batch_seconds": 1.0})
    assert code == RunError.exit_code
    assert "(epoch 2): the loss is nan and the first parameter whose gradient is not finite is 'front." in err
    assert "'train-3'" in err or "train-3" in err
    assert saved_step(tmp_path / "out") == trainings.log_of(tmp_path / "out", "dev")[0]["steps"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert program(root, changes={"data.batch_seconds": 1.0})[0] == 0


# ---------------------------------------------------------------------------------------- bad manifests

LINE = (
    '{"id": "x", "start": 0.0, "duration": 0.3, "supervisions": [{"text": "ab"}], "recording": {"id": "x", '
    '"sources": [{"source": "train-0.wav"}], "sampling_rate": 8000, "num_samples": 2400}}'
)
MANIFESTS = {
    "a wrong path": (
        LINE.replace("train-0.wav", "trian-0.wav"),
        "trian-0.wav: no such file; did you mean 'train-0.wav'",
    ),
    "a folder for a file": (LINE.replace("train-0.wav", "."), "a folder where an audio file is expected"),
    "an empty transcript": (LINE.replace("ab", " "), "cut 'x': its transcript is empty"),
    "too many tokens": (LINE.replace("ab", "ab" * 20), "40 tokens with 0 repeats need at least 40 frames"),
    "longer than a batch": (
        LINE.replace("0.3", "9.0").replace("2400", "72000"),
        "but the manifest has 9.00 s",
    ),
    "repeated ids": (f"{LINE}\n{LINE}", "1 ids stand more than once ('x')"),
    "broken JSON": (LINE[:-1], "train.jsonl, line 1: not a JSON object"),
    "a missing field": (LINE.replace('"duration"', '"length"'), "train.jsonl, line 1: the cut has no field 'duration'"),
    "nothing": ("", "train.jsonl: the manifest is empty"),
    "another encoding": (LINE.replace("ab", "\udce4b"), "not UTF-8"),
    "an impossible rate": (LINE.replace("8000", "0"), "line 1: not a cut"),
    "past its end": (LINE.replace('"start": 0.0', '"start": 0.2'), "line 1: not a cut"),
}


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_bad_manifest_is_one_clear_error_and_leaves_no_run(root, tmp_path, program, fault) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    trainings.beep(copy, "train-0", "ab", 0.3)
    content, message = MANIFESTS[fault]
    (copy / "train.jsonl").write_bytes((content + "\n").encode("utf-8", "surrogateescape"))
    code, out, err = program(copy)
    assert (code, out) == (4, "")
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_missing_train_manifest_is_an_error_and_an_empty_dev_too(root, tmp_path, program, split) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / f"{split}.jsonl").write_text("\n")
    code, _, err = program(copy)
    assert code == 4
    assert f"{split}.jsonl: the manifest is empty" in err


def test_unknown_characters_in_dev_are_said_and_train_on(root, tmp_path, program) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    manifests.save([trainings.beep(copy, "dev-0", "ab z", 0.4)], copy / "dev.jsonl")
    code, _, err = program(copy, changes={"optim.max_epochs": 1})
    assert code == 0
    assert "dev: 1 cuts hold symbols that train never shows" in err
    assert "cut 'dev-0': its transcript has 'z'" in err


# ---------------------------------------------------------------------------------------- bad run directories


@pytest.fixture
def begun(root, tmp_path) -> Path:
    """An unfinished run with a checkpoint, as `program` would go on with."""
    signalled_at_two = pytest.MonkeyPatch()
    signalled(signalled_at_two, signal.SIGINT, at_step=2)
    quietly(trainings.small(root), tmp_path / "out")
    signalled_at_two.undo()
    return tmp_path / "out"


DAMAGES = {
    "run.json": (b"{", "run.json: damaged"),
    "recipe.yaml": (b"task: {kind: recognition}\noptim: {lr: fast}", "optim.lr"),
    "vocabulary.json": (b"[]", "vocabulary.json"),
    "statistics.json": (b"{}", "statistics.json: damaged"),
    "checkpoint.safetensors": (b"\0" * 100, "checkpoint.safetensors: the checkpoint is damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_one_error_and_is_left_as_it_is(root, begun, program, name) -> None:
    content, message = DAMAGES[name]
    (begun / name).write_bytes(content)
    before = contents(begun)
    code, _, err = program(root)
    assert code == 5
    assert message in err
    assert contents(begun) == before


def test_garbage_in_the_log_stops_nothing(root, begun, program) -> None:
    with (begun / "log.jsonl").open("ab") as log:
        log.write(b'\xff\xfe{"event": "step"')
    assert program(root)[0] == 0
    assert [entry["steps"] for entry in trainings.log_of(begun, "step")] == list(
        range(1, 1 + runs.open_run(begun).facts["steps"])
    )


def test_a_folder_of_something_else_is_left_alone(root, tmp_path, program) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    code, _, err = program(root)
    assert code == 5
    assert "out: exists and is not a run directory" in err
    assert contents(tmp_path / "out") == {"thesis.txt": b"mine"}


def test_a_run_from_a_newer_version_says_to_update(root, begun, program) -> None:
    header = json.loads((begun / "run.json").read_text())
    (begun / "run.json").write_text(json.dumps(header | {"format": 99}))
    code, _, err = program(root)
    assert code == 5
    assert "Update crnn_audio" in err


def test_another_recipe_is_refused(root, begun, program) -> None:
    before = contents(begun)
    code, _, err = program(root, "optim.lr=0.5")
    assert code == 5
    assert "  optim.lr: 0.003 -> 0.5\n" in err
    assert contents(begun) == before


# ---------------------------------------------------------------------------------------- full and read-only disks


def test_on_a_read_only_disk_it_is_one_error(root, tmp_path, program, monkeypatch) -> None:
    mkdir = Path.mkdir

    def refuse(path, *arguments, **options):
        if path.name == "out":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, _, err = program(root)
    assert code == 5
    assert "out: cannot be written (Read-only file system)" in err


def test_a_disk_that_fills_while_saving_keeps_the_old_checkpoint_and_the_run_goes_on(
    root, tmp_path, begun, program
) -> None:
    """A limit on the size of files, in a child: the log still fits below it, the checkpoint does not."""
    checkpoint, said = begun / "checkpoint.safetensors", tmp_path / "said.txt"
    before = checkpoint.read_bytes()
    limit = len(before) - 1000
    assert (begun / "log.jsonl").stat().st_size * 20 < limit
    codes = []

    def work() -> None:
        descriptor = os.open(said, os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["crnn-audio", "train", str(tmp_path / "small.yaml"), "--out", "out"]
        try:
            cli.main()
        except SystemExit as ended:
            os._exit(ended.code)

    (tmp_path / "small.yaml").write_text(json.dumps(trainings.small(root).model_dump(mode="json")))
    codes.append(in_child(work))
    printed = said.read_text()
    assert codes == [5], printed
    assert "Traceback" not in printed
    assert printed.count("cannot be written (") == 1
    assert "File too large" in printed
    assert checkpoint.read_bytes() == before
    assert not list(begun.glob(".*.partial"))

    assert program(root)[0] == 0
    quietly(trainings.small(root), tmp_path / "whole")
    assert trainings.log_of(begun) == trainings.log_of(tmp_path / "whole")
    assert trainings.same_bytes(begun, tmp_path / "whole")


def test_a_log_that_cannot_be_written_stops_with_one_error(root, tmp_path, program, monkeypatch) -> None:
    opened = Path.open

    def refuse(path, mode="r", *arguments, **options):
        if path.name == "log.jsonl" and mode == "a":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    code, _, err = program(root)
    assert code == 5
    assert "out: cannot be written (No space left on device)" in err
