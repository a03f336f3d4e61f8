"""Labelled recordings of one's own: folders of classes and tables, their splits, and labels that cannot be meant."""

from pathlib import Path

import pytest

from crnn_audio.batching import manifests
from crnn_audio.config import next_steps
from crnn_audio.corpora.own.prepare import prepare_folder
from crnn_audio.errors import DataError
from tests import classifications as made


def classes(folder: Path, counts: dict[str, int]) -> Path:
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            made.recorded(folder / label, f"one-{number}", "high", 0.2, 100 * len(label) + number)
    return folder


def test_each_class_is_a_folder_and_each_split_has_all_classes(tmp_path: Path) -> None:
    found = prepare_folder(classes(tmp_path / "mine", {"yes": 12, "background": 20}), tmp_path / "out", classes=True)
    assert sum(len(cuts) for cuts in found.splits.values()) == 32
    assert len(found.splits["train"]) > 20
    assert [{cut.label for cut in cuts} for cuts in found.splits.values()] == [{"yes", "background"}] * 3
    cuts = manifests.load(tmp_path / "out" / "train.jsonl")
    assert all(cut.id.startswith(f"{cut.label}/one-") for cut in cuts)
    (line,) = next_steps.of_classes(found.folder, found.splits)
    assert line.startswith(f"crnn-audio train wake_words/keyword data.root={tmp_path / 'out'} --out")


def test_folders_of_splits_are_kept(tmp_path: Path) -> None:
    for split in ("train", "test"):
        classes(tmp_path / "mine" / split, {"yes": 3, "no": 3})
    found = prepare_folder(tmp_path / "mine", tmp_path / "out", classes=True)
    assert found.how.startswith("as they were")
    (line,) = next_steps.of_classes(found.folder, found.splits)
    assert "'task.background=[]'" in line


def table(folder: Path, labels: list[str], header: str = "path,label") -> Path:
    classes(folder, {"wav": len(labels)})
    rows = [f"one-{number}.wav,{label}" for number, label in enumerate(labels)]
    (folder / "table.csv").write_text("\n".join([header, *rows]))
    return folder / "table.csv"


def test_a_table_names_path_and_label(tmp_path: Path) -> None:
    path = table(tmp_path / "mine", ["yes"] * 4 + ["no"] * 4)
    found = prepare_folder(path, tmp_path / "out", classes=True)
    assert sorted(cut.label for cuts in found.splits.values() for cut in cuts) == ["no"] * 4 + ["yes"] * 4


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["yes"] * 3 + ["Yes"] * 3, r"the labels 'Yes' \(3\) and 'yes' \(3\) differ in case or space alone"),
        (["go on"] * 3 + ["go  on"] * 3, r"differ in case or space alone"),
        (["yes"] * 3 + ["no"], "the class 'no' has a single recording"),
        (["yes"] * 3 + ["no"] * 2 + [""], r"table\.csv, line 7: no label"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, labels: list[str], message: str) -> None:
    path = table(tmp_path / "mine", labels)
    with pytest.raises(DataError, match=message):
        prepare_folder(path, tmp_path / "out", classes=True)


def test_what_holds_no_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fewer than two folders"):
        prepare_folder(classes(tmp_path / "mine", {"yes": 3}), tmp_path / "out", classes=True)
    path = table(tmp_path / "other", ["yes"] * 3, "path,word")
    with pytest.raises(DataError, match=r"line 1: no column of labels \(label, class"):
        prepare_folder(path, tmp_path / "out", classes=True)
