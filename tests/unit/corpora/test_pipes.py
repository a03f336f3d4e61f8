"""Where a file is expected, a pipe or a device, which would be waited on for ever, is refused."""

import os
from pathlib import Path

import pytest

from crnn_audio import files
from crnn_audio.batching import checks, manifests
from crnn_audio.batching.manifests import Recording, whole
from crnn_audio.corpora import an4, librispeech, tables
from crnn_audio.corpora.own.prepare import prepare_folder
from crnn_audio.errors import DataError

pytestmark = pytest.mark.timeout(60)
WHY = "a pipe or a device, where a file is expected"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "train.jsonl")
    return tmp_path / "train.jsonl"


def read_text(path: Path) -> str:
    return files.read_text(path, DataError)


def test_a_manifest_or_a_table(pipe: Path) -> None:
    assert not manifests.is_manifest(pipe)
    for read in (manifests.load, tables.read, read_text, an4._lines, librispeech.transcripts):
        with pytest.raises(DataError, match=WHY) as caught:
            read(pipe)
        assert str(caught.value).startswith(str(pipe))
        with pytest.raises(DataError, match=WHY):
            read(Path("/dev/zero"))
    with pytest.raises(DataError, match=WHY):
        prepare_folder(pipe)


def test_a_folder_and_a_link_to_a_file_are_what_they_were(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        files.read_bytes(tmp_path)
    (tmp_path / "one").write_bytes(b"text")
    (tmp_path / "two").symlink_to("one")
    assert files.read_bytes(tmp_path / "two") == b"text"


def test_a_recording_of_a_corpus(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.wav")
    (tmp_path / "one.txt").write_text("one")
    with pytest.raises(DataError, match=rf"one\.wav: {WHY}"):
        prepare_folder(tmp_path, tmp_path / "out")
    cut = whole(Recording("one", tmp_path / "one.wav", 16000, 16000), "one")
    (finding,) = checks.unreadable([cut], None)
    assert WHY in finding.problem
