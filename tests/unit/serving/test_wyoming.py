"""Wyoming by the client of its own package: what Home Assistant asks, and what is refused."""

import asyncio
import json
import socket
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from wyoming.asr import Transcribe
from wyoming.audio import AudioStart, AudioStop, wav_to_chunks
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping

from crnn_audio import serving
from crnn_audio.serving import server

LIMITS = serving.Limits(max_upload=200_000, max_streams=2, idle_seconds=2.0, drain_seconds=5.0)


@pytest.fixture(scope="module")
def place(opened: dict[str, Any], served: Any) -> Iterator[tuple[str, int]]:
    wyoming = server.bound("127.0.0.1", 0)
    with served(serving.app(opened, LIMITS), wyoming, ("en", "de")):
        yield wyoming.getsockname()


@pytest.fixture(scope="module")
def wav(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples, rate = soundfile.read(recording, dtype="int16")
    path = tmp_path_factory.mktemp("sound") / "said.wav"
    soundfile.write(path, np.stack([samples, samples], axis=1), rate)
    return path


def answers(place: tuple[str, int], *events: Event, count: int = 1) -> list[Event]:
    """The first events that come back."""

    async def talk() -> list[Event]:
        async with AsyncTcpClient(*place) as client:
            for event in events:
                await client.write_event(event)
            found = [await asyncio.wait_for(client.read_event(), 20) for _ in range(count)]
        return [one for one in found if one]

    return asyncio.run(talk())


def spoken(path: Path) -> Sequence[Event]:
    with wave.open(str(path)) as sound:
        return [one.event() for one in wav_to_chunks(sound, 1024, start_event=True, stop_event=True)]


def test_it_says_what_there_is(place: tuple[str, int]) -> None:
    described, pong = answers(place, Describe().event(), Ping("here").event(), count=2)
    info = Info.from_event(described)
    (program,) = info.asr
    assert [one.name for one in program.models] == ["an4", "an4_streaming"]
    assert program.models[0].languages == ["en", "de"]
    assert all(one.installed for one in program.models)
    assert (pong.type, pong.data) == ("pong", {"text": "here"})


@pytest.mark.parametrize("name", [None, "an4", "an4_streaming"])
def test_a_transcript_is_that_of_the_file(place: tuple[str, int], opened, wav: Path, name: str | None) -> None:
    asked = Transcribe(name=name, language="en").event()
    (found,) = answers(place, asked, *spoken(wav))
    assert (found.type, found.data["language"]) == ("transcript", "en")
    assert found.data["text"] == opened[name or "an4"].transcribe(wav).text != ""


def test_two_after_each_other_on_one_connection(place: tuple[str, int], opened, wav: Path) -> None:
    first, second = answers(place, *spoken(wav), *spoken(wav), count=2)
    assert first.data["text"] == second.data["text"] == opened["an4"].transcribe(wav).text


@pytest.mark.parametrize(
    ("events", "code", "part"),
    [
        ([Transcribe(name="an5").event()], "model_not_found", "those that can transcribe are: an4, an4_streaming"),
        ([AudioStart(16000, 4, 1).event()], "invalid_request_error", "16-bit samples of one or two channels"),
        ([AudioStart(16000, 2, 1).event(), AudioStop().event()], "invalid_audio", "without a single sample"),
        ([Event("audio-chunk", {}, bytes(150_000))] * 2, "too_large", "The body is larger than"),
    ],
)
def test_mistakes_are_errors_and_the_connection_stays(place, events: list[Event], code: str, part: str) -> None:
    error, pong = answers(place, *events, Event("unknown"), Ping().event(), count=2)
    assert error.type == "error"
    assert part in error.data["text"]
    assert error.data["code"] == code
    assert pong.type == "pong"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"nonsense\n", "JSON object on a line"),
        (b"[]\n", "JSON object on a line"),
        (b'{"type": "audio-chunk", "payload_length": 2000000000}\n', "payload_length: should be up to"),
        (b'{"type": "audio-chunk", "payload_length": -1}\n', "payload_length: should be up to"),
        (b"x" * 200_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_no_event_ends_the_connection_with_an_error(place, content: bytes, part: str) -> None:
    with socket.create_connection(place, timeout=20) as one:
        one.sendall(content)
        answer = b""
        while more := one.recv(65536):
            answer += more
    assert part in json.loads(answer.partition(b"\n")[2])["text"]


def test_those_who_are_silent_or_too_many_are_sent_away(place: tuple[str, int]) -> None:
    with socket.create_connection(place, timeout=20) as one, socket.create_connection(place, timeout=20) as two:
        time.sleep(0.2)
        with socket.create_connection(place, timeout=20) as three:
            assert b"the most at a time" in three.recv(1000)
        assert one.recv(100) == two.recv(100) == b""


def test_a_stop_is_said_to_those_whose_sound_has_not_ended(opened, served) -> None:
    wyoming = server.bound("127.0.0.1", 0)
    begun = b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n'
    with (
        served(serving.app(opened), wyoming, ("en",)) as (_, _, one),
        socket.create_connection(wyoming.getsockname(), timeout=20) as client,
    ):
        client.sendall(begun + b'{"type": "ping"}\n')
        assert b"pong" in client.recv(1000)
        one.should_exit = True
        answer = b""
        while more := client.recv(1000):
            answer += more
    assert b"The service is stopping." in answer
