"""Chorales: as music21 has them, made-up ones that show each rule, copies and families, and music21 missing."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from crnn_audio.corpora import chorales, home, music21_package, tunes
from crnn_audio.corpora.music21_package import repertory
from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Key, Note, TimeSignature

pytest.importorskip("music21", reason="music21 (extra music) is not installed")


def part(text: str, name: str, signature: int = 0) -> Any:
    """A music21 part of bars in its TinyNotation, such as "4/4 c4 d e f"."""
    from music21 import converter, key

    made = converter.parse(f"tinyNotation: {text}")
    made.partName = name
    made.measure(1).insert(0, key.KeySignature(signature))
    return made


def four(soprano: str, *others: str, signature: int = 0) -> list[Any]:
    texts = [soprano, *others, *["4/4 c1"] * (3 - len(others))]
    return [part(text, name, signature) for text, name in zip(texts, ("Soprano", "Alto", "Tenor", "Bass"), strict=True)]


# ---------------------------------------------------------------------------------------- the rules


def test_a_piece_of_four_parts() -> None:
    score = chorales.score_of(four("4/4 c'4 d'2 e'4~ e'2 r2", "4/4 a2 g2", "4/4 e1", "4/4 C2 G2", signature=1), "BWV 1")
    assert [part.name for part in score.parts] == ["soprano", "alto", "tenor", "bass"]
    assert score.parts[0].notes == (Note(0, 1, 72), Note(1, 2, 74), Note(3, 3, 76))
    assert score.parts[3].notes == (Note(0, 2, 48), Note(2, 2, 55))
    assert (score.time_signatures, score.pickup, score.title) == ((TimeSignature(0, 4, 4),), 0, "BWV 1")
    assert score.keys == (Key(0, 1, "major"),)


@pytest.mark.parametrize(
    ("bass", "signature", "key"),
    [("C1", 0, "C"), ("A1", 0, "Am"), ("D1", 0, "DDor"), ("E1", 0, "EPhr"), ("G1", 0, "GMix"), ("C1", -2, "CDor")],
)
def test_the_last_bass_note_tells_the_mode(bass: str, signature: int, key: str) -> None:
    score = chorales.score_of(four("4/4 c'1", "4/4 c'1", "4/4 c'1", f"4/4 {bass}", signature=signature), "")
    assert str(score.keys[0]) == key


def test_a_pickup_a_fermata_on_a_tied_note_and_a_grace_note() -> None:
    from music21 import expressions, note, stream

    parts = four("3/4 c'4 d' e'~ e'2 f'4", "3/4 c'2. c'", "3/4 c'2. c'", "3/4 c2. c")
    for one in parts:
        first = stream.Measure(number=0)
        first.timeSignature = one.measure(1).timeSignature
        one.measure(1).removeByClass("TimeSignature")
        first.append(note.Note("G4", quarterLength=1.0))
        one.insertAndShift(0, first)
    parts[0].flatten().notes[4].expressions.append(expressions.Fermata())
    grace = note.Note("B5", quarterLength=0.5).getGrace()
    parts[0].measure(1).insert(1.0, grace)
    score = chorales.score_of(parts, "")
    assert score.pickup == 1
    assert score.parts[0].notes == (Note(0, 1, 67), Note(1, 1, 72), Note(2, 1, 74), Note(3, 3, 76), Note(6, 1, 77))
    assert score.fermatas == (3.0,)


def test_bars_that_are_not_full_are_said() -> None:
    parts = four("4/4 c'1 d'1 e'1")
    parts[0].setElementOffset(parts[0].measure(3), 7.0)
    with pytest.raises(DataError, match="its bars are not all full"):
        chorales.score_of(parts, "")


# ---------------------------------------------------------------------------------------- the package


@pytest.fixture
def some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repertory of a few of the package's pieces."""
    source, folder = repertory("bach"), tmp_path / "bach"
    folder.mkdir()
    for name in ("bwv253", "bwv414", "bwv846", "bwv269", "bwv432", "bwv324"):
        (folder / f"{name}.mxl").symlink_to(source / f"{name}.mxl")
    monkeypatch.setattr(chorales, "repertory", lambda name: tmp_path / name)
    return folder


def test_some_of_the_package(some: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    chorales.obtain(tmp_path / "chorales", lambda *step: seen.append(step))
    assert seen[-1] == ("reading chorales", 6, 6)
    kept = {tune.id: tune for tune in tunes.load(tmp_path / "chorales")}
    assert list(kept) == ["bwv253", "bwv269"]
    assert kept["bwv269"].condition == {"key": "G", "metre": "3/4"}
    assert kept["bwv269"].score.title == "BWV 269"
    assert kept["bwv269"].score.pickup == 1
    assert kept["bwv269"].score.parts[0].notes[:3] == (Note(0, 1, 67), Note(1, 2, 67), Note(3, 1, 74))
    assert len(kept["bwv269"].score.fermatas) > 3
    left_out = tunes.left_out(tmp_path / "chorales")
    assert left_out["bwv414"] == "the same chorale as bwv253"
    assert left_out["bwv846"] == "its parts are not soprano, alto, tenor and bass"
    assert "off the grid of sixteenths" in left_out["bwv432"]
    assert left_out["bwv324"] == "its bars are not all full"
    assert sum(map(len, chorales.read_splits(tmp_path / "chorales").values())) == 2


def test_without_music21_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    with pytest.raises(DataError) as caught:
        home.locate(chorales)
    assert "pip install crnn-audio[music]" in str(caught.value)
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_a_package_without_its_corpus_is_said() -> None:
    with pytest.raises(DataError, match="comes without its corpus"):
        music21_package.repertory("no-such-repertory")


def test_what_was_made_is_read_without_music21(tmp_path: Path) -> None:
    score = chorales.score_of(four("4/4 c'1"), "BWV 1")
    tunes.save([tunes.Tune("bwv1", score, {"key": "C"}, "bwv1")], {}, tmp_path)
    assert chorales.read_splits(tmp_path)["train"][0].score == score
    assert json.loads((tmp_path / "tunes.jsonl").read_text(encoding="utf-8"))["id"] == "bwv1"
