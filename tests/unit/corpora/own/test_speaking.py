"""Sentences of a grammar: sampled with what they mean, and spoken by voices that differ between splits."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio.corpora.own.speaking import prepare_spoken, sampled
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.errors import DataError
from crnn_audio.text.grammar import files

GRAMMAR = """
intents:
  Turn:
    data:
      - sentences: ["(turn|put) {colour} [{lamp}]"]
        slots: {how: now}
lists:
  colour: {values: [red, {in: dark blue, out: blue.dark}]}
  lamp: {values: [one, two]}
"""


@pytest.fixture
def grammar(tmp_path: Path) -> Path:
    (tmp_path / "lamps.yaml").write_text(GRAMMAR)
    return tmp_path / "lamps.yaml"


def test_a_sentence_is_one_of_those_with_its_meaning(grammar: Path) -> None:
    found = {sampled(files.read(grammar), np.random.default_rng(seed)) for seed in range(60)}
    assert len(found) == 2 * 2 * 3, "all there are"
    meanings = Meanings(grammar)
    for one in found:
        graph = meanings.sentences(meanings.ids(one.intent, dict(one.slots)))
        words = [{word for source, word, *_ in graph.arcs if source == 0}]
        assert one.text.split()[0] in words[0]
        assert ("colour", "blue.dark" if "dark" in one.text else "red") in one.slots
        assert ("how", "now") in one.slots


def test_they_are_spoken(grammar: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    found = prepare_spoken(grammar, tmp_path / "out", 3)
    assert {split: len(cuts) for split, cuts in found.items()} == {"train": 3, "dev": 1}
    speakers = {split: {cut.speaker for cut in cuts} for split, cuts in found.items()}
    assert not speakers["train"] & speakers["dev"]
    assert all(cut.label == "Turn" and cut.slots and cut.text and cut.duration > 0.5 for cut in found["train"])
    with pytest.raises(DataError, match="exists"):
        prepare_spoken(grammar, tmp_path / "out", 3)


def test_other_speech_cannot_be_spoken(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("go [unk]\n")
    with pytest.raises(DataError, match="nobody can speak"):
        prepare_spoken(tmp_path / "g.txt", tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()
