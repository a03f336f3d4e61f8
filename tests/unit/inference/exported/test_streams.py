"""Law 3 without torch: blocks of any size, alone or among streams that join and leave, say what the whole does."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from crnn_audio import audio
from crnn_audio.errors import StreamError
from crnn_audio.inference.speech.endpoints import Endpoint

NEVER = Endpoint(silence=1e9, longest=1e9)


@pytest.fixture(scope="module")
def sounds(recordings: list[Path]) -> list[np.ndarray]:
    return [np.tile(audio.read(path, 16000)[0], 3) for path in recordings]


def words(finals: list) -> list[tuple[str, float, float]]:
    return [(word.text, round(word.start, 4), round(word.end, 4)) for one in finals for word in one.words]


def alone(model, sound: np.ndarray, block: int, rate: int = 16000, endpoint: Endpoint = NEVER) -> list:
    finals = []
    with model.stream(rate, endpoint) as stream:
        for begin in range(0, len(sound), block):
            finals += stream.feed(sound[begin : begin + block]).finals
        finals += stream.flush().finals
    return finals


@pytest.mark.parametrize("block", [400, 1600, 10**6])
def test_blocks_say_what_the_run_streams_and_transcribes(live, sounds: list[np.ndarray], block: int) -> None:
    for sound in sounds[:1] if block == 400 else sounds[:2]:
        found = alone(live.exported, sound, block)
        assert words(found) == words(alone(live.eager, sound, block))
        assert [one.text for one in found] == [live.exported.hypothesis(live.exported.decode([sound])[0], 9.0).text]


def test_what_waits_to_be_stepped_together_says_the_same(live, sounds: list[np.ndarray]) -> None:
    stream, finals, steps = live.exported.streams(wait=0.32).open(16000, NEVER), [], []
    session = stream.sound._graph.session
    counted = SimpleNamespace(run=lambda names, feed: steps.append(feed["x"].shape[1]) or session.run(names, feed))
    stream.sound._graph.session = counted
    try:
        for begin in range(0, len(sounds[0]), 800):
            finals += stream.feed(sounds[0][begin : begin + 800]).finals
        finals += stream.flush().finals
    finally:
        stream.sound._graph.session = session
    assert words(finals) == words(alone(live.exported, sounds[0], 800))
    assert len(steps) <= len(sounds[0]) / 16000 / 0.32 + 2


def test_ends_of_utterances_are_those_of_the_run(live, sounds: list[np.ndarray]) -> None:
    endpoint = Endpoint(silence=0.12, longest=0.8)
    found, wanted = (alone(model, sounds[0], 800, endpoint=endpoint) for model in (live.exported, live.eager))
    assert len(found) > 2
    assert words(found) == words(wanted)
    assert [one.seconds for one in found] == pytest.approx([one.seconds for one in wanted])


def test_streams_that_join_and_leave_say_what_each_says_alone(live, sounds: list[np.ndarray]) -> None:
    streams, rng = live.exported.streams(), np.random.default_rng(0)
    rates = [16000, 8000, 16000, 44100, 16000, 22050]
    left = dict[object, np.ndarray]()
    finals = dict[object, list]()
    order = list[object]()
    while len(order) < len(sounds) or left:
        if len(order) < len(sounds) and rng.random() < 0.4:
            order.append(stream := streams.open(rates[len(order)], NEVER))
            left[stream], finals[stream] = sounds[len(order) - 1], []
        blocks = {}
        for stream in list(left):
            if rng.random() < 0.7:
                size = int(rng.integers(0, 6000))
                blocks[stream], left[stream] = left[stream][:size], left[stream][size:]
        for stream, result in streams.feed(blocks).items():
            finals[stream] += result.finals
        done = [stream for stream in left if not len(left[stream])]
        for stream, result in streams.flush(done).items():
            finals[stream] += result.finals
            del left[stream]
    for stream, sound, rate in zip(order, sounds, rates, strict=True):
        assert words(finals[stream]) == words(alone(live.exported, sound, 1600, rate))


def test_mistakes_are_errors_and_nothing_of_the_call_is_taken(live, sounds: list[np.ndarray]) -> None:
    streams = live.exported.streams()
    one, other = streams.open(16000), streams.open(16000)
    bad = {
        "one channel of floating-point samples": np.zeros((2, 2), np.float32),
        "not finite numbers": np.array([np.nan], np.float32),
    }
    for said, block in bad.items():
        with pytest.raises(StreamError, match=said):
            streams.feed({one: sounds[0][:1600], other: block})
    assert streams.feed({one: sounds[0][:1600]})[one].seconds == pytest.approx(0.1)
    one.flush()
    for ended in (lambda: one.flush(), lambda: streams.feed({other: sounds[0], one: sounds[0]})):
        with pytest.raises(StreamError, match="this stream has ended"):
            ended()
    assert other.feed(sounds[0][:0]).seconds == 0
    with pytest.raises(StreamError, match="belongs to other streams"):
        live.exported.streams().feed({other: sounds[0]})
    with pytest.raises(StreamError, match="a sample rate of 0"):
        streams.open(0)
