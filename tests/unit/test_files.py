"""A reader sees the old file or the new one; nothing half written is left, whatever goes wrong."""

import errno
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from crnn_audio import files
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
