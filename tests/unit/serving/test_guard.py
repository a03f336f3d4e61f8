"""Who may ask, and how large and slow a request may be; a good client is served beside bad ones."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

import crnn_audio as ca
from crnn_audio import serving
from crnn_audio.serving import guard, server

HEAD = b"POST /inference HTTP/1.1\r\nHost: here\r\nContent-Type: multipart/form-data; boundary=x\r\n"
LIMITS = serving.Limits(max_upload=2**20, head_seconds=1.0, body_seconds=1.5, drain_seconds=5.0)


@pytest.fixture(scope="module")
def place(opened: dict[str, Any], served: Any) -> Iterator[tuple[str, int]]:
    with served(serving.app(opened, LIMITS)) as (host, port, _):
        yield host, port


def exchanged(place: tuple[str, int], *parts: bytes, pause: float = 0.0, seconds: float = 15.0) -> bytes:
    """What a server answers to bytes, until it closes the connection."""
    with socket.create_connection(place, timeout=seconds) as one:
        for part in parts:
            one.sendall(part)
            time.sleep(pause)
        answer = b""
        while more := one.recv(65536):
            answer += more
    return answer


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1.1 (\d+) ", answer)
    assert found, answer
    return int(found[1])


def test_bodies_that_are_announced_too_large_or_endless_are_refused_at_once(
    place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LINGER", 0.3)
    announced = exchanged(place, HEAD + b"Content-Length: 2000000000\r\n\r\n", b"--x")
    assert status(announced) == 413
    assert b"larger than 1 MiB" in announced
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    chunk = b"%x\r\n%s\r\n" % (len(head), head) + b"10000\r\n" + bytes(2**16) + b"\r\n"
    assert status(exchanged(place, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk, *[chunk] * 20)) == 413
    absurd = exchanged(place, HEAD + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n")
    assert status(absurd) == 413


def test_heads_and_bodies_that_come_too_slowly_are_given_up_while_others_are_served(
    place: tuple[str, int], recording: Path
) -> None:
    answers: dict[str, list[bytes]] = {"head": [], "body": []}

    def head() -> None:
        answers["head"].append(exchanged(place, b"POST /inf"))

    def body() -> None:
        answers["body"].append(exchanged(place, HEAD + b"Content-Length: 99999\r\n\r\n", b"--", b"x", pause=0.2))

    threads = [threading.Thread(target=one) for one in [head, body] * 25]
    for thread in threads:
        thread.start()
    good = httpx2.post("http://{}:{}/inference".format(*place), files={"file": recording.read_bytes()}, timeout=10)
    assert good.status_code == 200
    for thread in threads:
        thread.join()
    assert [status(one) for one in answers["head"]] == [408] * 25
    assert [status(one) for one in answers["body"]] == [408] * 25


def test_what_is_no_http_or_was_cut_off_is_answered_or_closed(place: tuple[str, int]) -> None:
    assert status(exchanged(place, b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")) == 400
    assert status(exchanged(place, HEAD + b"Content-Length: -5\r\n\r\n")) == 400
    assert status(exchanged(place, HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")) in (400, 408)
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
    assert status(exchanged(place, b"GET /v1/realtime HTTP/1.1\r\nHost: here\r\n" + upgrade)) == 404
    with socket.create_connection(place) as one:
        one.sendall(HEAD + b"Content-Length: 100\r\n\r\n--x")
    assert httpx2.get("http://{}:{}/health".format(*place)).status_code == 200


def test_a_token_is_needed_where_there_are_tokens(opened: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# mine\nsesame\n\nother\n")
    client = TestClient(serving.app(opened, access=serving.Access(server.read_tokens(path))))
    denied = client.get("/v1/models")
    assert denied.status_code == 401
    assert denied.json()["error"]["code"] == "invalid_api_key"
    for wrong in ("Bearer sesam", "sesame2", "Basic sesame", "Bearer é"):
        assert client.get("/v1/models", headers={"authorization": wrong.encode()}).status_code == 401
    assert client.get("/v1/models", headers={"authorization": "Bearer sesame"}).status_code == 200
    assert client.get("/health").status_code == 200
    path.write_text("# none\n")
    with pytest.raises(ca.DataError, match="has no tokens"):
        server.read_tokens(path)


def test_pages_of_others_may_not_ask_unless_they_are_allowed(opened: dict[str, Any]) -> None:
    theirs, ours = {"origin": "https://example.org"}, {"origin": "http://testserver"}
    client = TestClient(serving.app(opened))
    assert client.get("/v1/models", headers=ours).status_code == 200
    refused = client.get("/v1/models", headers=theirs)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
    assert "access-control-allow-origin" not in refused.headers
    allowing = TestClient(serving.app(opened, access=serving.Access(origins=("https://example.org",))))
    granted = allowing.get("/v1/models", headers=theirs)
    assert granted.headers["access-control-allow-origin"] == "https://example.org"
    asked = theirs | {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    assert allowing.options("/inference", headers=asked).status_code == 200


def test_a_bug_is_an_answer_and_a_line_of_the_log(client: TestClient, recording: Path, monkeypatch, caplog) -> None:
    model = next(iter(client.app.state.service.models)).opened
    monkeypatch.setattr(model, "transcribe_each", lambda sources: 1 / 0)
    done = client.post("/v1/audio/transcriptions", files={"file": recording.read_bytes()})
    assert done.status_code == 500
    assert "Traceback" not in done.text
    assert done.json()["error"]["type"] == "server_error"
    failed = next(one for one in caplog.records if "failed" in one.getMessage())
    assert failed.exc_info
    assert failed.getMessage().split()[1] in done.json()["error"]["message"]


def test_the_log_has_a_line_of_json_for_each_request(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    from crnn_audio.serving.log import logging_to_stderr

    with logging_to_stderr():
        client.get("/health", headers={"x-request-id": "mine"})
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in ("request", "method", "path", "status", "level")} == {
        "request": "mine", "method": "GET", "path": "/health", "status": 200, "level": "info",
    }  # fmt: skip
