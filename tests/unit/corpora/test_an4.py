"""AN4 from its official layout and from the copies that people keep, whole or refused; downloaded or not there."""

import http.server
import io
import os
import shutil
import tarfile
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.corpora import an4
from crnn_audio.errors import DataError

SPEAKERS = {"train": [*an4.DEV_SPEAKERS, *(f"mx{index:02d}" for index in range(66))], "test": ["fcaw", "marh"]}


def build(folder: Path, top: str = "wav", suffix: str = ".sph") -> None:
    """A corpus of AN4's layout and counts, with ten samples an utterance."""
    audio_bytes = _ten_samples(suffix)
    (folder / "etc").mkdir(parents=True)
    for split, count in an4.EXPECTED.items():
        section = "an4_clstk" if split == "train" else "an4test_clstk"
        names = [(SPEAKERS[split][index % len(SPEAKERS[split])], f"an{index}") for index in range(count)]
        file_ids = [f"{section}/{speaker}/{name}-{speaker}-b" for speaker, name in names]
        text = "<s> RUBOUT G FIVE </s>" if split == "train" else "RUBOUT G FIVE"
        lines = [f"{text} ({Path(file_id).name})" for file_id in file_ids]
        (folder / "etc" / f"an4_{split}.fileids").write_text("\n".join(file_ids) + "\n")
        (folder / "etc" / f"an4_{split}.transcription").write_text("\n".join(lines) + "\n")
        for file_id in file_ids:
            path = folder / top / f"{file_id}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(audio_bytes)


def _ten_samples(suffix: str) -> bytes:
    buffer = io.BytesIO()
    container = {".sph": "NIST", ".flac": "FLAC", ".wav": "WAV"}[suffix]
    soundfile.write(buffer, np.zeros(10), 16000, format=container, subtype="PCM_16")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("an4") / "an4"
    build(folder)
    return folder


def test_the_official_layout_is_read_with_whole_speakers_held_out(corpus):
    cuts = an4.read_splits(corpus)
    speakers = {split: {cut.speaker for cut in of_split} for split, of_split in cuts.items()}
    assert len(cuts["train"]) + len(cuts["dev"]) == 948
    assert len(cuts["test"]) == 130
    assert speakers["dev"] == set(an4.DEV_SPEAKERS)
    assert not speakers["dev"] & speakers["train"]
    first = cuts["test"][0]
    assert (first.id, first.text, first.speaker) == ("an0-fcaw-b", "RUBOUT G FIVE", "fcaw")
    assert (first.recording.num_samples, first.recording.sample_rate, first.is_whole) == (10, 16000, True)
    assert {cut.text for cut in cuts["train"]} == {"RUBOUT G FIVE"}


@pytest.mark.parametrize(("top", "suffix"), [("flac", ".flac"), ("wav", ".wav")])
def test_converted_copies_are_read(tmp_path, top, suffix):
    build(tmp_path / "an4", top, suffix)
    assert len(an4.read_splits(tmp_path / "an4")["test"]) == 130


@pytest.fixture
def broken(corpus, tmp_path):
    return Path(shutil.copytree(corpus, tmp_path / "an4"))


def test_a_shortened_list_is_refused_with_the_count(broken):
    path = broken / "etc" / "an4_test.fileids"
    path.write_text("\n".join(path.read_text().splitlines()[:117]))
    with pytest.raises(DataError, match="117 test utterances where AN4 has 130"):
        an4.read_splits(broken)


def test_missing_audio_is_counted(broken):
    for path in sorted((broken / "wav" / "an4test_clstk" / "fcaw").iterdir())[:3]:
        path.unlink()
    with pytest.raises(DataError, match="audio of 3 test utterances is missing, the first is an4test_clstk/fcaw/an0"):
        an4.read_splits(broken)


def test_a_missing_transcript_is_named(broken):
    path = broken / "etc" / "an4_train.transcription"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(
        DataError, match="1 train utterances have no transcript, the first is an4_clstk/fclc/an0-fclc-b"
    ):
        an4.read_splits(broken)


def test_a_line_that_is_no_transcript_is_named(broken):
    path = broken / "etc" / "an4_train.transcription"
    path.write_text("RUBOUT\n" + path.read_text())
    with pytest.raises(DataError, match=r"an4_train\.transcription, line 1: not"):
        an4.read_splits(broken)


def test_a_folder_that_is_not_an4_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"an4_train\.fileids: no such file"):
        an4.read_splits(tmp_path)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; of a file under short/ only half, though the whole length is promised."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if "short/" in self.path else content)


@pytest.fixture(scope="module")
def web(corpus, tmp_path_factory):
    """A server with whole/, short/, damaged/ and other/ archives; nothing leaves this machine."""
    folder = tmp_path_factory.mktemp("web")
    for name in ("whole", "short", "damaged", "other"):
        (folder / name).mkdir()
    with tarfile.open(folder / "whole" / an4.ARCHIVE, "w:gz", compresslevel=1) as tar:
        tar.add(corpus, "an4")
    content = (folder / "whole" / an4.ARCHIVE).read_bytes()
    (folder / "short" / an4.ARCHIVE).write_bytes(content)
    (folder / "damaged" / an4.ARCHIVE).write_bytes(content[: len(content) // 2])
    with tarfile.open(folder / "other" / an4.ARCHIVE, "w:gz") as tar:
        tar.add(__file__, "readme.txt")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("unpinned")
def test_the_archive_is_downloaded_unpacked_and_read(web, tmp_path):
    reports = []
    an4.obtain(tmp_path / "data" / "an4", lambda *report: reports.append(report), home=f"{web}/whole/")
    assert len(an4.read_splits(tmp_path / "data" / "an4")["test"]) == 130
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["an4"]
    assert sorted(path.name for path in (tmp_path / "data" / "an4").iterdir()) == ["etc", "wav"]
    assert reports[-1][0] == "downloading AN4"
    assert reports[-1][1] == reports[-1][2] > 0


@pytest.mark.usefixtures("unpinned")
@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("short", "the download broke off after"),
        ("nowhere", "cannot be downloaded .*404"),
        ("damaged", "is damaged or not the archive it should be"),
        ("other", "holds no folder an4/"),
    ],
)
def test_a_failed_download_leaves_nothing(web, tmp_path, section, message):
    with pytest.raises(DataError, match=message):
        an4.obtain(tmp_path / "an4", home=f"{web}/{section}/")
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError, match="cannot be downloaded"):
        an4.obtain(tmp_path / "an4", home="http://127.0.0.1:9/")  # the discard port, where nobody listens


def test_the_real_corpus_has_its_counts():
    data = os.environ.get("CRNN_AUDIO_DATA")
    folder = Path(data or "") / "an4"
    if not data or not folder.is_dir():
        pytest.skip("CRNN_AUDIO_DATA names no folder that holds an4")
    cuts = an4.read_splits(folder)
    assert {split: len(of_split) for split, of_split in cuts.items()} == {"train": 844, "dev": 104, "test": 130}
    assert sum(len(cut.text.split()) for cut in cuts["test"]) == 773
    speakers = [{cut.speaker for cut in of_split} for of_split in cuts.values()]
    assert [len(of_split) for of_split in speakers] == [66, 8, 10]
    assert len(set.union(*speakers)) == 84
    assert not any("<" in cut.text or "(" in cut.text for of_split in cuts.values() for cut in of_split)
