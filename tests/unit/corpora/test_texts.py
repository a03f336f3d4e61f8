"""Texts: where they lie, how they are read and divided, and what each mistake is reported as."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crnn_audio.corpora import alice, home, text_file, texts, tinyshakespeare
from crnn_audio.errors import DataError
from crnn_audio.evaluation.prepare import prepare


def test_tinyshakespeare(corpus: Callable[[str], Path]) -> None:
    splits = tinyshakespeare.read_splits(corpus("tinyshakespeare"))
    assert {split: len(text) for split, text in splits.items()} == {"train": 1_003_854, "dev": 111_540}
    assert splits["train"].startswith("First Citizen:\nBefore we proceed")
    assert len(set(splits["train"])) == 65


def test_alice(corpus: Callable[[str], Path]) -> None:
    splits = alice.read_splits(corpus("alice"))
    assert {split: len(text) for split, text in splits.items()} == {"train": 133_632, "dev": 14_848}
    whole = splits["train"] + splits["dev"]
    assert "\r" not in whole
    assert whole.endswith("THE END\n")
    assert set(splits["dev"]) <= set(splits["train"])


@pytest.mark.usefixtures("unpinned")
@pytest.mark.parametrize("module", [tinyshakespeare, alice])
def test_fetched_from_its_home_and_found_again(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / module.FILE).write_bytes(b"First lines\r\nand last\x1a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    module.obtain(tmp_path / "data" / module.NAME, home=f"file://{tmp_path}/home/")
    found = module.read_splits(home.locate(module))
    end = "" if module is alice else "\x1a"
    assert found["train"] + found["dev"] == f"First lines\nand last{end}"
    (tmp_path / "home" / module.FILE).write_bytes(b"")
    with pytest.raises(DataError, match="an empty text"):
        module.obtain(tmp_path / "other", home=f"file://{tmp_path}/home/")
    assert not (tmp_path / "other").exists()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes("\ufeffone\r\ntwo\rthree \u732b".encode())
    assert text_file.read_splits(path) == {"train": "one\ntwo\nthree", "dev": " \u732b"}
    with pytest.raises(DataError, match="a folder; corpus text_file is one file"):
        text_file.read_splits(tmp_path)
    with pytest.raises(DataError, match="give its file"):
        text_file.obtain(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty text"),
        (b" \n\r\n", "an empty text"),
        (b"good \xff bad", r"text.txt, line 1: not UTF-8 \(byte 5 is 0xff\). Save it as UTF-8."),
        (b"caf\xe9", r"byte 3 is 0xe9"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_text_is_reported(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        texts.read(path)
    assert str(error.value).startswith(str(path))


def test_prepared(corpus: Callable[[str], Path]) -> None:
    found = prepare("alice", root=corpus("alice"))
    assert {row["split"]: row["characters"] for row in found.rows}["dev"] == 14_848
    with pytest.raises(DataError, match="manifests are of recordings"):
        prepare("alice", out="somewhere")
