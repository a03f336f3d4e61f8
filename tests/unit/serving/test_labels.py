"""Labels over HTTP, equal to those of the models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from crnn_audio import serving
from crnn_audio.errors import DataError
from crnn_audio.problems import classification
from tests import classifications
from tests.loading import run_of


@dataclass(frozen=True)
class Segment:
    start: float
    end: float
    label: str
    confidence: float


class Labeller:
    """As a model of labels is used."""

    def label(self, source: Any) -> list[Segment]:
        if len(source) < 100:
            raise DataError("bytes: too short.")
        return [Segment(0.1, 0.5, "speech", 0.9), Segment(0.7, 0.9, "music", 0.8)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("classes")
    recipe = classifications.small(classifications.corpus(folder / "corpus"))
    assets = classification.assets(recipe, classification.data(recipe))
    run = run_of(recipe, folder / "run", assets=assets)
    return {
        "sounds": classification.opened(run, recipe, assets, classification.task(recipe, assets)),
        "speech": Labeller(),
    }


def test_labels_are_those_of_the_model(models: dict[str, Any], recording: Path) -> None:
    client = TestClient(serving.app(models))
    content = recording.read_bytes()
    found = client.post("/v1/classify", files={"file": content}, data={"top": "2"}).json()
    expected = models["sounds"].classify(content, top=2)
    assert (found["model"], found["label"]) == ("sounds", expected.label)
    assert [one["label"] for one in found["top"]] == [one.label for one in expected.top]
    assert "path" not in found
    segments = client.post("/v1/label", files={"file": content}).json()
    assert segments == {
        "model": "speech",
        "segments": [
            {"start": 0.1, "end": 0.5, "label": "speech", "confidence": 0.9},
            {"start": 0.7, "end": 0.9, "label": "music", "confidence": 0.8},
        ],
    }


@pytest.mark.parametrize(
    ("path", "fields", "content", "part"),
    [
        ("classify", {"top": "none"}, b"x" * 200, "top: should be from 1 to 1000 (found 'none')"),
        ("classify", {}, b"nonsense", "a.wav: not audio that can be read"),
        ("classify", {"model": "speech"}, b"", "cannot classify, but label; those that can are: sounds."),
        ("label", {}, b"short", "a.wav: too short."),
    ],
)
def test_mistakes(models: dict[str, Any], path: str, fields: Any, content: bytes, part: str) -> None:
    done = TestClient(serving.app(models)).post(f"/v1/{path}", data=fields, files={"file": ("a.wav", content)})
    assert done.status_code == 400
    assert part in done.json()["error"]["message"]
