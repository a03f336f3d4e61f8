"""Music and texts over HTTP, equal to those of the models; nothing of the server's disk is read for a client."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import crnn_audio as ca
from crnn_audio import serving
from crnn_audio.problems import text, transduction
from crnn_audio.symbolic import files
from crnn_audio.symbolic.score_json import of_json
from tests import texts, transductions
from tests.loading import run_of


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two that are shipped, and two untrained ones."""
    folder = tmp_path_factory.mktemp("models")
    recipe = texts.small(texts.file(folder / "text.txt"))
    pairs = transductions.small(transductions.folder(folder / "pairs"))
    return {
        "chorales": ca.load("chorales", device="cpu"),
        "folk_tunes": ca.load("folk_tunes", device="cpu"),
        "text": untrained(text, recipe, folder / "text"),
        "pairs": untrained(transduction, pairs, folder / "pairs-run"),
    }


def untrained(problem: Any, recipe: Any, folder: Path) -> Any:
    assets = problem.assets(recipe, problem.data(recipe))
    return problem.opened(run_of(recipe, folder, assets=assets), recipe, assets, problem.task(recipe, assets))


@pytest.fixture(scope="module")
def client(models: dict[str, Any]) -> Iterator[TestClient]:
    with TestClient(serving.app(models), raise_server_exceptions=False) as client:
        yield client


def asked(client: TestClient, **fields: Any) -> Any:
    return client.post("/v1/generate", json=fields)


def test_a_piece_is_that_of_the_model_and_seed(client: TestClient, models: dict[str, Any], tmp_path: Path) -> None:
    one = asked(client, bars=2, seed=7, temperature=0.8, num=2, files=["mid", "musicxml"]).json()
    assert one["model"] == "chorales"
    expected = models["chorales"].generate(bars=2, sampling=ca.Sampling(temperature=0.8, seed=7))
    first, second = one["pieces"]
    assert (first["seed"], second["seed"]) == (7, 8)
    assert of_json(first["score"]) == expected.score
    assert (
        first.items() >= {**expected.as_json(), "nats": first["nats"], "nats_per_note": first["nats_per_note"]}.items()
    )
    for kind, content in first["files"].items():
        path = tmp_path / f"piece.{kind}"
        path.write_bytes(base64.b64decode(content))
        assert sum(len(part.notes) for part in files.load(path).score.parts) == first["notes"]


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("mid", "audio/midi", b"MThd"),
        ("abc", "text/vnd.abc; charset=utf-8", b"X:1"),
        ("musicxml", "application/vnd.recordare.musicxml+xml", b"<?xml"),
        ("wav", "audio/wav", b"RIFF"),
    ],
)
def test_a_single_piece_as_a_file(client: TestClient, form: str, kind: str, begins: bytes) -> None:
    done = asked(client, model="folk_tunes", bars=2, response_format=form, condition={"metre": "6/8", "key": "G"})
    assert done.status_code == 200, done.text
    assert done.headers["content-type"] == kind
    assert done.headers["content-disposition"] == f"attachment; filename*=UTF-8''folk_tunes-0.{form}"
    assert done.content.startswith(begins)


def test_a_melody_is_harmonised_and_a_file_begun(client: TestClient, models: dict[str, Any], tmp_path: Path) -> None:
    melody = "G4 A4 B4:2 C5 B4 A4:2 G4:4"
    piece = asked(client, keep={"soprano": melody}, files=["mid"]).json()["pieces"][0]
    expected = models["chorales"].generate(keep={"soprano": melody}, sampling=models["chorales"].sampling)
    assert of_json(piece["score"]) == expected.score
    soprano = next(part for part in piece["score"]["parts"] if part["name"] == "soprano")
    assert [note["pitch"] for note in soprano["notes"]] == [67, 69, 71, 72, 71, 69, 67]
    given = asked(client, primer={"content": piece["files"]["mid"]}, bars=6)
    assert given.status_code == 200, given.text
    assert given.json()["pieces"][0]["quarters"] > piece["quarters"]


@pytest.mark.parametrize(
    ("fields", "param", "part"),
    [
        (
            {"model": "folk"},
            "model",
            "There is no model 'folk'; those that can generate are: chorales, folk_tunes, text.",
        ),
        ({"model": 7}, "model", "should be a name"),
        ({"bars": "four"}, "bars", "should be a whole number (found 'four')"),
        ({"bars": True}, "bars", "should be a whole number"),
        ({"attempts": 65}, "attempts", "at most 64 (found 65)"),
        ({"tempo": "fast"}, "tempo", "should be a number"),
        ({"guided": "no"}, "guided", "should be true or false (found 'no')"),
        ({"instruments": 7}, "instruments", "should be a text"),
        ({"tokens": 1e300}, "tokens", "should be a whole number"),
        ({"bars": -1}, None, "bars: should be above 0"),
        ({"bars": 100000}, None, "Ask for a shorter one"),
        ({"num": 17}, "num", "from 1 to 16"),
        ({"temperature": -1}, None, "temperature should be 0"),
        ({"genre": "polka"}, "genre", "does not apply to chorales, which takes primer, condition"),
        ({"condition": {"style": "polka"}}, None, "style"),
        ({"condition": 7}, "condition", "should be an object"),
        ({"keep": {"cello": "C4"}}, None, "no such voice"),
        ({"primer": "/etc/passwd"}, None, "note '/etc/passwd': should be a letter"),
        ({"primer": 7}, "primer", "note names, or an object with `content`"),
        ({"primer": {"content": "?"}}, "primer", "not base64"),
        ({"primer": {"content": "AAAA"}}, "primer", "primer: not music that can be read"),
        ({"response_format": "mp3"}, "response_format", "none of json, mid, abc, musicxml, wav"),
        ({"response_format": "mid", "num": 2}, "response_format", "none of json."),
        ({"files": ["exe"]}, "files", "some of mid, abc, musicxml, wav"),
    ],
)
def test_mistakes(client: TestClient, fields: dict[str, Any], param: str | None, part: str) -> None:
    done = asked(client, **fields)
    assert done.status_code in (400, 404), done.text
    assert part in done.json()["error"]["message"]
    assert done.json()["error"]["param"] == param


def test_texts_are_those_of_the_model(client: TestClient, models: dict[str, Any]) -> None:
    done = asked(client, model="text", primer="the cat", tokens=5, seed=3).json()["pieces"][0]
    assert done["text"] == models["text"].generate(primer="the cat", tokens=5, sampling=ca.Sampling(seed=3)).text
    assert "does not apply to text" in asked(client, model="text", bars=3).json()["error"]["message"]
    assert asked(client, model="text", response_format="mid").status_code == 400
    assert asked(client, model="text", primer=["a"]).status_code == 400
    assert "does not know" in asked(client, model="text", primer="§").json()["error"]["message"]


def test_translations_are_those_of_the_model(client: TestClient, models: dict[str, Any]) -> None:
    done = client.post("/v1/translate", json={"source": ["abc", "de"], "nbest": 2}).json()
    assert done["model"] == "pairs"
    assert [one["source"] for one in done["translations"]] == ["abc", "de"]
    assert all(len(one["nbest"]) == 2 for one in done["translations"])
    one = client.post("/v1/translate", json={"source": "abc"}).json()["translations"]
    assert [found["text"] for found in one] == [models["pairs"].translate("abc").text]
    for wrong in (
        {},
        {"source": []},
        {"source": [7]},
        {"source": ""},
        {"source": "a", "nbest": 0},
        {"source": "a" * 9999},
    ):
        assert client.post("/v1/translate", json=wrong).status_code == 400, wrong


def test_bodies_that_are_no_json_objects(client: TestClient) -> None:
    for content in (b"", b"[", b"[]", b"\xff", b"[" * 100_000):
        done = client.post("/v1/generate", content=content)
        assert (done.status_code, done.json()["error"]["type"]) == (400, "invalid_request_error")
    assert client.post("/v1/generate", content=b'"' + b"x" * 2**23 + b'"').status_code == 413


def test_models_say_what_they_can_be_asked_for(client: TestClient) -> None:
    chorales, tunes, *_ = client.get("/v1/models").json()["data"]
    assert chorales["voices"] == ["soprano", "alto", "tenor", "bass"]
    assert tunes["voices"] == []
    assert "6/8" in tunes["conditions"]["metre"]
    assert chorales["prompt"] == [
        "primer", "condition", "bars", "seconds", "tokens", "keep",
        "tempo", "instruments", "continuation_only", "guided", "attempts",
    ]  # fmt: skip
