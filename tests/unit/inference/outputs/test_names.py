"""Folders become recordings, and no two recordings ever share a name, in this call or a later one."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.errors import DataError
from crnn_audio.inference.outputs import names
from crnn_audio.inference.outputs.names import Located, assign_names, update_index
from tests.unit.inference.hypotheses import quick


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def preferred(*arguments: object) -> list[str]:
    found, problems = names.find_recordings([str(one) for one in arguments])
    assert problems == []
    return [one.preferred for one in found]


def test_files_come_as_given_and_folders_as_what_is_in_them(tmp_path: Path) -> None:
    touch(tmp_path / "rec", "b.wav", "a.FLAC", "a.txt", "sub/deep/c d.mp3", "sub/a.m4a", ".hidden.wav", ".git/x.wav")
    touch(tmp_path, "alone.raw")
    given = [str(tmp_path / "alone.raw"), "-", str(tmp_path / "rec"), "missing.wav"]
    found, problems = names.find_recordings(given)
    assert problems == []
    assert [one.preferred for one in found] == [
        "alone.raw", "stdin", "a.FLAC", "b.wav", "sub/a.m4a", "sub/deep/c d.mp3", "missing.wav"
    ]  # fmt: skip
    assert [one.path for one in found[:4]] == [given[0], "-", f"{given[2]}/a.FLAC", f"{given[2]}/b.wav"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "rec", "a.wav")
    touch(tmp_path / "elsewhere", "b.wav")
    (tmp_path / "rec" / "round").symlink_to(tmp_path / "rec")
    (tmp_path / "rec" / "there").symlink_to(tmp_path / "elsewhere")
    assert preferred(tmp_path / "rec") == ["a.wav", "there/b.wav"]


def test_a_folder_without_recordings_and_one_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path / "letters", "a.txt", "b.txt")
    touch(tmp_path / "rec", "a.wav", "locked/b.wav")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found, problems = names.find_recordings([str(tmp_path / "letters"), str(tmp_path / "rec")])
    assert [one.preferred for one in found] == ["a.wav"]
    assert [str(one).removeprefix(f"{tmp_path}/") for one in problems] == [
        "letters: no recordings in this folder, only 2 other files.",
        "rec/locked: cannot be read (Permission denied).",
    ]


def assigned(*paths: str, folder: Path | None = None, preferred: list[str] | None = None) -> list[str]:
    found = [
        Located(path, name) for path, name in zip(paths, preferred or [Path(one).name for one in paths], strict=True)
    ]
    return [one.name for one in assign_names(found, folder)]


def test_the_second_keeps_its_suffix_and_the_next_get_numbers() -> None:
    assert assigned("a/x.wav", "b/x.mp3", "c/x.wav", "d/x.wav", "e/x.mp3") == [
        "x",
        "x.mp3",
        "x.wav",
        "x.wav.2",
        "x.mp3.2",
    ]
    assert assigned("x", "y/x") == ["x", "x.2"]
    assert assigned("x.mp3.wav", "x.wav", "x.mp3") == ["x.mp3", "x", "x.mp3.2"]


def test_what_some_file_systems_take_for_one_name_is_kept_apart() -> None:
    assert assigned("a/x.wav", "b/X.wav") == ["x", "X.wav"]
    assert assigned("a/\u00e9.wav", "b/e\u0301.wav") == ["\u00e9", "e\u0301.wav"]


def test_the_same_recording_is_done_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    assert assigned(str(tmp_path / "a.wav"), f"{tmp_path}/./a.wav", os.path.relpath(tmp_path / "a.wav")) == ["a"]


def test_a_later_call_keeps_names_and_gives_no_name_again(tmp_path: Path) -> None:
    first = assign_names([Located("a/x.wav", "x.wav"), Located("b/x.wav", "x.wav")], tmp_path)
    update_index(first, tmp_path, ["srt"])
    again = assign_names(
        [Located("c/x.wav", "x.wav"), Located("b/x.wav", "x.wav"), Located("a/x.wav", "x.wav")], tmp_path
    )
    assert [one.name for one in again] == ["x.wav.2", "x.wav", "x"]
    assert [one.earlier.formats for one in again] == [frozenset(), {"srt"}, {"srt"}]
    update_index(again, tmp_path, ["json"])
    assert assign_names([Located("b/x.wav", "x.wav")], tmp_path)[0].earlier.formats == {"srt", "json"}


def test_recordings_and_results_may_move_together(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path / "old", "rec/x.wav", "more/x.wav")
    both = [Located(str(tmp_path / "old" / one / "x.wav"), "x.wav") for one in ("rec", "more")]
    (tmp_path / "old/out").mkdir()
    update_index(assign_names(both, tmp_path / "old/out"), tmp_path / "old/out", ["text"])
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path / "new")
    moved = assign_names([Located("more/x.wav", "x.wav"), Located("rec/x.wav", "x.wav")], Path("out"))
    assert [(one.name, one.earlier.formats) for one in moved] == [("x.wav", {"text"}), ("x", {"text"})]


@quick
@given(
    st.lists(st.text("xX.éE\u0301 \n", min_size=1, max_size=4).filter(lambda name: name.strip(".")), max_size=8),
    st.randoms(),
)
def test_names_are_always_different_and_stay(tmp_path: Path, preferred: list[str], random) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    found = [Located(f"{index}/{name}", name) for index, name in enumerate(preferred)]
    given = assign_names(found, folder)
    assert [one.path for one in given] == [one.path for one in found]
    assert len({names._folded(one.name) for one in given}) == len(given)
    folder.mkdir()
    update_index(given, folder, ["text"])
    random.shuffle(found)
    assert {(one.path, one.name) for one in assign_names(found, folder)} == {(one.path, one.name) for one in given}


@pytest.mark.parametrize("content", ["{", "[]", '{"x": 1}', '{"x": {}}', "\ufffd"])
def test_a_damaged_index_is_said_and_nothing_is_guessed(tmp_path: Path, content: str) -> None:
    (tmp_path / names.INDEX).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"sources\.json: damaged .*--overwrite"):
        assign_names([Located("a/x.wav", "x.wav")], tmp_path)


def test_names_that_are_no_letters_are_kept(tmp_path: Path) -> None:
    odd = os.fsdecode(b"bad\xff.wav")
    update_index(assign_names([Located(odd, odd)], tmp_path), tmp_path, ["text"])
    json.loads((tmp_path / names.INDEX).read_text(encoding="utf-8"))
    assert assign_names([Located(odd, odd)], tmp_path)[0].earlier.formats == {"text"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match=r"file.*: cannot be written \((File exists|Not a directory)\)"):
            names.locked(folder).__enter__()


@pytest.mark.parametrize("name", ["../mine", "/etc/mine", "a/../../mine", "", ".", "a\0b", "sub/.."])
def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    entry = {"source": "x.wav", "formats": ["text"]}
    (tmp_path / names.INDEX).write_text(json.dumps({"fine": entry, name: entry}))
    with pytest.raises(DataError, match="leads out of the folder"):
        assign_names([Located("x.wav", "x.wav")], tmp_path)


@pytest.mark.parametrize("index", [{"since": "soon"}, {"since": [1]}, {"since": float("inf")}, {"formats": 7}])
def test_an_index_of_other_types_is_damaged(tmp_path: Path, index: dict) -> None:
    (tmp_path / names.INDEX).write_text(json.dumps({"x": {"source": "x.wav", "formats": ["text"]} | index}))
    with pytest.raises(DataError, match=r"\.sources\.json: damaged"):
        assign_names([Located("x.wav", "x.wav")], tmp_path)


@pytest.mark.parametrize(("letter", "length"), [("a", 251), ("a", 246), ("a", 230), ("\u58f0", 83), ("\u00e9", 125)])
def test_long_names_are_cut_so_that_every_suffix_fits(letter: str, length: int) -> None:
    name = letter * length
    found = [Located(f"{folder}/{name}.wav", f"{name}.wav") for folder in range(12)]
    given = [one.name for one in assign_names(found, None, len(".TextGrid"))]
    assert len(set(given)) == 12
    assert all(len(f"{one}.TextGrid".encode()) <= 255 for one in given)
    if len(name.encode()) <= 246:
        assert given[0] == name, "what fits stays"


def test_a_pipe_in_a_folder_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "c.wav")
    os.mkfifo(tmp_path / "b.wav")
    (tmp_path / "d.wav").symlink_to("/dev/zero")
    found, problems = names.find_recordings([str(tmp_path)])
    assert [one.preferred for one in found] == ["a.wav", "c.wav"]
    assert [str(one).split(":")[0] for one in problems] == [str(tmp_path / name) for name in ("b.wav", "d.wav")]
    assert names.find_recordings([str(tmp_path / "b.wav")])[0], "named by itself it is read, as a shell's <(...)"
