"""Tunes in ABC as corpora: which are kept, with what condition, and what is said of the others."""

import importlib.util
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from crnn_audio.corpora import folk_tunes, nottingham, tunes
from crnn_audio.errors import DataError
from crnn_audio.problems import music

JIG = "X:1\nT:The One -- Jig\nR:JIG\nM:6/8\nL:1/8\nK:G\nD|GAB c2d|edc B2A|GAB c2e|dcB A2D|"
JIG += "GAB c2d|edc BAF|DEF GAF|G3 G2|]\n"
REEL = "X:2\nT:The Other -- Reel\nM:C|\nL:1/8\nK:Ador\nABcd efge|dBGB dedB|ABcd efge|dBGB BAA2:|\n|:agea gedB|\n"
REEL += "GABd edBd|agea gedB|[1 GABd BAAe:|[2 GABd BAA2|]\n"


def read(folder: Path, text: str) -> tunes.Tune:
    (folder / "Tune.abc").write_text(text, encoding="utf-8")
    return folk_tunes.read(folder / "Tune.abc")


# ---------------------------------------------------------------------------------------- what is kept


def test_a_jig(tmp_path: Path) -> None:
    tune = read(tmp_path, JIG)
    assert tune.id == "Tune"
    assert tune.condition == {"key": "G", "metre": "6/8", "style": "jig"}
    assert (tune.score.pickup, tune.score.end) == (0.5, 8 * 3.0)
    assert tune.score.parts[0].notes[0].pitch == 62


def test_a_strain_stands_once_with_its_last_ending(tmp_path: Path) -> None:
    tune = read(tmp_path, REEL)
    assert tune.condition == {"key": "ADor", "metre": "2/2", "style": "reel"}
    assert tune.score.end == 8 * 4
    assert [note.pitch for note in tune.score.parts[0].notes[-3:]] == [71, 69, 69]


def test_of_two_strings_the_higher_sounds(tmp_path: Path) -> None:
    tune = read(tmp_path, JIG.replace("GAB c2d|edc B2A", "[GD]A[GB] c2d|edc B2A"))
    assert tune.score.parts[0].notes[:4] == read(tmp_path, JIG).score.parts[0].notes[:4]


def test_a_last_bar_may_end_with_a_rest(tmp_path: Path) -> None:
    assert read(tmp_path, JIG.replace("G3 G2|]", "G3 z2|]")).score.end == 8 * 3.0 - 1


@pytest.mark.parametrize(
    ("given", "style"),
    [
        ("R: slipjig", "slip jig"),
        ("R:Strathspey.", "strathspey"),
        ("R:essence of old virginny", None),
        ("N:none", "jig"),
    ],
)
def test_styles(tmp_path: Path, given: str, style: str | None) -> None:
    assert read(tmp_path, JIG.replace("R:JIG", given)).condition.get("style") == style


@pytest.mark.parametrize(("last", "close"), [("B3 B2", "tonic"), ("d3 d2", "tonic"), ("A3 A2", "open")])
def test_a_close_is_on_the_tonics_chord_or_open(tmp_path: Path, last: str, close: str) -> None:
    tune = read(tmp_path, JIG.replace("G3 G2|]", f"{last}|]"))
    assert music.condition_of(tune)["close"] == close


# ---------------------------------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its file holds 0 tunes"),
        (JIG + "\n" + JIG, "its file holds 2 tunes"),
        (JIG.replace("M:6/8\n", "M:none\n"), "it has no time signature"),
        (JIG.replace("K:G", "K:none"), "it has no key"),
        (JIG.replace("GAB c2e|dcB A2D", "GAB c2e|[M:9/8]dcB A2D GAB"), "its time signature changes"),
        (JIG.replace("GAB c2e|dcB", "GAB c2e|[K:D]dcB"), "its key changes"),
        (JIG.replace("GAB c2e|dcB", "GAB c|dcB"), "its bars are not all full"),
        (JIG.replace("K:G\n", "K:G\nV:1\n") + "V:2\nG6|G6\n", "it has several voices"),
        (JIG.replace("GAB c2d|edc B2A|GAB c2e|dcB A2D|GAB c2d|", ""), "it has fewer than 4 bars"),
        (
            JIG.replace("GAB c2e", "GAB,,, c2e"),
            "it is no melody that events hold: The One -- Jig, the note of pitch 35",
        ),
        (JIG.replace("GAB c2e", "(5:4GABcd e2"), "it is no melody that events hold"),
        (JIG.replace("K:G\n" + JIG.partition("K:G\n")[2], "K:G\n"), "no notes"),
    ],
)
def test_what_is_left_out_is_said(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------- whole corpora


def test_a_collection_is_read_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "ryansMammoth"
    source.mkdir()
    texts = {"Another": JIG.replace("The One", "Another").replace("G3 G2|]", "G3 z2|]"), "Jig": JIG, "Reel": REEL}
    for name, text in (texts | {"Broken": "X:1\nK:G\n"}).items():
        (source / f"{name}.abc").write_text(text)
    monkeypatch.setattr(folk_tunes, "repertory", lambda name: tmp_path / name)
    steps: list[int] = []
    folk_tunes.obtain(tmp_path / "folk_tunes", lambda what, done, total: steps.append(total - done))
    assert steps == [3, 2, 1, 0]
    kept = tunes.load(tmp_path / "folk_tunes")
    assert [(tune.id, tune.family) for tune in kept] == [("Another", "Another"), ("Reel", "Reel")]
    left_out = tunes.left_out(tmp_path / "folk_tunes")
    assert left_out["Jig"] == "the same piece as Another"
    assert set(left_out) == {"Jig", "Broken"}
    assert sum(map(len, folk_tunes.read_splits(tmp_path / "folk_tunes").values())) == 2


def test_some_of_the_package() -> None:
    pytest.importorskip("music21", reason="music21 (extra music) is not installed")
    folder = folk_tunes.repertory("ryansMammoth")
    assert len(list(folder.glob("*.abc"))) == 1059
    tune = folk_tunes.read(folder / "LanigansBallJig.abc")
    assert tune.condition == {"key": "Em", "metre": "6/8", "style": "jig"}
    assert tune.score.pickup == 0.5
    assert tune.score.end == 16 * 3


def test_without_music21_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install crnn-audio\[music\]"):
        folk_tunes.obtain(tmp_path / "folk_tunes")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------- nottingham


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection of three tunes in two files."""
    folder = tmp_path / "home" / "ABC_cleaned"
    folder.mkdir(parents=True)
    (folder / "jigs.abc").write_text(JIG + "\n" + JIG.replace("K:G", "K:none"))
    (folder / "reelsa-c.abc").write_text(REEL)
    monkeypatch.setattr(nottingham, "EXPECTED", 3)
    return folder.parent


def test_a_small_nottingham(small: Path) -> None:
    kept, left_out = nottingham.read(small)
    assert [(tune.id, tune.condition["style"]) for tune in kept] == [("jigs-1", "jig"), ("reelsa-c-1", "reel")]
    assert left_out == {"jigs-2": "it has no key"}
    assert [tune.id for split in nottingham.read_splits(small).values() for tune in split] == ["jigs-1", "reelsa-c-1"]


def test_nottingham_is_downloaded(small: Path, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    archive = tmp_path / "web" / "archive" / f"{nottingham.COMMIT}.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(small, f"nottingham-dataset-{nottingham.COMMIT}")
    nottingham.obtain(tmp_path / "nottingham", home=serve(tmp_path / "web"))
    assert len(nottingham.read(tmp_path / "nottingham")[0]) == 2


@pytest.mark.parametrize("lost", ["jigs.abc", "reelsa-c.abc", None])
def test_a_nottingham_that_is_not_whole_is_refused(small: Path, tmp_path: Path, lost: str | None) -> None:
    if lost:
        (small / "ABC_cleaned" / lost).unlink()
        with pytest.raises(DataError, match="tunes, where the collection has 3"):
            nottingham.read_splits(small)
    else:
        with pytest.raises(DataError, match=r"no tunes. The collection's folder holds ABC_cleaned/\*\.abc"):
            nottingham.read_splits(tmp_path)


def test_the_real_nottingham(corpus: Callable[[str], Path]) -> None:
    folder = corpus("nottingham") / nottingham.FOLDER
    counts = {path.stem: len(nottingham._sources(path)) for path in folder.glob("*.abc")}
    assert sum(counts.values()) == nottingham.EXPECTED
    assert (counts["slip"], counts["jigs"]) == (11, 340)
