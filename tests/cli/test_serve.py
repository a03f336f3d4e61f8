"""`serve` as a process: driven by OpenAI's own client, equal to the command line, stopped by SIGTERM without a loss."""

import base64
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
import soundfile
from websockets.sync.client import connect

import crnn_audio as ca
from crnn_audio.inference.outputs.formats import FORMATS
from tests import warm
from tests.cli.test_readme import ROOT, commands


@dataclass
class Serving:
    """A server: its process, its address, and the lines of its log so far."""

    process: subprocess.Popen[str]
    address: str
    log: list[str]


def started(start: Any, *words: object) -> Serving:
    process = start("serve", *words, "--port", "0", python=warm.python())
    log = list[str]()
    for line in process.stderr:
        log.append(line)
        if found := re.search(r"at (http://\S+)/$", line.strip()):
            break
    else:
        pytest.fail("".join(log))
    threading.Thread(target=lambda: log.extend(process.stderr), daemon=True).start()
    return Serving(process, found[1], log)


@pytest.fixture(scope="module")
def serving(start: Any) -> Iterator[Serving]:
    one = started(start, "an4", "an4_streaming", "chorales", "folk_tunes")
    yield one
    one.process.kill()
    one.process.wait()
    assert "Traceback" not in "".join(one.log)


@pytest.fixture(scope="module")
def client(serving: Serving) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{serving.address}/v1", api_key="any", max_retries=0)


@pytest.fixture(scope="module")
def said(recording: Path) -> ca.Hypothesis:
    return ca.load("an4", device="cpu").transcribe(recording)


@pytest.fixture(scope="module")
def recording(tiny: Path) -> Path:
    return tiny / "train" / "train-0000.flac"


def test_every_format_by_the_client_of_openai(client: openai.OpenAI, recording: Path, said: ca.Hypothesis) -> None:
    create = client.audio.transcriptions.create
    assert create(model="whisper-1", file=recording).text == said.text
    for shape in ("text", "srt", "vtt"):
        assert create(model="an4", file=recording.read_bytes(), response_format=shape) == FORMATS[shape](said)
    with recording.open("rb") as file:
        verbose = create(
            model="an4", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"],
            language="en", temperature=0.2, prompt="digits", chunking_strategy="auto",
        )  # fmt: skip
    assert (verbose.text, verbose.language, verbose.duration) == (said.text, "en", round(said.seconds, 4))
    assert [(one.word, one.start, one.end) for one in verbose.words] == [
        (word.text, round(word.start, 4), round(word.end, 4)) for word in said.words
    ]
    assert " ".join(one.text for one in verbose.segments) == said.text
    assert all(value is not None for one in verbose.segments for value in one.model_dump().values())


def test_a_stream_by_the_client_of_openai(client: openai.OpenAI, recording: Path, said: ca.Hypothesis) -> None:
    events = list(client.audio.transcriptions.create(model="an4", file=recording, stream=True))
    assert "".join(one.delta for one in events[:-1]) == events[-1].text == said.text
    assert [one.type for one in events] == ["transcript.text.delta"] * 3 + ["transcript.text.done"]


def test_live_speech_by_the_client_of_openai(client: openai.OpenAI, recording: Path) -> None:
    samples, rate = soundfile.read(recording, dtype="int16")
    with ca.load("an4_streaming", device="cpu").stream(24000) as stream:
        sound = np.repeat(samples, 3)[::2]  # at 24 kHz, roughly
        stream.feed(sound.astype(np.float32) / 32768)
        text = " ".join(one.text for one in stream.flush().finals)
    assert rate == 16000
    assert text
    found = []
    with client.realtime.connect(model="an4_streaming", extra_query={"intent": "transcription"}) as connection:
        form = {"type": "audio/pcm", "rate": 24000}
        asked = {"format": form, "transcription": {"model": "whisper-1"}, "turn_detection": None}
        connection.session.update(session={"type": "transcription", "audio": {"input": asked}})
        for start in range(0, len(sound), 2400):
            encoded = base64.b64encode(sound[start : start + 2400].tobytes()).decode()
            connection.input_audio_buffer.append(audio=encoded)
        connection.input_audio_buffer.commit()
        for event in connection:
            found.append(event)
            if event.type.endswith("completed"):
                break
    assert [one.type for one in found[:2]] == ["session.created", "session.updated"]
    assert found[-1].transcript == text
    assert "".join(one.delta for one in found if one.type.endswith("delta")) == text
    assert all(type(one).__name__ != "dict" for one in found)


def test_models_and_errors_by_the_client_of_openai(client: openai.OpenAI, recording: Path) -> None:
    assert [one.id for one in client.models.list()] == ["an4", "an4_streaming", "chorales", "folk_tunes"]
    with pytest.raises(openai.NotFoundError, match="There is no model 'an5'; those that can transcribe are") as unknown:
        client.audio.transcriptions.create(model="an5", file=recording)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match=r"upload: not audio that can be read"):
        client.audio.transcriptions.create(model="an4", file=b"nonsense")


@pytest.mark.parametrize("line", commands("curl"))
def test_the_lines_of_the_guide(serving: Serving, line: str) -> None:
    line = line.replace("http://127.0.0.1:8000", serving.address)
    done = subprocess.run(shlex.split(line), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert '"error"' not in done.stdout


def test_the_text_is_that_of_the_command_line(serving: Serving, cli: Any, tiny: Path) -> None:
    files = sorted((tiny / "dev").glob("*.flac"))[:3]
    for shape in ("text", "srt"):
        lines = cli("transcribe", "an4", files[0], "--format", shape).stdout
        form = {"response_format": shape}
        answer = httpx2.post(f"{serving.address}/inference", files={"file": files[0].read_bytes()}, data=form)
        assert answer.text == lines


def test_the_steps_of_the_image_work(serving: Serving, cli: Any, tmp_path: Path) -> None:
    """Without Docker: what is copied makes a whole wheel, the entry is a command, the check of health passes."""
    steps = re.findall(r"^([A-Z]+) (.*)$", (ROOT / "Dockerfile.serve").read_text(), re.MULTILINE)
    for words in [words.split() for step, words in steps if step == "COPY"]:
        for name in words[:-1]:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, tmp_path)
    build = [ROOT / ".venv/bin/uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", "dist"], cwd=tmp_path, check=True, timeout=100)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    page = [path.name for path in (ROOT / "crnn_audio" / "serving" / "page").iterdir() if path.is_file()]
    assert {f"crnn_audio/serving/page/{name}" for name in page} <= set(held)
    installed = next(words for step, words in steps if step == "RUN" and "requirements.lock" in words)
    extras = re.findall(r"\[([a-z,]+)\]", installed)[0].split(",")
    assert set(extras) <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    check = next(words for step, words in steps if step == "HEALTHCHECK").removeprefix("CMD ")
    check = check.replace("http://127.0.0.1:8000", serving.address).replace("python", sys.executable, 1)
    subprocess.run(check, shell=True, check=True, timeout=60)
    entry, models = (json.loads(words) for step, words in steps if step in ("ENTRYPOINT", "CMD"))
    assert entry[:2] == ["crnn-audio", "serve"]
    assert "--host" in cli("serve", "--help").stdout
    assert models == [one["id"] for one in httpx2.get(f"{serving.address}/v1/models").json()["data"]]


def test_mistakes(cli: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("serve", "an4", "--port", port, exit_code=4)
    assert done.stderr == (
        f"127.0.0.1:{port}: cannot be served (Address already in use). Choose another --port or --host.\n"
    )
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    assert "damaged" in cli("serve", damaged, "--port", "0", exit_code=5).stderr
    tokens = tmp_path / "tokens"
    tokens.write_text("sesame")
    both = cli("serve", "an4", "--port", "0", "--wyoming-port", "0", "--token", tokens, exit_code=4)
    assert both.stderr == "clients of Wyoming send no token: leave out --token or --wyoming-port.\n"
    assert "two models are called an4" in cli("serve", "an4", "an4", "--port", "0", exit_code=4).stderr


def test_sighup_opens_the_models_anew_without_a_gap(serving: Serving, recording: Path, said: ca.Hypothesis) -> None:
    """Requests meanwhile have their answers, and an open stream goes on with the model that it began with."""
    samples, rate = soundfile.read(recording, dtype="int16")
    with ca.load("an4_streaming", device="cpu").stream(rate) as stream:
        stream.feed(samples.astype(np.float32) / 32768)
        text = " ".join(one.text for one in stream.flush().finals)
    content, answers, end = recording.read_bytes(), set[str](), time.monotonic() + 60
    with connect(serving.address.replace("http", "ws")) as socket:
        socket.send(samples[:9600].tobytes())
        socket.recv()
        serving.process.send_signal(signal.SIGHUP)
        while not any("Models opened anew." in line for line in serving.log):
            assert time.monotonic() < end, "".join(serving.log)
            answer = httpx2.post(f"{serving.address}/inference", files={"file": content}, timeout=60)
            answers.add(answer.json()["text"])
        socket.send(samples[9600:].tobytes())
        socket.recv()
        socket.send('{"eof" : 1}')
        assert json.loads(socket.recv())["text"] == text
    assert answers == {said.text}


def test_what_was_accepted_is_answered_after_sigterm(serving: Serving, recording: Path) -> None:
    """Who comes to a closed door was not accepted; every other request gets its answer."""
    answers, refused = list[int](), list[Exception]()

    def post() -> None:
        files = {"file": recording.read_bytes()}
        try:
            answers.append(httpx2.post(f"{serving.address}/inference", files=files, timeout=60).status_code)
        except httpx2.ConnectError as error:
            refused.append(error)

    metrics = f"{serving.address}/metrics"
    before = waited(metrics)
    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    while waited(metrics) == before:
        pass
    serving.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert serving.process.wait(30) == 0
    assert set(answers) == {200}
    assert len(answers) + len(refused) == 12


def waited(metrics: str) -> str:
    """How many batches were computed."""
    found = re.search(r"^crnn_audio_batch_size_count (\S+)$", httpx2.get(metrics).text, re.MULTILINE)
    assert found
    return found[1]
