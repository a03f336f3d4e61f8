"""Audio beside texts: every file is paired or named, with what to do."""

import os
from pathlib import Path

import pytest

from crnn_audio.corpora.own import pairs
from crnn_audio.errors import DataError


@pytest.fixture
def put(tmp_path, sound):
    """`put("a/b", "text")` writes a/b.wav and a/b.txt; without a text, only the audio."""

    def write(name: str, text: str | None = None, suffix: str = ".wav") -> Path:
        path = sound(tmp_path / f"{name}{suffix}")
        if text is not None:
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        return path

    return write


def found(root: Path, **options) -> dict[str, tuple[str, str | None, str | None]]:
    result = pairs.find(root, **options)
    assert result.problems == []
    return {entry.cut.id: (entry.cut.text, entry.cut.speaker, entry.split) for entry in result.entries}


def test_pairs_are_found_with_odd_names_and_deep_down(tmp_path, put) -> None:
    put("a", "one\n two ")
    put("deep/er/b.c", "three")
    put("with space/naïve – 声音", "четыре")
    put("new\nline", "five")
    put("UPPER", "six", ".WAV")
    (tmp_path / "UPPER.txt").rename(tmp_path / "UPPER.TXT")
    put("lab", suffix=".flac")
    (tmp_path / "lab.lab").write_text("\ufeffseven", encoding="utf-8")
    (tmp_path / "README.txt").write_text("about")
    (tmp_path / "LICENCE-of-all.txt").write_text("free")
    (tmp_path / "notes.md").write_text("nothing")
    assert found(tmp_path) == {
        "UPPER": ("six", None, None), "a": ("one two", None, None), "lab": ("seven", None, None),
        "new\nline": ("five", None, None), "deep/er/b.c": ("three", None, None),
        "with space/naïve – 声音": ("четыре", None, None),
    }  # fmt: skip


def test_folders_are_splits_and_if_asked_speakers(tmp_path, put) -> None:
    for name in ("train/ann/a", "Validation/bob/b", "test-clean/ann/c", "train/d"):
        put(name, "x")
    plain = found(tmp_path)
    assert {id: split for id, (_, _, split) in plain.items()} == {
        "train/ann/a": "train", "Validation/bob/b": "dev", "test-clean/ann/c": "test", "train/d": "train",
    }  # fmt: skip
    assert {speaker for _, speaker, _ in plain.values()} == {None}
    speakers = {id: speaker for id, (_, speaker, _) in found(tmp_path, speaker_folders=True).items()}
    assert speakers == {"train/ann/a": "ann", "Validation/bob/b": "bob", "test-clean/ann/c": "ann", "train/d": None}


def test_lists_as_librispeech_has_them(tmp_path, put) -> None:
    put("dev-clean/84/121/84-121-0000", suffix=".flac")
    put("dev-clean/84/121/84-121-0001", suffix=".flac")
    (tmp_path / "dev-clean/84/121/84-121.trans.txt").write_text("84-121-0000 GO ON\n84-121-0001 AND STOP\n")
    assert found(tmp_path) == {
        "dev-clean/84/121/84-121-0000": ("GO ON", "84", "dev"),
        "dev-clean/84/121/84-121-0001": ("AND STOP", "84", "dev"),
    }


def problems(root: Path) -> str:
    result = pairs.find(root)
    (problem,) = result.problems
    return problem.removeprefix(f"{root}/")


def test_audio_without_text_and_text_without_audio(tmp_path, put) -> None:
    put("good", "x")
    put("lonely")
    assert problems(tmp_path) == "lonely.wav: no text. Write what is said in it into lonely.txt beside it."
    (tmp_path / "lonely.wav").rename(tmp_path / "good 2.wav")
    (tmp_path / "good 2.txt").write_text("y")
    (tmp_path / "words.txt").write_text("z")
    assert problems(tmp_path) == "words.txt: a text without audio of its name. Put words.wav beside it."


def test_two_files_of_one_stem(tmp_path, put) -> None:
    put("a", "x")
    put("b", "y")
    put("b", suffix=".flac")
    assert "b.flac, b.wav, b.txt have one stem. Keep one recording and one text" in problems(tmp_path)
    (tmp_path / "b.flac").unlink()
    (tmp_path / "b.lab").write_text("y")
    assert "b.wav, b.lab, b.txt have one stem" in problems(tmp_path)
    (tmp_path / "b.lab").unlink()
    (tmp_path / "x.trans.txt").write_text("b BEE\n")
    assert f"b.wav, b.txt and {tmp_path / 'x.trans.txt'}, line 1 have one stem" in problems(tmp_path)


def test_what_a_list_says_too_much(tmp_path, put) -> None:
    put("b")
    (tmp_path / "x.trans.txt").write_text("b BEE\n\nc SEA\n")
    assert problems(tmp_path) == "x.trans.txt, line 3: no audio of 'c' beside it. Put it there, or drop the line."
    (tmp_path / "x.trans.txt").write_text("b BEE\nb BEE\n")
    assert f"line 2: 'b' stands in {tmp_path / 'x.trans.txt'}, line 1 too" in problems(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", "bad.txt, line 1: not UTF-8 (byte 3 is 0xe9). Save it as UTF-8."),
        (b"one\nt\xfcr", "bad.txt, line 2: not UTF-8 (byte 5 is 0xfc)"),
        (" \n".encode("utf-16"), "bad.txt, line 1: UTF-16 where UTF-8 is expected"),
        (b" \n\t", "bad.wav: its text is empty. Write what is said in it"),
        (b"a\0b", "bad.wav: 'a\\x00b' is not UTF-8"),
    ],
)
def test_texts_that_cannot_be_used(tmp_path, put, content, message) -> None:
    put("good", "x")
    put("bad")
    (tmp_path / "bad.txt").write_bytes(content)
    assert message in problems(tmp_path)


def test_audio_that_cannot_be_used(tmp_path, put) -> None:
    put("good", "x")
    put("bad", "y").write_bytes(b"no audio here")
    assert "bad.wav: not audio that can be read" in problems(tmp_path)
    (tmp_path / "bad.wav").write_bytes(b"")
    assert "bad.wav: empty (0 bytes)" in problems(tmp_path)
    (tmp_path / "bad.wav").rename(tmp_path / "bad.m4a")
    (tmp_path / "bad.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    assert "bad.m4a: damaged M4A (" in problems(tmp_path)


def test_a_name_in_another_encoding(tmp_path, put) -> None:
    put("good", "x")
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    try:
        path.write_bytes((tmp_path / "good.wav").read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    path.with_suffix(".txt").write_text("y")
    assert "is not UTF-8. Rename the file or folder" in problems(tmp_path)


def test_hidden_files_are_counted_and_loops_end(tmp_path, put) -> None:
    put("a", "x")
    put("._a")
    put(".trash/b", "y")
    (tmp_path / "round").symlink_to(tmp_path)
    result = pairs.find(tmp_path)
    assert [entry.cut.id for entry in result.entries] == ["a"]
    assert result.notes == ["1 hidden files (their names begin with a dot) were not looked at."]


def test_a_linked_folder_is_followed(tmp_path, sound) -> None:
    sound(tmp_path / "elsewhere" / "a.wav")
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    assert list(found(tmp_path / "here")) == ["link/a"]


def test_a_folder_without_audio_or_without_text(tmp_path, put) -> None:
    with pytest.raises(DataError, match=r"no audio in it\. Wanted: recordings with a text of the same name"):
        pairs.find(tmp_path)
    put("a")
    put("b")
    with pytest.raises(DataError, match=r"2 audio files and no text\. Put what is said in a.wav into a.txt"):
        pairs.find(tmp_path)
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "train.tsv").write_text("path\tsentence\n")
    with pytest.raises(DataError) as raised:
        pairs.find(tmp_path)
    assert str(raised.value).endswith(
        f"Found files: 2 of .wav, 1 of .tsv. Name a list, or its folder: {tmp_path}/en/train.tsv."
    )
    (tmp_path / "en" / "times.txt").write_text("of clips\n")
    with pytest.raises(DataError, match=r"2 audio files and no text of their names\. Put what is said in a.wav into"):
        pairs.find(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, put, monkeypatch) -> None:
    """Root may read everything, so the refusal is injected where the system would make it."""
    put("a", "x")
    put("locked/b", "y")
    scan = os.scandir

    def refusing(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=r"locked: a folder that cannot be read \(Permission denied\)"):
        pairs.find(tmp_path)
