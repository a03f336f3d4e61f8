"""Two shipped models and an application that serves them; servers in a thread, with limits that a test can wait for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import crnn_audio as ca
from crnn_audio import serving
from crnn_audio.serving import server

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def opened() -> dict[str, Any]:
    """Models by name, opened once."""
    return {name: ca.load(name, device="cpu") for name in ("an4", "an4_streaming")}


@pytest.fixture(scope="session")
def recording(tiny: Path) -> Path:
    return tiny / "train" / "train-0000.flac"


@pytest.fixture(scope="module")
def client(opened: dict[str, Any]) -> Iterator[TestClient]:
    with TestClient(serving.app(opened), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def running(app: Any, *wyoming: Any) -> Iterator[tuple[str, int, Any]]:
    """Host and port of a server in a thread, and the server; and with a socket and languages, Wyoming."""
    listening = server.bound("127.0.0.1", 0)
    one = server.new_server(app, *wyoming)
    thread = threading.Thread(target=one.run, args=([listening],), daemon=True)
    host, port = listening.getsockname()
    thread.start()
    while not one.started:
        time.sleep(0.01)
        assert thread.is_alive()
    try:
        yield host, port, one
    finally:
        one.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    return running
