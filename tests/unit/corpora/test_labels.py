"""Label files as other programs write them, and what is wrong with some."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from praatio import textgrid

from crnn_audio.batching.manifests import Segment
from crnn_audio.corpora.own import labels
from crnn_audio.corpora.own.prepare import prepare_folder
from crnn_audio.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six recordings of two seconds."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for number in range(6):
        soundfile.write(mine / f"{number}.wav", 0.1 * np.sin(np.arange(16000) / 9), 8000)
    return mine


def prepared(folder: Path, tmp_path: Path, **options: bool) -> dict[str, tuple[Segment, ...]]:
    found = prepare_folder(folder, tmp_path / "out", **options)
    return {cut.id: cut.segments for cuts in found.splits.values() for cut in cuts}


def test_audacity(folder: Path, tmp_path: Path) -> None:
    for number in range(6):
        text = "0.100000\t0.500000\tspeech\n\\\t100.0\t2000.0\n1.0\t1.0\tclick\n"
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    found = prepared(folder, tmp_path)
    assert len(found) == 6
    assert found["3"] == (Segment(0.1, 0.5, "speech"), Segment(1.0, 1.01, "click"))


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_praat(folder: Path, tmp_path: Path, form: str) -> None:
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("a", [(0.1, 0.4, 'say "a" [1] 2'), (1.0, 1.5, "b")], 0, 2))
    grid.addTier(textgrid.PointTier("p", [(0.7, "tap")], 0, 2))
    for number in range(6):
        grid.save(str(folder / f"{number}.TextGrid"), form, includeBlankSpaces=True)
    assert prepared(folder, tmp_path)["0"] == (
        Segment(0.1, 0.4, 'say "a" [1] 2'), Segment(0.7, 0.71, "tap"), Segment(1.0, 1.5, "b"),
    )  # fmt: skip


def test_rttm(folder: Path, tmp_path: Path) -> None:
    for number in range(6):
        line = f"SPEAKER {number} 1 0.250 0.500 <NA> <NA> ann 0.9 <NA>\n"
        (folder / f"{number}.rttm").write_text(line, encoding="utf-8")
    assert prepared(folder, tmp_path)["2"] == (Segment(0.25, 0.75, "ann"),)


def test_a_table(folder: Path, tmp_path: Path) -> None:
    rows = [f"{n}.wav,{start},{start + 0.2},{label}" for n in range(6) for start, label in ((0.3, "a"), (0.4, "b"))]
    (folder / "labels.csv").write_text("\n".join(["path,start,end,label", *rows]), encoding="utf-8")
    found = prepared(folder, tmp_path)
    assert [(one.start, one.label) for one in found["5"]] == [(0.3, "a"), (0.4, "b")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.0\t2.5\ta\n", "'a' from 1 to 2.5 s does not lie within the recording of 2.00 s"),
        ("1.5\t1.0\ta\n", "'a' from 1.5 to 1 s does not lie"),
        ("0.5\t1.0\t\n", "from 0.5 to 1 s without a label"),
        ("0.5\t1.0\ta\nwhat\n", "line 2: no start, end and label"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(folder: Path, tmp_path: Path, text: str, words: str) -> None:
    for number in range(6):
        good = "0.1\t0.2\ta\n"
        (folder / f"{number}.txt").write_text(text if number == 4 else good, encoding="utf-8")
    with pytest.raises(DataError, match=rf"4\.txt: .*{words}"):
        prepared(folder, tmp_path)
    assert len(prepared(folder, tmp_path, leave_out=True)) == 5


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (
            labels.read_textgrid,
            'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n"IntervalTier"',
        ),
        (labels.read_textgrid, "nothing"),
        (labels.read_rttm, "SPEAKER a 1 x 2"),
    ],
)
def test_damaged_label_files(reader, text: str) -> None:
    with pytest.raises(ValueError, match=r"TextGrid|RTTM"):
        reader(text)


def test_texts_are_still_texts(folder: Path, tmp_path: Path) -> None:
    for number in range(6):
        (folder / f"{number}.txt").write_text("one two", encoding="utf-8")
    assert prepared(folder, tmp_path)["0"] == ()
