"""Live speech in vosk's and OpenAI's protocols: texts equal those of `stream`, mistakes end as the protocol says."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from crnn_audio import serving
from crnn_audio.hypotheses import Hypothesis

RATE = 16000
LIMITS = serving.Limits(max_streams=3, idle_seconds=1.0, drain_seconds=5.0)


@pytest.fixture(scope="module")
def place(opened: dict[str, Any], served: Any) -> Iterator[str]:
    with served(serving.app(opened, LIMITS)) as (host, port, _):
        yield f"{host}:{port}"


@pytest.fixture(scope="module")
def talk(tiny: Path) -> np.ndarray:
    """Three utterances with pauses, as 16-bit samples."""
    random, parts = np.random.default_rng(0), []
    for number in (0, 1, 5):
        samples, _ = soundfile.read(tiny / "train" / f"train-{number:04d}.flac", dtype="int16")
        parts += [samples, (60 * random.standard_normal(round(1.5 * RATE))).astype(np.int16)]
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def finals(opened: dict[str, Any], talk: np.ndarray) -> list[Hypothesis]:
    """What `stream` makes of it."""
    with opened["an4_streaming"].stream(RATE) as stream:
        found = [*stream.feed(talk.astype(np.float32) / 32768).finals, *stream.flush().finals]
    assert len(found) == 3
    return found


def vosk(place: str, path: str = "/", **options: Any) -> ClientConnection:
    return connect(f"ws://{place}{path}", **options)


def replies(socket: ClientConnection, talk: np.ndarray, size: int) -> list[dict[str, Any]]:
    """The one reply to each message, and the last to the end."""
    found = []
    for start in range(0, len(talk), size):
        socket.send(talk[start : start + size].tobytes())
        found.append(json.loads(socket.recv()))
    socket.send('{"eof" : 1}')
    return [*found, json.loads(socket.recv())]


@pytest.mark.parametrize("size", [800, 8000, 20000])
def test_vosk_replies_once_to_each_message_with_the_texts_of_stream(place, talk, finals, size: int) -> None:
    with vosk(place) as socket:
        socket.send('{"config" : {"sample_rate" : 16000.0, "words": true}}')
        found = replies(socket, talk, size)
        with pytest.raises(ConnectionClosed):
            socket.recv()
    done = [one for one in found if "partial" not in one]
    assert " ".join(one["text"] for one in done if one["text"]) == " ".join(one.text for one in finals)
    words = [word for one in done for word in one.get("result", [])]
    assert words == [
        {"conf": round(word.confidence, 4), "end": round(word.end, 4), "start": round(word.start, 4), "word": word.text}
        for one in finals
        for word in one.words
    ]
    assert "partial" in found[0]
    assert "partial" not in found[-1]


def test_vosk_reset_ends_an_utterance_and_times_go_on(place: str, talk: np.ndarray, finals) -> None:
    first = talk[:24000]
    with vosk(place, "/vosk?model=an4_streaming") as socket:
        results = []
        for _ in range(2):
            socket.send(first.tobytes())
            socket.recv()
            socket.send('{"reset":1}')
            results.append(json.loads(socket.recv()))
    assert results[0]["text"] == results[1]["text"] != ""
    starts = [one["result"][0]["start"] for one in results]
    assert starts[1] == pytest.approx(starts[0] + 1.5)


@pytest.mark.parametrize(
    ("path", "message", "reason"),
    [
        ("/", "nonsense", "A text message is a JSON object"),
        ("/", "[" * 5000, "A text message is a JSON object"),
        ("/?model=an5", b"\0\0", "There is no model 'an5'; those that can stream are: an4_streaming"),
        ("/?model=an4", b"\0\0", "The model 'an4' cannot stream"),
    ],
)
def test_vosk_mistakes_close_with_a_reason(place: str, path: str, message: Any, reason: str) -> None:
    with vosk(place, path) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason.startswith(reason)


def test_odd_bytes_rates_and_silence_are_no_matter(place: str, talk: np.ndarray) -> None:
    with vosk(place) as socket:
        socket.send('{"config": {"sample_rate": 8000}}')
        for part in (b"\1", b"\2\3", b"", talk[::2].tobytes()):
            socket.send(part)
            assert "partial" in (reply := json.loads(socket.recv())) or reply["text"]
        socket.send('{"eof":1}')
        assert "text" in json.loads(socket.recv())
    with vosk(place) as socket:
        socket.send('{"eof":1}')
        assert json.loads(socket.recv()) == {"text": ""}
    with vosk(place) as socket:
        socket.send('{"config": {"sample_rate": 1e9}}')
        socket.send(b"\0\0")
        with pytest.raises(ConnectionClosed, match="A sample rate is between"):
            socket.recv()


def test_too_many_streams_are_refused_and_silent_ones_end(place: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(vosk(place)) for _ in range(3)]
        with pytest.raises(InvalidStatus) as refused:
            vosk(place)
        assert refused.value.response.status_code == 429
        assert b"the most at a time" in refused.value.response.body
        with pytest.raises(ConnectionClosed, match="no sound for too long"):
            sockets[0].recv()


def test_pages_of_others_may_not_open_a_stream(place: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        vosk(place, additional_headers={"origin": "https://example.org"})
    assert refused.value.response.status_code == 403
    with vosk(place, additional_headers={"origin": f"http://{place}"}) as socket:
        socket.send('{"eof":1}')
        assert json.loads(socket.recv()) == {"text": ""}


def test_a_token_of_a_stream_may_stand_in_its_subprotocol(opened, served) -> None:
    with served(serving.app(opened, access=serving.Access(("sesame",)))) as (host, port, _):
        address = f"ws://{host}:{port}/v1/realtime"
        with pytest.raises(InvalidStatus) as refused:
            connect(address)
        assert refused.value.response.status_code == 401
        offered: Any = ["realtime", "openai-insecure-api-key.sesame"]
        with connect(address, subprotocols=offered) as socket:
            assert json.loads(socket.recv())["type"] == "session.created"
            assert socket.subprotocol == "realtime"
        with connect(f"ws://{host}:{port}/?token=sesame") as socket:
            socket.send('{"eof":1}')
            socket.recv()


def test_a_stop_gives_streams_their_text_and_says_so(opened, served, talk: np.ndarray) -> None:
    with served(serving.app(opened)) as (host, port, server), vosk(f"{host}:{port}") as socket:
        socket.send(talk[:16000].tobytes())
        partial = json.loads(socket.recv())
        server.should_exit = True
        assert json.loads(socket.recv())["text"].startswith(partial["partial"])
        with pytest.raises(ConnectionClosed, match="the service is stopping"):
            socket.recv()


def test_an_error_of_one_stream_is_that_of_its_client_alone(opened, served, talk, finals, monkeypatch) -> None:
    from crnn_audio.inference.speech.stream import Stream

    feed: Callable[..., Any] = Stream.feed
    monkeypatch.setattr(Stream, "feed", lambda self, block: 1 / 0 if len(block) == 7777 else feed(self, block))
    with served(serving.app(opened)) as (host, port, _), vosk(f"{host}:{port}") as good:
        good.send(talk[:16000].tobytes())
        good.recv()
        with vosk(f"{host}:{port}") as bad:
            bad.send(bytes(2 * 7777))
            with pytest.raises(ConnectionClosed, match="see the log"):
                bad.recv()
        found = replies(good, talk[16000:], 8000)
    assert " ".join(one["text"] for one in found if one.get("text")) == " ".join(one.text for one in finals)


def events(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != until:
        found.append(json.loads(socket.recv(timeout=20)))
    return found


def append(samples: np.ndarray) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(samples.tobytes()).decode()})


def realtime(place: str, socket: ClientConnection, turns: Any) -> None:
    assert json.loads(socket.recv())["type"] == "session.created"
    sound = {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": turns}
    socket.send(json.dumps({"type": "session.update", "session": {"type": "transcription", "audio": {"input": sound}}}))
    updated = json.loads(socket.recv())
    assert updated["type"] == "session.updated"
    assert updated["session"]["audio"]["input"]["format"]["rate"] == RATE


def texts(found: Sequence[dict[str, Any]], kind: str, field: str) -> list[str]:
    return [one[field] for one in found if one["type"].endswith(kind)]


def test_realtime_ends_an_item_with_each_pause(place: str, talk: np.ndarray, finals) -> None:
    with connect(f"ws://{place}/v1/realtime?intent=transcription") as socket:
        realtime(place, socket, {"type": "server_vad"})
        for start in range(0, len(talk), 4000):
            socket.send(append(talk[start : start + 4000]))
        socket.send('{"type": "input_audio_buffer.clear"}')
        found = events(socket, "input_audio_buffer.cleared")
    assert texts(found, "completed", "transcript") == [one.text for one in finals]
    ids = texts(found, "committed", "item_id")
    assert len(set(ids)) == len(ids) == 3
    assert texts(found, "committed", "previous_item_id") == [None, *ids[:2]]
    for item, final in zip(ids, finals, strict=True):
        own = [one for one in found if one.get("item_id") == item]
        assert "".join(texts(own, "delta", "delta")) == final.text
        kinds = [one["type"].rpartition(".")[2] for one in own]
        assert kinds[0] == "speech_started"
        assert kinds[-3:] == ["speech_stopped", "committed", "completed"]
    assert all(one["event_id"] for one in found)


def test_realtime_without_turns_ends_an_item_at_a_commit(place: str, talk: np.ndarray, finals) -> None:
    with connect(f"ws://{place}/v1/realtime") as socket:
        realtime(place, socket, None)
        socket.send(append(talk))
        socket.send('{"type": "input_audio_buffer.commit"}')
        found = events(socket, "conversation.item.input_audio_transcription.completed")
    text = " ".join(one.text for one in finals)
    assert "".join(texts(found, "delta", "delta")) == text
    assert texts(found, "completed", "transcript") == [text]
    assert found[-1]["usage"] == {"type": "duration", "seconds": pytest.approx(len(talk) / RATE, abs=1.0)}


@pytest.mark.parametrize(
    ("message", "param", "part"),
    [
        ("{", None, "An event is a JSON object"),
        ("[]", "an event", "should be an object"),
        ('{"type": "response.create", "event_id": "mine"}', "type", "no event 'response.create' of transcription"),
        ('{"type": "input_audio_buffer.append", "audio": "?"}', "audio", "16-bit samples in base64"),
        ('{"type": "input_audio_buffer.append"}', "audio", "16-bit samples in base64"),
        ('{"type": "input_audio_buffer.commit"}', None, "no sound to commit"),
        ('{"type": "session.update", "session": {"audio": 7}}', "audio", "should be an object"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "an5"}}}}}',
            "model",
            "There is no model 'an5'; those that can stream are: an4_streaming.",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}}',
            "session.audio.input.format",
            "should be audio/pcm (found audio/pcmu)",
        ),
    ],
)
def test_realtime_mistakes_are_events(place: str, message: str, param: str | None, part: str) -> None:
    with connect(f"ws://{place}/v1/realtime") as socket:
        socket.recv()
        socket.send(message)
        error = json.loads(socket.recv())
        assert error["type"] == "error"
        assert part in error["error"]["message"]
        assert error["error"]["param"] == param
        assert error["error"]["event_id"] == ("mine" if "mine" in message else None)
        socket.send('{"type": "session.update", "session": {}}')
        assert json.loads(socket.recv())["type"] == "session.updated"


def test_five_streams_beside_each_other_have_the_texts_of_stream(place, opened, served, talk, finals) -> None:
    """Of an exported model, whose streams are stepped in batches; a short form of `python -m tests.bench.serving`."""
    with served(serving.app(["an4_streaming"], device="cpu")) as (host, port, _), ExitStack() as stack:
        sockets = [stack.enter_context(vosk(f"{host}:{port}")) for _ in range(5)]
        said = [list[str]() for _ in sockets]
        for start in range(0, len(talk), 6400):
            for socket in sockets:
                socket.send(talk[start : start + 6400].tobytes())
            for socket, one in zip(sockets, said, strict=True):
                one.append(json.loads(socket.recv()).get("text", ""))
        for socket, one in zip(sockets, said, strict=True):
            socket.send('{"eof":1}')
            one.append(json.loads(socket.recv())["text"])
    assert {" ".join(filter(None, one)) for one in said} == {" ".join(one.text for one in finals)}
