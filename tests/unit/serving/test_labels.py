"""Labels over HTTP, equal to those of the models."""

import io
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

import crnn_audio as ca
from crnn_audio import serving
from crnn_audio.problems import classification
from tests import classifications, labellings, trainings
from tests.loading import run_of


def _wav(samples: np.ndarray) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, labellings.RATE, format="WAV")
    return content.getvalue()


SHORT = _wav(np.full(10, 0.1))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("classes")
    recipe = classifications.small(classifications.corpus(folder / "corpus"))
    assets = classification.assets(recipe, classification.data(recipe))
    run = run_of(recipe, folder / "run", assets=assets)
    bursts = labellings.recipe(labellings.folder(folder / "bursts", (8, 2, 1)), "train.eval_epochs=6")
    trainings.quietly(bursts, folder / "labels")
    return {
        "sounds": classification.opened(run, recipe, assets, classification.task(recipe, assets)),
        "tones": ca.load(folder / "labels"),
    }


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording of a low and a high tone."""
    path = tmp_path_factory.mktemp("tones") / "tones.wav"
    labellings.recording(path, 7)
    return path.read_bytes()


def test_labels_are_those_of_the_model(models: dict[str, Any], recording: Path) -> None:
    client = TestClient(serving.app(models))
    content = recording.read_bytes()
    found = client.post("/v1/classify", files={"file": content}, data={"top": "2"}).json()
    expected = models["sounds"].classify(content, top=2)
    assert (found["model"], found["label"]) == ("sounds", expected.label)
    assert [one["label"] for one in found["top"]] == [one.label for one in expected.top]
    assert "path" not in found


def test_segments_are_those_of_the_model(models: dict[str, Any], tones: bytes) -> None:
    client = TestClient(serving.app(models))
    expected = models["tones"].labelled(tones)
    assert {one.label for one in expected.segments} == {"low", "high"}
    found = client.post("/v1/label", files={"file": tones}).json()
    assert found == {"model": "tones", "segments": [asdict(one) for one in expected.segments], "seconds": 1.5}
    sound = re.findall(r"^crnn_audio_audio_seconds_total (.*)$", client.get("/metrics").text, re.MULTILINE)
    assert sound == ["1.5"]


@pytest.mark.parametrize(
    ("path", "fields", "content", "part"),
    [
        ("classify", {"top": "none"}, b"x" * 200, "top: should be from 1 to 1000 (found 'none')"),
        ("classify", {}, b"nonsense", "a.wav: not audio that can be read"),
        ("classify", {"model": "tones"}, b"", "cannot classify, but label; those that can are: sounds."),
        ("label", {}, b"nonsense", "a.wav: not audio that can be read"),
        pytest.param("label", {}, SHORT, "a.wav: 1.25 ms is too short to hold any sound.", id="short"),
    ],
)
def test_mistakes(models: dict[str, Any], path: str, fields: Any, content: bytes, part: str) -> None:
    done = TestClient(serving.app(models)).post(f"/v1/{path}", data=fields, files={"file": ("a.wav", content)})
    assert done.status_code == 400
    assert part in done.json()["error"]["message"]
