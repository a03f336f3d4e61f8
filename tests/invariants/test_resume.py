"""Law 5: a training killed at any point and started again goes on to the same bits, data order and log included."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crnn_audio import cli, runs
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.plan import PlannedCut
from crnn_audio.config.schema import Recipe
from crnn_audio.problems import load_recipe, recognition
from crnn_audio.training import checkpoint, diagnostics, display
from tests import trainings
from tests.trainings import ROOT, die, in_child, quietly


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trainings.corpus(tmp_path_factory.mktemp("resume") / "corpus")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


# ---------------------------------------------------------------------------------------- points at which to die


def dying(owner: object, name: str, calls: int, *, after: bool = False, only: Callable[..., bool] = lambda *_: True):
    """Makes a function the end of this process at its `calls`-th call."""
    original, left = getattr(owner, name), [calls]

    def last(*arguments, **options):
        if only(*arguments):
            left[0] -= 1
            if left[0] == 0 and not after:
                die()
        result = original(*arguments, **options)
        if left[0] == 0 and after:
            die()
        return result

    setattr(owner, name, last)


def _half_written(calls: int) -> None:
    original, left = checkpoint.save_file, [calls]

    def half(tensors, path, metadata) -> None:
        original(tensors, path, metadata)
        left[0] -= 1
        if left[0] == 0:
            os.truncate(path, Path(path).stat().st_size // 2)
            die()

    checkpoint.save_file = half


def _renaming(calls: int, after: bool) -> None:
    dying(Path, "replace", calls, after=after, only=lambda _, target: target.name == "checkpoint.safetensors")


POINTS: dict[str, tuple[int, Callable[[int], None]]] = {
    "before a step is logged": (4, lambda calls: dying(display.Display, "stepped", calls)),
    "after a step is logged": (4, lambda calls: dying(display.Display, "stepped", calls, after=True)),
    "a checkpoint half written": (3, _half_written),
    "a checkpoint written and not renamed": (3, lambda calls: _renaming(calls, after=False)),
    "a checkpoint just renamed": (3, lambda calls: _renaming(calls, after=True)),
    "before dev is scored": (1, lambda calls: dying(recognition, "scores", calls)),
    "the best weights just kept": (1, lambda calls: dying(runs.Run, "save_weights", calls, after=True)),
    "dev logged and no checkpoint since": (1, lambda calls: dying(display.Display, "validated", calls, after=True)),
    "the log cut back": (1, lambda calls: dying(diagnostics.Log, "cut_back", calls, after=True)),
    "before the run is marked as finished": (1, lambda calls: dying(runs.Run, "set_state", calls)),
}
"""What to do in a child so that it dies, and the largest number of calls after which it does."""


def killed(recipe: Recipe, out: Path, point: str, calls: int) -> bool:
    """Trains in a child that dies at a point; False if it ended before that came."""

    def work() -> None:
        POINTS[point][1](calls)
        quietly(recipe, out)

    code = in_child(work)
    assert code in (0, -signal.SIGKILL), f"the training child ended with {code}"
    return code != 0


# ---------------------------------------------------------------------------------------- any point, same bits


@pytest.fixture(scope="module")
def uninterrupted(root, tmp_path_factory):
    """One run from start to end."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(display, "plot_curves", lambda *_: None)
        quietly(trainings.small(root, trainings.EVERYTHING_RANDOM), folder / "run")
    return folder / "run"


def assert_same(out: Path, reference: Path) -> None:
    assert trainings.log_of(out) == trainings.log_of(reference)
    assert trainings.same_bytes(out, reference)
    assert not list(out.glob(".*")), "something half written is left"


def test_the_run_to_compare_with_has_everything_to_lose(uninterrupted) -> None:
    steps, evaluations = trainings.log_of(uninterrupted, "step"), trainings.log_of(uninterrupted, "dev")
    assert len(steps) > 8
    assert len(evaluations) == 3
    assert len({entry["loss"] for entry in steps}) == len(steps)


@pytest.mark.parametrize(("seed", "checkpoint_steps"), [(0, 1), (1, 3), (2, 0)])
def test_killed_at_seven_random_points_a_run_ends_in_the_same_bits(
    root, uninterrupted, tmp_path, seed, checkpoint_steps
) -> None:
    recipe = trainings.small(root, trainings.EVERYTHING_RANDOM | {"train.checkpoint_steps": checkpoint_steps})
    generator, kills, out, number = np.random.default_rng(seed), 0, tmp_path / "0", 0
    while kills < 7:
        point = str(generator.choice(list(POINTS)))
        if killed(recipe, out, point, int(generator.integers(1, POINTS[point][0] + 1))):
            kills += 1
        else:
            assert_same(out, uninterrupted)
            number += 1
            out = tmp_path / str(number)
    quietly(recipe, out)
    assert_same(out, uninterrupted)


@pytest.mark.parametrize("point", POINTS)
def test_no_point_is_a_wrong_one(root, uninterrupted, tmp_path, point) -> None:
    recipe = trainings.small(root, trainings.EVERYTHING_RANDOM | {"train.checkpoint_steps": 1})
    assert killed(recipe, tmp_path / "run", point, POINTS[point][0])
    quietly(recipe, tmp_path / "run")
    assert_same(tmp_path / "run", uninterrupted)


def test_killed_before_its_first_checkpoint_a_run_starts_anew(root, uninterrupted, tmp_path) -> None:
    recipe = trainings.small(root, trainings.EVERYTHING_RANDOM)
    assert killed(recipe, tmp_path / "run", "after a step is logged", 1)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    quietly(recipe, tmp_path / "run")
    assert_same(tmp_path / "run", uninterrupted)


@pytest.mark.parametrize("file", ["recipe.yaml", "vocabulary.json", "statistics.json", "run.json"])
def test_killed_while_its_run_directory_is_made_the_same_call_begins_anew(root, uninterrupted, tmp_path, file) -> None:
    recipe = trainings.small(root, trainings.EVERYTHING_RANDOM)

    def work() -> None:
        dying(Path, "replace", 1, only=lambda _, target: target.name == file)
        quietly(recipe, tmp_path / "run")

    assert in_child(work) == -signal.SIGKILL
    quietly(recipe, tmp_path / "run")
    assert_same(tmp_path / "run", uninterrupted)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


# ---------------------------------------------------------------------------------------- every state that there is

STATES = {
    "adamw": {"optim.name": "adamw", "optim.weight_decay": 0.01},
    "adam": {"optim.name": "adam"},
    "sgd": {"optim.name": "sgd"},
    "momentum": {"optim.name": "sgd", "optim.momentum": 0.9},
    "nesterov": {"optim.name": "sgd", "optim.momentum": 0.9, "optim.nesterov": True},
    "rmsprop": {"optim.name": "rmsprop", "optim.momentum": 0.5},
    "adagrad": {"optim.name": "adagrad"},
    "adadelta": {"optim.name": "adadelta", "optim.lr": 1.0},
    "bf16": {"precision": "bf16"},
}


@pytest.mark.parametrize("state", STATES)
def test_the_state_of_every_optimiser_is_kept(root, tmp_path, state) -> None:
    recipe = trainings.small(
        root, {"optim.max_epochs": 2, "train.checkpoint_steps": 2, "train.eval_epochs": 2} | STATES[state]
    )
    assert killed(recipe, tmp_path / "killed", "after a step is logged", 4)
    quietly(recipe, tmp_path / "killed")
    quietly(recipe, tmp_path / "whole")
    assert_same(tmp_path / "killed", tmp_path / "whole")


def test_the_plateau_and_the_best_score_are_kept(root, tmp_path, monkeypatch) -> None:
    """Every evaluation is made worse than the last, so the rate halves after each but the first."""
    score = recognition.scores

    def worse(*arguments):
        scores = score(*arguments)
        seen = len(trainings.log_of(out, "dev"))
        monkeypatch.setattr(type(scores), "value", property(lambda _: 1.0 + seen))
        return scores

    monkeypatch.setattr(recognition, "scores", worse)
    plateau = {"optim.schedule": "plateau", "optim.plateau_patience": 1, "optim.max_epochs": 4, "optim.ema": 0.5}
    recipe = trainings.small(root, plateau | {"train.checkpoint_steps": 1})
    for out in (tmp_path / "whole", tmp_path / "killed"):
        if out.name == "killed":
            for calls in (5, 3, 3):
                assert killed(recipe, out, "after a step is logged", calls)
        quietly(recipe, out)
    assert_same(tmp_path / "killed", tmp_path / "whole")
    rates = [entry["lr"] for entry in trainings.log_of(out, "step")]
    assert sorted(set(rates), reverse=True) == [3e-3, 1.5e-3, 0.75e-3]
    assert [entry["best"] for entry in trainings.log_of(out, "dev")] == [True, False, False, False]


def test_a_run_that_goes_on_reads_only_what_is_left(root, tmp_path, monkeypatch) -> None:
    recipe = trainings.small(root, {"optim.max_epochs": 1, "train.checkpoint_steps": 1})
    quietly(recipe, tmp_path / "whole")
    steps = trainings.log_of(tmp_path / "whole", "step")
    assert killed(recipe, tmp_path / "killed", "a checkpoint just renamed", len(steps) - 1)
    read, waveform = [], Cuts._waveform

    def noted(cuts: Cuts, epoch: int, entry: PlannedCut) -> np.ndarray:
        read.append(cuts.cuts[entry.index])
        return waveform(cuts, epoch, entry)

    monkeypatch.setattr(Cuts, "_waveform", noted)
    quietly(recipe, tmp_path / "killed")
    read_to_train = [cut for cut in read if cut.id.startswith("train")]
    assert sum(cut.duration for cut in read_to_train) == pytest.approx(steps[-1]["amount"])


# ---------------------------------------------------------------------------------------- the real program, killed


class Program:
    """`crnn-audio train` in a process of its own, forked so that it need not import torch again."""

    def __init__(self, folder: Path, overrides: list[str]) -> None:
        self.out = folder / "run"
        self.left_before = set(self.out.glob(".*"))
        recipe = str(ROOT / "recipes" / "tiny" / "lstm.yaml")
        self.said = folder / "said.txt"
        self.pid = os.fork()
        if not self.pid:
            self._become(folder, ["crnn-audio", "train", recipe, "--out", str(self.out), *overrides])

    def _become(self, folder: Path, words: list[str]) -> None:
        try:
            os.chdir(folder)
            said = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(said, stream)
            sys.argv, sys.stdout, sys.stderr = words, os.fdopen(1, "w"), os.fdopen(2, "w")
            cli.main()
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)

    def steps(self) -> int:
        path = self.out / "log.jsonl"
        return path.read_text(encoding="utf-8").count('"step"') if path.exists() else 0

    def wait_for(self, what: Callable[[], bool], pause: float = 0.003) -> None:
        until = time.monotonic() + 100
        while not what():
            assert os.waitpid(self.pid, os.WNOHANG) == (0, 0), (
                f"it ended before it could be killed: {self.said.read_text()}"
            )
            assert time.monotonic() < until, f"nothing came: {self.said.read_text()}"
            time.sleep(pause)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def ended(self) -> int:
        """Waits for its end; gives its exit code, or minus a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def is_writing_a_checkpoint(self) -> bool:
        """Stops the process when it seems to write one; if it still does then, it stays stopped."""
        if not self.partial():
            return False
        os.kill(self.pid, signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        if self.partial():
            return True
        os.kill(self.pid, signal.SIGCONT)
        return False

    def partial(self) -> bool:
        return bool(set(self.out.glob(".checkpoint*.partial")) - self.left_before)


def test_the_program_killed_three_times_ends_in_the_same_bits(tmp_path) -> None:
    overrides = [
        f"data.root={ROOT / 'data' / 'tiny'}", "data.accumulate=2", "data.batch_seconds=6", "task.consistency=0.2",
        "augment.speed=[0.9, 1.0, 1.1]", "augment.spec_augment={start_epoch: 1}", "model.recurrent.dropout=0.2",
        "model.recurrent.hidden_size=16", "optim.ema=0.9", "optim.max_epochs=8", "train.eval_epochs=8",
        "train.checkpoint_steps=1", "device=cpu",
    ]  # fmt: skip
    quietly(load_recipe(str(ROOT / "recipes" / "tiny" / "lstm.yaml"), *overrides), tmp_path / "reference")
    for more in np.random.default_rng(5).integers(2, 5, 2).tolist():
        program = Program(tmp_path, overrides)
        before = program.steps()
        program.wait_for(lambda steps=program.steps, enough=before + more: steps() >= enough)
        program.kill()
    program = Program(tmp_path, overrides)
    program.wait_for(program.is_writing_a_checkpoint, pause=0.0002)
    program.kill()
    assert program.partial()

    program = Program(tmp_path, overrides)
    assert program.ended() == 0, program.said.read_text()
    assert_same(program.out, tmp_path / "reference")
    assert program.said.read_text().count("resumed after step") == 3
