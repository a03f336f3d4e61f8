"""Commands: what is said is understood, what is not of the grammar is refused; live as of files."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio.errors import DataError
from crnn_audio.inference.speech.commands import Commander, fields
from tests.invariants.talkative import RATE, recipe, recognizer, sound

GRAMMAR = """
context:
  expressions: {lamp: ["[on, off] $room:where"], stop: ["stop"]}
  slots: {room: [bad, "bad on", deck]}
"""
SOUND = np.zeros(8000, dtype=np.float32)


def frames(text: str, sure: float = 0.9) -> list[tuple[str, float]]:
    return [pair for letter in text for pair in ((letter, sure), ("", 0.95))]


def understood(hearing, tmp_path: Path, text: str, **options: float) -> dict[str, object]:
    (tmp_path / "g.yaml").write_text(GRAMMAR)
    commander = Commander(hearing(frames(text), "abcdefghijklmnopqrstuvwxyz "), tmp_path / "g.yaml", **options)
    return fields(commander.hypothesis(commander.decode([SOUND])[0], 1.0))


def test_what_is_said_is_understood(hearing, tmp_path: Path) -> None:
    found = understood(hearing, tmp_path, "on bad on")
    assert (found["intent"], found["slots"], found["text"]) == ("lamp", {"where": "bad on"}, "on bad on")
    assert found["confidence"] == 1.0
    slip = understood(hearing, tmp_path, "off dekk")
    assert (slip["intent"], slip["slots"]) == ("lamp", {"where": "deck"})
    assert 0.5 < slip["confidence"] < 0.7
    assert understood(hearing, tmp_path, "off dekk", threshold=0.8)["intent"] is None


def test_other_speech_is_refused(hearing, tmp_path: Path) -> None:
    for text in ("zip wug", "on the table", "stopping", "b"):
        found = understood(hearing, tmp_path, text)
        assert (found["intent"], found["slots"], found["text"]) == (None, {}, ""), found
        assert found["confidence"] < 0.5


def test_a_phrase_is_its_own_intent_and_a_threshold_has_its_range(hearing, tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("go on\nstop")
    model = hearing(frames("go on"), "abcdefghijklmnopqrstuvwxyz ")
    commander = Commander(model, tmp_path / "g.txt")
    assert fields(commander.hypothesis(commander.decode([SOUND])[0], 1.0))["intent"] == "go on"
    with pytest.raises(DataError, match=r"from 0 to 1 \(found 2\)"):
        Commander(model, tmp_path / "g.txt", 2.0)


def test_live_as_in_one_piece(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("ab\nfed cab\nhi\n")
    commander = Commander(recognizer(recipe()), tmp_path / "g.txt", 0.0)
    wave = sound(1.5, 3)
    whole = commander.hypothesis(commander.decode([wave])[0], 1.5)
    with commander.stream(RATE) as stream:
        finals = [one for begin in range(0, len(wave), 5000) for one in stream.feed(wave[begin : begin + 5000]).finals]
        finals += stream.flush().finals
    assert [one.command.intent for one in finals] == [whole.command.intent]
    assert finals[0].command.confidence == pytest.approx(whole.command.confidence, rel=1e-3)
