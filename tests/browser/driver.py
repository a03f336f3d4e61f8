"""Headless Chromium, driven by WebDriver's protocol (W3C) through chromedriver."""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required --mute-audio "
    "--disable-dev-shm-usage"
).split()
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
Found = TypeVar("Found")


class Browser:
    """One window."""

    def __init__(self, address: str, flags: Sequence[str], folder: Path) -> None:
        self.client = httpx2.Client(base_url=address, timeout=60)
        options = {"binary": shutil.which("chromium"), "args": [*FLAGS, f"--user-data-dir={folder}", *flags]}
        wanted = {
            "goog:chromeOptions": options | {"prefs": {"download.default_directory": str(folder)}},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self.client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
        assert "sessionId" in made, made
        self.session = f"/session/{made['sessionId']}"

    def call(self, method: str, path: str, **fields: Any) -> Any:
        body = {"json": fields} if method == "POST" else {}
        done = self.client.request(method, f"{self.session}{path}", **body)
        value = done.json()["value"]
        assert done.status_code == 200, value
        return value

    def open(self, address: str) -> None:
        self.call("POST", "/url", url=address)

    def script(self, text: str, *arguments: Any) -> Any:
        return self.call("POST", "/execute/sync", script=text, args=list(arguments))

    def find(self, selector: str) -> str:
        return self.call("POST", "/element", using="css selector", value=selector)[ELEMENT]

    def click(self, selector: str) -> None:
        self.script("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        self.call("POST", f"/element/{self.find(selector)}/value", text=text)

    def text(self, selector: str) -> str:
        return self.script("return document.querySelector(arguments[0]).innerText", selector)

    def wait(self, condition: Callable[[], Found], seconds: float = 40.0) -> Found:
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"{self.text('main')}\n{self.log()}"
            time.sleep(0.1)
        return found

    def emulate(self, width: int, *, dark: bool) -> None:
        """A screen that is so wide, and its owner's taste."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self.call("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def violations(self) -> list[str]:
        """What axe-core finds wrong for people who use keyboards, screen readers or strong contrasts."""
        self.script((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        run = "axe.run().then(arguments[arguments.length - 1])"
        found = self.call("POST", "/execute/async", script=run, args=[])
        assert len(found["passes"]) > 20
        return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]

    def log(self) -> list[str]:
        """What was written to the console since the last call: errors and warnings."""
        lines = self.call("POST", "/se/log", type="browser")
        return [line["message"] for line in lines if line["level"] in ("WARNING", "SEVERE")]

    def hosts(self) -> set[str]:
        """The hosts that were asked since the last call."""
        lines = [json.loads(line["message"])["message"] for line in self.call("POST", "/se/log", type="performance")]
        asked = [line["params"]["request"]["url"] for line in lines if line["method"] == "Network.requestWillBeSent"]
        asked += [line["params"]["url"] for line in lines if line["method"] == "Network.webSocketCreated"]
        return {one.split("/")[2] for one in asked if "://" in one and not one.startswith(("blob:", "data:", "chrome"))}

    def close(self) -> None:
        self.call("DELETE", "")


@contextmanager
def browsing(folder: Path, *flags: str) -> Iterator[Browser]:
    """A browser with an empty profile; the test skips where none is installed."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx2.get(f"{address}/status")
                break
            except httpx2.HTTPError:
                time.sleep(0.1)
        browser = Browser(address, flags, folder)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(20)
