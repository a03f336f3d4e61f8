"""The corpus jsb16: as published in both forms, damaged in every way, downloaded or not there at all."""

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crnn_audio.corpora import jsb16
from crnn_audio.errors import DataError
from crnn_audio.evaluation.prepare import prepare
from crnn_audio.problems import music
from crnn_audio.symbolic import quartet_tokens
from crnn_audio.symbolic.score import Score
from tests import events as made

ROWS = [[72, 67, 60, 48], [72, 65, -1, 48], [71, 65, 62, 43]]


def published(folder: Path, pieces: Any = None, **others: Any) -> Path:
    """The JSON file, with the same pieces in every split unless others are given."""
    content = dict.fromkeys(jsb16.SPLITS.values(), [ROWS, ROWS[:2]] if pieces is None else pieces) | others
    folder.mkdir(parents=True, exist_ok=True)
    (folder / jsb16.PLAIN).write_text(json.dumps(content), encoding="utf-8")
    return folder


def array_of(pieces: list[Any]) -> np.ndarray:
    found = np.empty(len(pieces), dtype=object)
    for index, rows in enumerate(pieces):
        grid = np.array(rows, dtype=np.float16)
        found[index] = np.where(grid < 0, np.nan, grid).astype(np.float16)
    return found


def archive(folder: Path, **splits: Any) -> Path:
    folder.mkdir(exist_ok=True)
    content = {name: array_of([ROWS, ROWS[:2]]) for name in jsb16.SPLITS.values()} | splits
    np.savez(folder / jsb16.ARRAYS, **content)
    return folder


def rows_of(folder: Path, split: str = "train") -> list[list[list[int]]]:
    return [quartet_tokens.encode(tune.score)[:-1, 1:].tolist() for tune in jsb16.read_splits(folder)[split]]


# ---------------------------------------------------------------------------------------- as published


def test_pieces_come_as_they_were_written(tmp_path: Path) -> None:
    found = jsb16.read_splits(published(tmp_path / "jsb16", valid=[ROWS[1:]]))
    assert {split: [tune.id for tune in tunes] for split, tunes in found.items()} == {
        "train": ["jsb16-train-0", "jsb16-train-1"],
        "dev": ["jsb16-dev-0"],
        "test": ["jsb16-test-0", "jsb16-test-1"],
    }
    first = found["train"][0]
    assert [[note.pitch for note in part.notes] for part in first.score.parts] == [
        [72, 71],
        [67, 65],
        [60, 62],
        [48, 43],
    ]
    assert first.score.parts[0].notes[0].duration == 0.5
    assert (first.condition, first.score.keys, first.score.time_signatures) == ({}, (), ())


def test_both_forms_hold_the_same(tmp_path: Path) -> None:
    assert rows_of(archive(tmp_path / "arrays")) == rows_of(published(tmp_path / "lists"))
    assert rows_of(tmp_path / "lists")[0][1] == [2 + 72 - 30, 2 + 65 - 30, 1, 2 + 48 - 30]


def test_the_plain_form_is_taken_where_both_are(tmp_path: Path) -> None:
    published(tmp_path, [ROWS])
    assert len(rows_of(archive(tmp_path))) == 1


def test_the_real_collection_has_its_counts_and_every_cell(corpus: Callable[[str], Path]) -> None:
    found = jsb16.pitches(corpus("jsb16"))
    assert {split: len(pieces) for split, pieces in found.items()} == jsb16.EXPECTED
    rows = {split: [quartet_tokens.of_pitches(one) for one in pieces] for split, pieces in found.items()}
    cells = {split: sum(map(quartet_tokens.num_notes, pieces)) for split, pieces in rows.items()}
    assert cells == {"train": 220_912, "dev": 73_632, "test": 75_600}
    silent = {split: sum(int((one[:-1, 1:] == 1).sum()) for one in pieces) for split, pieces in rows.items()}
    assert silent == {"train": 411, "dev": 589, "test": 284}
    assert found["test"][0][:5].tolist() == [[65, 60, 57, 53]] * 4 + [[72, 60, 55, 52]]
    for one in rows["dev"][::20]:
        assert np.array_equal(quartet_tokens.encode(quartet_tokens.decode(one, Score(()))), one), (
            "a score holds every cell"
        )


def test_nothing_is_given_of_a_piece_not_even_how_long_it_is(tmp_path: Path) -> None:
    recipe = made.small("quartet", made.quartets(tmp_path / "jsb16", 10))
    data = music.data(recipe)
    training, known = data.items["train"], music.assets(recipe, data).conditions
    assert known.sizes == ()
    assert all(piece.condition.size == 0 for piece in music.encoded(recipe, training, known).pieces)


# ---------------------------------------------------------------------------------------- damaged


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([[[72, 67, 60, 29]]], "jsb16-train-0, bass, sixteenth 0: 29; it should be a MIDI pitch from 30 to 90"),
        ([ROWS, [*ROWS, [200, 67, 60, 48]]], "jsb16-train-1, soprano, sixteenth 3: 200; it should be a MIDI pitch"),
        ([[[72, 67, 60.5, 48]]], "tenor, sixteenth 0: 60.5"),
        ([[[72, 67, 60, -2]]], "bass, sixteenth 0: -2"),
        ([[[72, 67, 60]]], "jsb16-train-0: no table of four voices"),
        ([[[72, 67, 60, 48], [72, 67, 60]]], "no table of four voices"),
        ([[[72, 67, 60, "C"]]], "no table of four voices"),
        ([[]], "no table of four voices"),
        ([3], "no table of four voices"),
        ([[*ROWS, [-1, -1, -1, -1]]], "jsb16-train-0: ends in silence"),
    ],
)
def test_a_piece_that_is_none_is_named(tmp_path: Path, pieces: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        jsb16.read_splits(published(tmp_path, train=pieces))
    assert message in str(caught.value)
    assert str(tmp_path / jsb16.PLAIN) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("", "damaged"),
        ("[" * 100_000, "damaged"),
        ("[1, 2]", "not a JSON object"),
        ('{"train": 3}', "no lists of pieces by split"),
        ('{"train": [], "test": []}', "holds no 'valid'"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / jsb16.PLAIN).write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        jsb16.read_splits(tmp_path)
    assert "Fetch it again from https://raw.githubusercontent.com/czhuang/" in str(caught.value)


def test_a_folder_that_holds_neither_form(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Jsb16thSeparated\.json: no such file, nor Jsb16thSeparated\.npz"):
        jsb16.read_splits(tmp_path)


class Evil:
    """What would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "ran")


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    evil = np.empty(1, dtype=object)
    evil[0] = Evil(tmp_path / "trace")
    archive(tmp_path, train=evil)
    with pytest.raises(DataError, match=r"it asks for .*, which is no array"):
        jsb16.read_splits(tmp_path)
    assert not (tmp_path / "trace").exists()
    with np.load(tmp_path / jsb16.ARRAYS, allow_pickle=True) as opened:
        opened["train"]
    assert (tmp_path / "trace").exists(), "or the test shows nothing"


def member(content: bytes) -> bytes:
    """An archive whose first split is these bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made_of:
        made_of.writestr("train.npy", content)
    return file.getvalue()


def header(shape: str = "(1,)") -> bytes:
    text = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 rubbish",
        member(b""),
        member(b"\x93NUMPY\x02\x00"),
        member(b"rubbish and more of it"),
        member(header()),
        member(header("(1,")),
        member(header() + b"rubbish"),
        member(header() + pickle.dumps(3)),
        member(header() + pickle.dumps([1, 2])[:-3]),
    ],
    ids=range(10),
)
def test_a_damaged_archive_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / jsb16.ARRAYS).write_bytes(content)
    with pytest.raises(DataError) as caught:
        jsb16.read_splits(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / jsb16.ARRAYS}: ")
    assert "\n" not in str(caught.value)


def test_an_archive_cut_anywhere_or_with_bytes_changed_gives_one_message_or_the_pieces(tmp_path: Path) -> None:
    whole = (archive(tmp_path) / jsb16.ARRAYS).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(150):
        broken = bytearray(whole[: int(random.integers(len(whole)))] if random.random() < 0.3 else whole)
        for at in random.integers(0, max(len(broken), 1), size=3).tolist() if broken else ():
            broken[at] = int(random.integers(256))
        (tmp_path / jsb16.ARRAYS).write_bytes(bytes(broken))
        with contextlib.suppress(DataError):
            jsb16.read_splits(tmp_path)


# ---------------------------------------------------------------------------------------- found, or fetched


def test_it_is_downloaded_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = published(tmp_path / "home" / jsb16.COMMIT).parent.as_uri() + "/"
    with pytest.raises(DataError, match=r"\{'train': 2, 'dev': 2, 'test': 2\} pieces, where the collection has"):
        jsb16.obtain(tmp_path / "jsb16", home=home)
    assert not (tmp_path / "jsb16").exists()
    monkeypatch.setattr(jsb16, "EXPECTED", dict.fromkeys(jsb16.SPLITS, 2))
    jsb16.obtain(tmp_path / "jsb16", home=home)
    assert rows_of(tmp_path / "jsb16") == rows_of(tmp_path / "home" / jsb16.COMMIT)
    with pytest.raises(DataError, match="cannot be downloaded"):
        jsb16.obtain(tmp_path / "other", home=(tmp_path / "nowhere").as_uri() + "/")


def test_prepare_counts_it(tmp_path: Path) -> None:
    prepared = prepare("jsb16", root=published(tmp_path / "jsb16"))
    assert {row["split"]: row["pieces"] for row in prepared.rows} == {"train": 2, "dev": 2, "test": 2}
