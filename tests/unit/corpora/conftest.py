"""What tests of corpora share: short sounds, and a server on this machine that serves a folder."""

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.corpora import download

Sound = Callable[..., Path]


@pytest.fixture(scope="session")
def sound() -> Sound:
    """`sound(path, seconds)` writes noise of its own; every path sounds differently."""

    def write(path: Path, seconds: float = 0.1, rate: int = 8000, channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(sum(str(path).encode("utf-8", "surrogateescape")))
        waveform = 0.1 * generator.standard_normal((round(seconds * rate), channels))
        with path.open("wb") as file:  # a name in another encoding is not for libsndfile
            soundfile.write(file, waveform, rate, format=path.suffix[1:], subtype="PCM_16")
        return path

    return write


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; of a file under short/ only half, though the whole length is promised."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if "short/" in self.path else content)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """`serve(folder)` gives the address of a server of it; nothing leaves this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(folder: Path) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def unpinned() -> Iterator[None]:
    """Archives made here are taken for those of the publishers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "verify", lambda *_: None)
        yield
