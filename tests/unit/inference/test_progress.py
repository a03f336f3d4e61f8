"""The bar of a long transcription moves within a recording, and counts none of it twice."""

import pytest

from crnn_audio.inference import progress as module
from crnn_audio.inference.progress import Listening


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_it_moves_within_a_recording_and_counts_it_once(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Listening(2, 4000.0) as listening:
        clock[0] += 40
        listening.within(1200.0)
        (task,) = listening.bar.tasks
        assert task.completed == 1200
        assert listening.rate == pytest.approx(30)
        assert capsys.readouterr().err == "transcribing: 0/2 files  30x real time  0:01:33 left\n"
        clock[0] += 10
        listening.within(3600.0)
        assert (task.completed, capsys.readouterr().err) == (3600, ""), "a line now and then is enough"
        listening.heard(3600.0)
        assert (task.completed, listening.seconds_done, listening.files_done) == (3600, 3600, 1)
        listening.heard(0.0)  # one that could not be read
        assert task.completed == 3600


def test_what_a_recording_that_fails_was_heard_of_does_not_count(clock: list[float]) -> None:
    listening = Listening(1, 60.0)
    listening.within(30.0)
    listening.heard(0.0)
    assert listening.seconds_done == listening.bar.tasks[0].completed == 0
