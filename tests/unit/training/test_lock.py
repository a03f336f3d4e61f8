"""Two trainings never share a run directory, and one that was killed or has failed holds up nobody."""

import os
import time
from pathlib import Path

import pytest

from crnn_audio.errors import DataError, RunError
from crnn_audio.training import lock
from crnn_audio.training.lock import exclusive
from tests import trainings
from tests.trainings import die, in_child, quietly

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "TIMEOUT", 0.0)


def test_a_second_training_into_it_is_refused(tmp_path: Path, impatient: None) -> None:
    root, out = trainings.corpus(tmp_path / "corpus"), tmp_path / "out"
    recipe = trainings.small(root, {"optim.max_epochs": 1})
    with exclusive(out), pytest.raises(RunError, match="out: another process is training in it"):
        quietly(recipe, out)
    assert not out.exists()
    assert quietly(recipe, out)[0].finished
    with exclusive(out), pytest.raises(RunError, match="another process is training in it"):
        quietly(recipe, out)


def test_other_processes_are_kept_out_until_it_ends(tmp_path: Path, impatient: None) -> None:
    def enter() -> None:
        with exclusive(tmp_path / "out"):
            pass

    with exclusive(tmp_path / "out"):
        assert in_child(enter) == 99
    assert in_child(enter) == 0


def test_who_is_killed_lets_go(tmp_path: Path) -> None:
    def train() -> None:
        with exclusive(tmp_path / "out"):
            die()

    assert in_child(train) == -9
    with exclusive(tmp_path / "out"):
        pass


def test_what_was_forked_by_who_is_killed_is_waited_for(tmp_path: Path) -> None:
    def train() -> None:
        with exclusive(tmp_path / "out"):
            if os.fork() == 0:  # reads ahead, and notices a moment later
                time.sleep(0.5)
                os._exit(0)
            die()

    assert in_child(train) == -9
    with exclusive(tmp_path / "out"):
        pass


def test_a_process_that_was_forked_within_and_lives_on_holds_nothing(tmp_path: Path, impatient: None) -> None:
    read, write = os.pipe()
    with exclusive(tmp_path / "out"):
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0)
    with exclusive(tmp_path / "out"):
        pass
    os.write(write, b"x")
    os.waitpid(child, 0)


def test_what_was_made_for_it_and_stays_empty_is_removed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such manifest"):
        quietly(trainings.small(tmp_path / "nowhere"), tmp_path / "runs" / "deep" / "out")
    assert not (tmp_path / "runs").exists()
    (tmp_path / "mine").mkdir()
    with exclusive(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir(), "which was there before"
    with exclusive(tmp_path / "two" / "out"):
        (tmp_path / "two" / "out" / "run.json").touch()
    assert (tmp_path / "two" / "out" / "run.json").exists()


def test_a_file_in_its_place_is_reported_by_who_makes_the_run(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with exclusive(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_file()
