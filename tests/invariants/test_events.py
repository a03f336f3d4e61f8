"""The laws of keyword events: blocks of any size give the same, and a window is labelled as its recording is."""

import numpy as np
import pytest
import torch

from crnn_audio.errors import StreamError
from crnn_audio.features.normalize import UtteranceNorm
from crnn_audio.hypotheses import Event
from crnn_audio.inference.events import Detection, EventStream, Windows
from crnn_audio.types import AudioBatch
from tests import classifications as made

LABELS, BACKGROUND = ("high", "low", "noise"), ("noise",)
SOUND = np.concatenate([made.sound(label, 0.7, seed) for seed, label in enumerate(["noise", "high", "low", "noise"])])
DETECTION = Detection(threshold=0.34, refractory=0.3, window=0.4, step=0.04)
every_pool = pytest.mark.parametrize(
    ("pool", "bidirectional"),
    [("attention", True), ("attention", False), ("last", True), ("last", False), ("max", True)],
)


def events(task, blocks, rate: int = made.RATE, detection: Detection = DETECTION) -> list[Event]:
    with EventStream(task, LABELS, BACKGROUND, rate, detection) as stream:
        found = [event for block in blocks for event in stream.feed(block).finals]
        return [*found, *stream.flush().finals]


def scores(task, blocks, detection: Detection = DETECTION) -> np.ndarray:
    windows = Windows(task, detection)
    return np.concatenate([*(windows.add(block) for block in blocks), windows.add(np.zeros(0, np.float32), last=True)])


@every_pool
def test_blocks_of_any_size_give_the_same(pool: str, bidirectional: bool) -> None:
    task = made.task(pool, bidirectional=bidirectional).float()
    whole, wanted = scores(task, [SOUND]), events(task, [SOUND])
    assert len(whole) == round((len(SOUND) / made.RATE - 0.4) / 0.04) + 1
    assert len(wanted) > 1
    for size in (211, 5000):
        blocks = [SOUND[at : at + size] for at in range(0, len(SOUND), size)]
        np.testing.assert_allclose(scores(task, blocks), whole, rtol=1e-4, atol=1e-5)
        found = events(task, blocks)
        assert [(one.label, one.seconds) for one in found] == [(one.label, one.seconds) for one in wanted]


@every_pool
def test_what_is_shorter_than_a_window_is_labelled_as_a_recording(pool: str, bidirectional: bool) -> None:
    task = made.task(pool, bidirectional=bidirectional).float()
    short = SOUND[5000:7200]
    batch = AudioBatch(torch.from_numpy(short).unsqueeze(0), torch.tensor([len(short)]), made.RATE)
    with torch.inference_mode():
        (wanted,) = task(batch).tolist()
    (found,) = scores(task, [short[:900], short[900:]]).tolist()
    assert found == pytest.approx(wanted, abs=1e-5)
    assert events(task, [short[:0]]) == []


def test_a_window_depends_on_no_sound_beyond_the_look_ahead_of_the_convolutions() -> None:
    task = made.task("attention").float()
    before = scores(task, [SOUND])
    changed = SOUND.copy()
    changed[12000:] = 0.7
    differs = np.abs(scores(task, [changed]) - before).max(axis=1) > 1e-6
    ends = 0.4 + 0.04 * np.arange(len(before))
    ahead = task.model.receptive_field.right * 0.01 + 0.0125
    assert not differs[ends + ahead < 12000 / made.RATE - 0.02].any()
    assert differs[ends > 12000 / made.RATE + 0.1].any()


def test_no_event_follows_another_within_the_refractory_time() -> None:
    task = made.task("mean").float()
    every = events(task, [SOUND], detection=Detection(0.0, 0.0, 0.4, 0.04))
    assert len(every) == len(scores(task, [SOUND]))
    some = events(task, [SOUND], detection=Detection(0.0, 0.5, 0.4, 0.04))
    assert np.diff([one.seconds for one in some]).min() >= 0.5
    assert {one.label for one in every} <= {"high", "low"}, "a background label is no event"
    assert events(task, [SOUND], detection=Detection(1.1, 0.5, 0.4, 0.04)) == []


def test_what_cannot_be_streamed_is_refused() -> None:
    task = made.task("mean").float()
    with pytest.raises(StreamError, match=r"at least a frame of 0\.020 s"):
        Windows(task, Detection(step=0.001))
    with pytest.raises(StreamError, match="floating-point samples"):
        events(task, [np.zeros(9, np.int16)])
    with pytest.raises(StreamError, match="a sample rate of 0"):
        events(task, [], rate=0)
    stream = EventStream(task, LABELS, BACKGROUND, made.RATE, DETECTION)
    stream.flush()
    with pytest.raises(StreamError, match="this stream has ended"):
        stream.feed(SOUND)
    task.normalizer = UtteranceNorm()
    with pytest.raises(StreamError, match="normalisation over the utterance"):
        Windows(task, DETECTION)
