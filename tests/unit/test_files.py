"""A reader sees the old file or the new one; nothing half written is left, whatever goes wrong."""

import errno
import gzip
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from crnn_audio import files
from crnn_audio.errors import DataError, RunError
from tests.trainings import die, in_child


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_and_replaced_files_hold_what_was_written(tmp_path) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    files.write_bytes(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"
    assert names(tmp_path) == ["file.txt"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with files.replacing(path) as partial:
        assert partial.parent == path.parent  # a rename over a file system border would not be atomic
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), files.replacing(path) as partial:
        fail(partial)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.write_bytes"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(call, full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_missing_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "none" / "file", "x")


def test_killed_before_the_rename_the_old_file_stays_and_what_is_left_can_be_removed(tmp_path) -> None:
    path, other = tmp_path / "file", tmp_path / ".hidden"
    path.write_text("old")
    other.write_text("kept")

    def work() -> None:
        with files.replacing(path) as partial:
            partial.write_text("half")
            die()

    assert in_child(work) == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 3
    files.remove_partials(tmp_path)
    assert names(tmp_path) == [".hidden", "file"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_others_may_read_what_the_umask_allows(tmp_path, umask, mode) -> None:
    """mkstemp alone would make every file private, and a shared run directory useless."""
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "file", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_reader_never_sees_half_a_file(tmp_path) -> None:
    path, contents = tmp_path / "file", [letter * 300_000 for letter in "ab"]
    files.write_text(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            files.write_text(path, contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(path.read_text())
    writer.join()
    assert seen <= set(contents)


def test_it_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch) -> None:
    happened = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: happened.append("synced") or fsync(number))
    monkeypatch.setattr(Path, "replace", lambda path, target: happened.append("renamed") or replace(path, target))
    files.write_text(tmp_path / "file", "x")
    assert happened == ["synced", "renamed"]


# ---------------------------------------------------------------------------------------- text and JSON


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "größer\n".encode("latin-1"), "a.txt, line 1: not UTF-8 (byte 2 is 0xf6). Save it as UTF-8."),
        ("a.txt", b"one\n\xff", "a.txt, line 2: not UTF-8 (byte 4 is 0xff). Save it as UTF-8."),
        ("a.txt", "one".encode("utf-16"), "a.txt, line 1: UTF-16 where UTF-8 is expected. Save it as UTF-8."),
        ("a.txt", None, "a.txt: cannot be read (No such file or directory)."),
        ("a.gz", b"no gzip", "a.gz: cannot be read (Not a gzipped file (b'no'))."),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_place(tmp_path, monkeypatch, name, content, message) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        files.read_text(Path(name), DataError)
    assert str(caught.value) == message
    with pytest.raises(RunError, match=r"Restore it\.$"):
        files.read_text(Path(name), RunError, advice="Restore it.")


def test_a_text_is_read_without_its_mark_and_unpacked(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\n\xc3\xa9\n")
    assert files.read_text(tmp_path / "a.txt", DataError) == "a\r\né\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    assert files.read_text(tmp_path / "a.jsonl.gz", DataError) == "{}\n"
    with pytest.raises(DataError, match=r"a\.txt, line 1: not ASCII \(byte 0 is 0xef\)\. Fetch it again\."):
        files.read_text(tmp_path / "a.txt", DataError, advice="Fetch it again.", encoding="ascii")


def test_a_missing_file_may_have_words_of_its_own(tmp_path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: no such manifest\.$"):
        files.read_text(tmp_path / "none.txt", DataError, advice="Correct it.", missing="no such manifest.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"a": 1,\n "b"}',
            r"damaged \(Expecting ':' delimiter at line 2, column 5\)\. Restore it\.$",
        ),
        ("", r"damaged \(Expecting value at column 1\)\. Restore it\.$"),
        ("[" * 100_000, r"damaged \(it is nested too deeply\)\. Restore it\.$"),
        ("9" * 5000, r"damaged \(.*\)\. Restore it\.$"),
        ("[]", r"damaged \(not a JSON object\)\. Restore it\.$"),
        ("\udcff", r"damaged \(line 1: not UTF-8 \(byte 0 is 0xff\)\)\. Restore it\.$"),
    ],
    ids=["a slip", "nothing", "deep", "long", "a list", "latin"],
)
def test_what_is_wrong_with_json_is_said_with_its_place(tmp_path, content, message) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RunError, match=message) as caught:
        files.read_json_object(tmp_path / "a.json", RunError, advice="Restore it.")
    assert str(caught.value).startswith(str(tmp_path / "a.json"))


def test_json_that_was_written_is_read(tmp_path) -> None:
    files.write_text(tmp_path / "a.json", '{"é": [1, 2.5, null]}')
    assert files.read_json(tmp_path / "a.json", DataError) == {"é": [1, 2.5, None]}


READERS = {
    "bytes": lambda path: files.read_content(path, ValueError),
    "text": lambda path: files.read_text(path, ValueError),
    "json": lambda path: files.read_json(path, ValueError),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", ["pipe", "device", "link to a device", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, read, name) -> None:
    path = tmp_path / "x"
    if name == "pipe":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    elif name == "device":
        path = Path("/dev/zero")
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=rf"^{path}: cannot be read \("):
        read(path)


@pytest.mark.parametrize("name", ["x", "x.gz"])
def test_a_file_has_a_largest_size_unpacked_too(tmp_path, name) -> None:
    content = b"a" * 3000
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert files.read_text(tmp_path / name, ValueError, limit=3000) == content.decode()
    with pytest.raises(ValueError, match=r"cannot be read \(it holds more than 0\.003 MB\)"):
        files.read_text(tmp_path / name, ValueError, limit=2999)


def test_json_of_gigabytes_is_not_read(tmp_path) -> None:
    (tmp_path / "x.json").touch()
    os.truncate(tmp_path / "x.json", 3 * 2**30)
    with pytest.raises(ValueError, match=r"x\.json: cannot be read \(it holds more than 33.6 MB\)"):
        files.read_json(tmp_path / "x.json", ValueError)


@pytest.mark.parametrize("name", ["a" * 255, "a" * 238, "\u58f0" * 85, "\u00e9" * 127 + "a"])
def test_a_name_of_any_legal_length_is_replaced(tmp_path, name) -> None:
    for content in ("one", "two"):
        files.write_text(tmp_path / name, content)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "two"}
