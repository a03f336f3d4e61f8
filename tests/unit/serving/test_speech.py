"""Recordings over HTTP in every format, equal to the command line's, and every error in the protocol's own form."""

import base64
import errno
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from crnn_audio import serving
from crnn_audio.errors import DataError
from crnn_audio.inference.outputs.formats import FORMATS
from crnn_audio.inference.speech import joining, transcription
from crnn_audio.serving import growing
from crnn_audio.serving.forms import SMALL
from crnn_audio.serving.models import open_model
from crnn_audio.serving.transcripts import SHAPES

PATHS = ("/v1/audio/transcriptions", "/inference")


def long(recording: Path, seconds: float) -> bytes:
    """A recording said again and again, as a WAV file."""
    samples, rate = soundfile.read(recording)
    content = io.BytesIO()
    soundfile.write(content, np.resize(samples, round(seconds * rate)), rate, format="WAV")
    return content.getvalue()


def sent(client: TestClient, content: bytes, path: str = PATHS[0], name: str = "a.flac", **fields: Any) -> Any:
    return client.post(path, data=fields, files={"file": (name, content)})


@pytest.mark.parametrize("path", PATHS)
def test_every_format_has_the_text_of_the_model(client: TestClient, opened, recording: Path, path: str) -> None:
    expected = opened["an4"].transcribe(recording)
    content = recording.read_bytes()
    assert expected.text
    for shape in ("text", "srt", "vtt"):
        done = sent(client, content, path, model="an4", response_format=shape)
        assert done.text == FORMATS[shape](expected)
        assert done.headers["content-type"] == f"text/{'vtt' if shape == 'vtt' else 'plain'}; charset=utf-8"
    assert sent(client, content, path).json() == {"text": expected.text, "usage": {"type": "duration", "seconds": 2}}
    verbose = sent(client, content, path, response_format="verbose_json", language="en").json()
    assert (verbose["task"], verbose["language"], verbose["text"]) == ("transcribe", "en", expected.text)
    assert verbose["duration"] == round(expected.seconds, 4)
    assert "words" not in verbose
    needed = "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob".split()
    assert all(set(needed) <= set(segment) for segment in verbose["segments"])
    assert [word["word"] for segment in verbose["segments"] for word in segment["words"]] == expected.text.split()


def test_words_are_there_where_they_are_asked_for(client: TestClient, opened, recording: Path) -> None:
    fields = {"timestamp_granularities[]": ["word", "segment"], "response_format": "verbose_json"}
    words = sent(client, recording.read_bytes(), **fields).json()["words"]
    expected = opened["an4"].transcribe(recording).words
    assert [(one["word"], one["start"]) for one in words] == [(one.text, round(one.start, 4)) for one in expected]


def test_a_stream_has_the_text_in_parts_and_whole(client: TestClient, opened, recording: Path) -> None:
    done = sent(client, recording.read_bytes(), stream="true")
    assert done.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in done.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    events = [json.loads(line) for line in lines]
    text = opened["an4"].transcribe(recording).text
    assert "".join(one["delta"] for one in events[:-1]) == events[-1]["text"] == text
    assert [one["type"] for one in events] == ["transcript.text.delta"] * 3 + ["transcript.text.done"]


def test_a_long_recording_is_streamed_while_it_is_recognised(opened, served, recording: Path, monkeypatch) -> None:
    """Its worker goes on only when the client has the first words."""
    gate, transcribe_open = threading.Event(), transcription.transcribe_open

    def gated(*arguments: Any, so_far: Any) -> Any:
        def waiting(path: Any) -> None:
            so_far(path)
            assert gate.wait(30)

        return transcribe_open(*arguments, so_far=waiting)

    monkeypatch.setattr(transcription, "transcribe_open", gated)
    monkeypatch.setattr(joining, "BLOCK", 12.0)
    monkeypatch.setattr(growing, "PAUSE", 0.0)
    content = long(recording, 40.0)
    with served(serving.app({"mine": opened["an4_streaming"]})) as (host, port, _):
        form = {"data": {"stream": "true"}, "files": {"file": content}, "timeout": 60}
        with httpx2.stream("POST", f"http://{host}:{port}{PATHS[0]}", **form) as answer:
            lines = (line.removeprefix("data: ") for line in answer.iter_lines() if line)
            events = [json.loads(next(lines))]
            gate.set()
            *rest, end = lines
    events += [json.loads(line) for line in rest]
    assert end == "[DONE]"
    monkeypatch.undo()
    text = opened["an4_streaming"].transcribe(content).text
    assert "".join(one["delta"] for one in events[:-1]) == events[-1]["text"] == text


def test_a_client_that_leaves_a_stream_ends_its_work(opened, served, recording: Path, monkeypatch) -> None:
    left, ended = threading.Event(), threading.Event()

    def endless(engine: Any, sound: Any, one: Any, so_far: Any) -> None:
        path = engine.decode([next(sound.blocks(2.0, engine.sample_rate, print))])[0]
        so_far(path)
        assert left.wait(30)
        try:
            for _ in range(300):
                so_far(path)
                time.sleep(0.1)
        except TimeoutError:
            ended.set()

    monkeypatch.setattr(transcription, "transcribe_open", endless)
    monkeypatch.setattr(growing, "PAUSE", 0.0)
    with served(serving.app({"mine": opened["an4_streaming"]})) as (host, port, _):
        form = {"data": {"stream": "true"}, "files": {"file": recording.read_bytes()}, "timeout": 60}
        with httpx2.stream("POST", f"http://{host}:{port}{PATHS[0]}", **form) as answer:
            next(answer.iter_lines())
        left.set()
        assert ended.wait(20)


def test_an_error_within_a_stream_is_an_event(client: TestClient, recording: Path, monkeypatch) -> None:
    def broken(engine: Any, sound: Any, one: Any, so_far: Any) -> None:
        so_far(engine.decode([next(sound.blocks(2.0, engine.sample_rate, print))])[0])
        raise DataError("bytes: damaged in the middle.")

    monkeypatch.setattr(transcription, "transcribe_open", broken)
    monkeypatch.setattr(growing, "PAUSE", 0.0)
    *_, last = sent(client, recording.read_bytes(), stream="true").text.split("\n\n")[:-1]
    assert json.loads(last.removeprefix("data: "))["error"]["message"] == "a.flac: damaged in the middle."


@pytest.mark.parametrize(
    ("fields", "content", "status", "param", "part"),
    [
        ({}, b"", 400, "file", "song.mp3: empty"),
        ({}, b"nonsense", 400, "file", "song.mp3: not audio that can be read"),
        ({}, b"RIFF\x24\0\0\0WAVEfmt ", 400, "file", "song.mp3: "),
        ({"stream": "true"}, b"nonsense", 400, "file", "song.mp3: not audio that can be read"),
        ({"model": "an5"}, b"x", 404, "model", "those that can transcribe are: an4, an4_streaming"),
        ({"response_format": "yaml"}, b"x", 400, "response_format", f"one of {', '.join(SHAPES)} (found 'yaml')"),
    ],
)
def test_errors(client: TestClient, fields, content: bytes, status: int, param: str, part: str) -> None:
    done = sent(client, content, name="song.mp3", **fields)
    assert done.status_code == status
    error = done.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert part in error["message"]
    assert sent(client, content, "/inference", "song.mp3", **fields).json() == {"error": error["message"]}


def test_names_of_the_models_of_openai_stand_for_the_first_model(client: TestClient, recording: Path) -> None:
    for name in ("whisper-1", "gpt-4o-transcribe", ""):
        assert sent(client, recording.read_bytes(), model=name).status_code == 200


def test_forms_that_are_none(client: TestClient) -> None:
    assert "no field 'file'" in client.post(PATHS[0], data={"model": "an4"}).json()["error"]["message"]
    assert client.post(PATHS[0], content=b"{}").status_code == 400
    broken = {"content-type": "multipart/form-data; boundary=a"}
    assert client.post(PATHS[0], content=b"--b\r\n", headers=broken).status_code == 400
    many = {f"field{number}": "x" for number in range(200)}
    assert sent(client, b"x", **many).status_code == 400


def test_a_large_recording_lies_in_a_temporary_file_that_is_gone_afterwards(
    client: TestClient, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large, (samples, rate) = io.BytesIO(), soundfile.read(recording)
    soundfile.write(large, np.tile(samples, (6, 9)).T.reshape(-1, 9), rate, subtype="DOUBLE", format="WAV")
    done = sent(client, large.getvalue(), name="large.wav")
    assert len(large.getvalue()) > SMALL
    assert done.status_code == 200, done.text
    assert list(tmp_path.iterdir()) == []
    wrong = sent(client, bytes(3_000_000), name="../../etc/passwd")
    assert wrong.status_code == 400
    assert wrong.json()["error"]["message"].startswith("../../etc/passwd: not audio")


def test_no_room_for_a_large_recording_is_an_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    done = sent(client, bytes(3_000_000))
    assert done.status_code == 507
    assert done.json()["error"]["message"] == "The recording cannot be kept (No space left on device)."


@pytest.mark.parametrize("name", ["an4", "an4_exported"])
def test_the_evidence_of_a_transcript(opened, recording: Path, name: str) -> None:
    models = opened | {"an4_exported": open_model("an4", "cpu")}
    client = TestClient(serving.app(models))
    found = sent(client, recording.read_bytes(), "/v1/audio/evidence", model=name).json()
    assert found["text"] == opened["an4"].transcribe(recording).text
    assert [word["word"] for word in found["words"]] == found["text"].split()
    evidence = found["evidence"]
    features = np.frombuffer(base64.b64decode(evidence["features"]), np.uint8).reshape(-1, evidence["num_bins"])
    probs = np.frombuffer(base64.b64decode(evidence["probs"]), np.uint8).reshape(-1, len(evidence["tokens"]))
    assert len(features) * evidence["hop_seconds"] == pytest.approx(found["duration"], abs=0.05)
    assert len(probs) * evidence["frame_seconds"] == pytest.approx(found["duration"], abs=0.1)
    assert set(evidence["tokens"]) >= set(found["text"].replace(" ", ""))
    assert probs.max() > 200


def test_models_are_listed_with_what_they_can_do(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert {one["id"]: one["verbs"] for one in listed["data"]} == {
        "an4": ["transcribe", "evidence"], "an4_streaming": ["transcribe", "evidence", "stream"],
    }  # fmt: skip
    assert client.get("/v1/models/an4").json() == listed["data"][0]
    assert client.get("/v1/models/an5").status_code == 404


def test_other_paths_and_methods_are_errors_of_the_same_form(client: TestClient) -> None:
    assert client.get("/v1/nowhere").json()["error"]["message"] == "There is no such path."
    assert client.get("/inference").json() == {"error": "This path does not have that method."}
    assert client.get("/health").json() == {"status": "ok"}


def test_metrics_count_requests_and_sound(client: TestClient, recording: Path) -> None:
    sent(client, recording.read_bytes())
    text = client.get("/metrics").text
    assert 'crnn_audio_requests_total{route="/v1/audio/transcriptions",status="200"}' in text
    seconds = next(line for line in text.splitlines() if line.startswith("crnn_audio_audio_seconds_total "))
    assert float(seconds.split()[1]) > 1
