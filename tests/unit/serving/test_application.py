"""An application in others' hands: mounted, its models opened anew, its page, and what it leaves alone."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

import crnn_audio as ca
from crnn_audio import runs, serving
from crnn_audio.serving import server
from crnn_audio.serving.models import open_model
from crnn_audio.serving.page import KINDS


def test_it_is_mounted_beside_another_and_changes_nothing_global(opened: dict[str, Any], recording: Path) -> None:
    mine, before = FastAPI(), list(REGISTRY.collect())
    mine.mount("/one", ca.serving.app({"a": opened["an4"]}))
    mine.mount("/two", ca.serving.app({"b": opened["an4"]}, ca.serving.Limits(max_upload=1000)))
    client = TestClient(mine)
    sent = {"file": recording.read_bytes()}
    assert client.post("/one/v1/audio/transcriptions", files=sent).json()["text"]
    assert client.post("/two/inference", files=sent).json() == {
        "error": "The body is larger than 0.000953674 MiB, the most that is accepted."
    }
    assert [one["id"] for one in client.get("/two/v1/models").json()["data"]] == ["b"]
    assert len(list(REGISTRY.collect())) == len(before)
    with client.websocket_connect("/one/?model=a") as socket:
        socket.send_text('{"eof": 1}')
        assert socket.receive_json() == {"text": ""}


def test_models_are_opened_anew_and_stay_where_they_are_damaged(tmp_path: Path, capsys) -> None:
    run = shutil.copytree(runs.ZOO / "an4", tmp_path / "mine")
    app = serving.app([run], device="cpu")
    service = app.state.service
    before = service.models.find("mine", "transcribe").opened
    server.reload(service)
    after = service.models.find("mine", "transcribe").opened
    assert after is not before
    (run / "best.safetensors").write_bytes(b"nonsense")
    server.reload(service)
    assert service.models.find("mine", "transcribe").opened is after
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Models opened anew."
    assert second.startswith(f"{run}")
    assert second.endswith("The models from before are served.")


def test_the_page_and_its_files_ask_no_other_host(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    folder = Path(serving.__file__).parent / "page"
    for path in folder.iterdir():
        if path.suffix in KINDS:
            text = path.read_text(encoding="utf-8")
            assert client.get(f"/page/{path.name}").text == text
            assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert client.get("/page/__init__.py").status_code == 404
    assert client.get("/page/..%2fserver.py").status_code == 404


def test_threads_begin_with_the_first_request_and_end_with_the_application(opened: dict[str, Any]) -> None:
    def workers() -> int:
        return sum(one.name == "crnn-audio worker" for one in threading.enumerate())

    before = workers()
    app = serving.app(opened)
    assert workers() == before
    with TestClient(app) as client:
        client.post("/inference", files={"file": b"x"})
        assert workers() > before
    for one in threading.enumerate():
        if one.name == "crnn-audio worker":
            one.join(0.5)
    assert workers() <= before


def test_a_graph_is_computed_by_one_thread() -> None:
    session = open_model("an4_streaming", "cpu").sound.session
    assert session.get_session_options().intra_op_num_threads == 1


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "EXTRA", ("fastapi", "no_such_package"))
    with pytest.raises(ca.DataError, match=r"serving needs no_such_package: pip install 'crnn-audio\[serve\]'"):
        serving.app(["an4"])


def test_models_of_the_same_name_are_refused() -> None:
    with pytest.raises(ca.DataError, match="two models are called an4: an4 and other/an4"):
        serving.app(["an4", "other/an4"])
