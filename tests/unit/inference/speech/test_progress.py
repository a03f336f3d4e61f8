"""The bar of a long transcription moves within a recording, and counts none of it twice."""

import pytest

from crnn_audio.inference.speech import progress as module
from crnn_audio.inference.speech.progress import TranscriptionProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_it_moves_within_a_recording_and_counts_it_once(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with TranscriptionProgress(2, 4000.0) as progress:
        clock[0] += 40
        progress.within(1200.0)
        (task,) = progress.bar.bars.tasks
        assert task.completed == 1200
        assert progress.rate == pytest.approx(30)
        assert capsys.readouterr().err == "transcribing: 0/2 files  30x real time  0:01:33 left\n"
        clock[0] += 10
        progress.within(3600.0)
        assert (task.completed, capsys.readouterr().err) == (3600, ""), "a line now and then is enough"
        progress.finished(3600.0)
        assert (task.completed, progress.seconds_done, progress.files_done) == (3600, 3600, 1)
        progress.finished(0.0)  # one that could not be read
        assert task.completed == 3600


def test_a_recording_that_fails_does_not_count(clock: list[float]) -> None:
    progress = TranscriptionProgress(1, 60.0)
    progress.within(30.0)
    progress.finished(0.0)
    assert progress.seconds_done == progress.bar.bars.tasks[0].completed == 0
