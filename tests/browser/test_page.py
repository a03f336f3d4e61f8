"""The page in a browser: each of its jobs by its own controls, without an error in the console or another host."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import crnn_audio as ca
from crnn_audio import serving
from tests.browser.driver import Browser, browsing
from tests.unit.serving.conftest import running

MODELS = ("an4", "an4_streaming", "chorales", "folk_tunes")
PICTURES = os.environ.get("CRNN_AUDIO_PICTURES")
"""A folder for screenshots, to be looked at."""


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {name: ca.load(name, device="cpu") for name in MODELS}


@pytest.fixture(scope="module")
def address(models: dict[str, Any]) -> Iterator[str]:
    with running(serving.app(models)) as (host, port, _):
        yield f"http://{host}:{port}/"


@pytest.fixture(scope="module")
def sound(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An utterance and a pause, which the browser's microphone plays again and again."""
    samples, rate = soundfile.read(tiny / "train" / "train-0000.flac")
    path = tmp_path_factory.mktemp("sound") / "said.wav"
    soundfile.write(path, np.repeat(np.concatenate([samples, np.zeros(2 * rate)]), 3), 3 * rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def page(address: str, sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    fakes = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
    with browsing(tmp_path_factory.mktemp("profile"), *fakes, f"--use-file-for-fake-audio-capture={sound}") as browser:
        opened(browser, address)
        yield browser


def opened(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.wait(lambda: browser.script("return document.documentElement.dataset.ready"))


@pytest.fixture(autouse=True)
def _clean(page: Browser, address: str) -> Iterator[None]:
    yield
    assert page.log() == []
    assert page.hosts() <= {address.split("/")[2]}
    assert page.script("return document.getElementById('problem').hidden"), page.text("#problem")


def words(page: Browser) -> list[str]:
    return page.script("return [...document.querySelectorAll('#words button')].map((one) => one.innerText)")


def label(page: Browser, id: str) -> str:
    """What a screen reader calls it."""
    return page.script("return document.getElementById(arguments[0]).ariaLabel", id)


def test_a_file_becomes_words_that_play(page: Browser, models: dict[str, Any], tiny: Path) -> None:
    file = tiny / "train" / "train-0000.flac"
    page.type("#file", str(file))
    expected = models["an4"].transcribe(file).text.split()
    page.wait(lambda: words(page) == expected)
    assert page.script("return document.getElementById('picture').width") >= 100
    assert "posteriors of" in label(page, "picture")
    page.click("#words button:nth-child(2)")
    player = "return document.getElementById('player')"
    page.wait(lambda: page.script(f"{player}.currentTime") > models["an4"].transcribe(file).words[1].start)
    page.wait(lambda: page.script(f"{player}.paused"))


def test_a_dropped_file_is_transcribed(page: Browser) -> None:
    page.script(
        """
        const data = new DataTransfer();
        data.items.add(new File(["nonsense"], "dropped.wav"));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        """
    )
    page.wait(lambda: "dropped.wav: not audio that can be read" in page.text("#problem"))
    assert page.log() != []  # the browser's own line of the answer 400
    page.script("document.getElementById('problem').hidden = true")


def test_a_recording_of_the_microphone(page: Browser) -> None:
    page.click("#record")
    page.wait(lambda: page.text("#record") == "Stop")
    time.sleep(4)
    page.click("#record")
    page.wait(lambda: "words" in page.text("#transcribe-status"))
    assert words(page)


def test_live_speech(page: Browser) -> None:
    page.click("#speak")
    page.wait(lambda: page.script("return document.querySelectorAll('#said p').length") >= 2)
    page.click("#speak")
    page.wait(lambda: page.text("#speak") == "Start")
    assert "EIGHT" in page.text("#said")


def test_a_tune_is_composed_played_and_kept(page: Browser) -> None:
    page.script(
        "const one = document.getElementById('composer'); one.value = 'folk_tunes';"
        "one.dispatchEvent(new Event('change'))"
    )
    page.type("#prompt [name=bars]", "4")
    page.script("document.querySelector('[data-condition=metre]').value = '6/8'")
    page.click("#prompt button")
    page.wait(lambda: "notes" in page.text("#piece-status"))
    assert "Piano roll" in label(page, "roll")
    for link, begins in (("midi", "MThd"), ("musicxml", "<?xml")):
        read = f"return fetch(document.getElementById('{link}').href).then((one) => one.text())"
        assert page.script(read).startswith(begins)
    assert page.script("return document.getElementById('midi').download") == "folk_tunes-1.mid"
    page.click("#play")
    assert page.text("#play") == "Stop"
    page.click("#play")
    assert page.text("#play") == "Play"


def test_a_melody_is_played_by_keys_and_harmonised(page: Browser) -> None:
    page.click("#keys button[aria-label=G4]")
    page.script("document.querySelector('#keys button[aria-label=G4]').focus()")
    right, enter = "\ue014", "\ue007"
    page.type("#keys button[aria-label=G4]", right)
    page.type("#keys :focus", right + "")
    page.type("#keys :focus", enter)
    page.click("#keys button[aria-label=B4]")
    assert page.script("return document.getElementById('notes').value") == "G4 A4 B4"
    page.click("#harmonise")
    page.wait(lambda: "soprano, 3 notes" in label(page, "roll"))


def test_nothing_sticks_out_on_screens_of_any_kind(page: Browser) -> None:
    for width in (1280, 390):
        for dark in (False, True):
            looked_at(page, width, dark)


def looked_at(page: Browser, width: int, dark: bool) -> None:
    page.emulate(width, dark=dark)
    out = "return [...document.querySelectorAll('main *')].filter((x) => x.getBoundingClientRect().right > innerWidth"
    assert page.script(f"{out} && !x.closest('.scroll, #keys')).map((x) => x.outerHTML)") == []
    assert page.script("return document.documentElement.scrollWidth") <= width
    background = page.script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
    assert page.script("return [...document.querySelectorAll('button, select, input')].filter((x) => !x.labels?.length "
                       "&& !x.innerText.trim() && !x.ariaLabel).length") == 0  # fmt: skip
    assert page.violations() == []
    if PICTURES:
        page.picture(Path(PICTURES) / f"page-{width}-{'dark' if dark else 'light'}.png")


def test_a_missing_microphone_is_said(address: str, tmp_path: Path) -> None:
    with browsing(tmp_path) as browser:
        opened(browser, address)
        browser.click("#speak")
        browser.wait(lambda: "microphone" in browser.text("#problem"))
        browser.click("#record")
        browser.wait(lambda: "microphone" in browser.text("#problem"))
        assert browser.text("#record") == "Record"


def test_a_token_is_asked_for(models: dict[str, Any], page: Browser, address: str) -> None:
    with running(serving.app({"an4": models["an4"]}, access=serving.Access(("sesame",)))) as (host, port, _):
        page.open(f"http://{host}:{port}/")
        page.wait(lambda: page.script("return document.getElementById('ask').open"))
        page.type("#token", "sesame\ue007")
        page.wait(lambda: page.script("return document.documentElement.dataset.ready"))
        assert page.script("return document.getElementById('live').hidden")
        page.log()
        page.hosts()
    opened(page, address)
