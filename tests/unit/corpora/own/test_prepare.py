"""`prepare folder`: from recordings and tables to manifests that train, and every fault with its line."""

import csv
import gzip
import json
import shutil
from pathlib import Path

import pytest

from crnn_audio import files
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora.own.prepare import PreparedFolder, prepare_folder
from crnn_audio.errors import DataError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("working"))


@pytest.fixture
def table(tmp_path, sound):
    """`table("a.csv", {"path": ..., "text": ...}, ...)` writes the rows, and the audio of those that have none yet."""

    def write(name: str, *rows: dict[str, object], audio: bool = True) -> Path:
        path = tmp_path / "mine" / name
        path.parent.mkdir(exist_ok=True)
        for row in rows if audio else ():
            file = path.parent / str(next(iter(row.values())))
            if not file.exists():
                sound(file, seconds=1.0)
        with path.open("w", newline="", encoding="utf-8") as opened:
            if name.endswith(".jsonl"):
                opened.writelines(json.dumps(row) + "\n" for row in rows)
            else:
                options = (
                    {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None} if name.endswith("tsv") else {}
                )
                writer = csv.DictWriter(opened, list(rows[0]), **options)
                writer.writeheader()
                writer.writerows(rows)
        return path

    return write


def ids(prepared: PreparedFolder) -> dict[str, list[str]]:
    return {split: [cut.id for cut in cuts] for split, cuts in prepared.splits.items()}


def everything(prepared: PreparedFolder) -> dict[str, Cut]:
    return {cut.id: cut for cuts in prepared.splits.values() for cut in cuts}


def refused(path: Path, **options) -> list[str]:
    """The problems that are listed; nothing is written."""
    with pytest.raises(DataError) as raised:
        prepare_folder(path, "out", **options)
    assert not Path("out").exists()
    lines = str(raised.value).splitlines()
    assert lines[0] in (f"{path}: {len(lines) - 2} problem{'s' * (len(lines) > 3)}",)
    assert "Nothing was written." in lines[-1]
    return [line.removeprefix(f"  {path}") for line in lines[1:-1]]


# ---------------------------------------------------------------------------------------- what is found


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.jsonl"])
@pytest.mark.parametrize(
    ("path", "text", "speaker"),
    [("path", "text", "speaker"), ("file_name", "transcription", "spk"), ("Wav", "Sentence", "client_id")],
)
def test_a_table_becomes_manifests(table, name, path, text, speaker) -> None:
    rows = [{path: f"ä {n}.wav", text: f"numero “{n}”, да", speaker: f"s{n % 4}"} for n in range(12)]
    prepared = prepare_folder(table(name, *rows))
    assert prepared.folder == Path("data/own/list")
    cuts = everything(prepared)
    assert set(cuts) == {f"ä {n}" for n in range(12)}
    assert (cuts["ä 3"].text, cuts["ä 3"].speaker, cuts["ä 3"].duration) == ("numero “3”, да", "s3", 1.0)
    for split, of_split in prepared.splits.items():
        assert manifests.load(prepared.folder / f"{split}.jsonl") == of_split
        assert all(cut.recording.path.exists() for cut in of_split)
    assert f"columns used: {path.lower()}, {text.lower()}, {speaker}" in prepared.notes[0]
    assert prepared.how == "by speaker (4 of them)"


def test_a_folder_with_one_table_is_that_table_and_one_without_is_pairs(table, tmp_path, sound) -> None:
    table("list.csv", *({"path": f"clips/{n}.wav", "text": "a"} for n in range(3)))
    (tmp_path / "mine" / "LICENSE.txt").write_text("free")
    assert len(everything(prepare_folder(tmp_path / "mine"))) == 3
    assert Path("data/own/mine/train.jsonl").exists()
    for n in range(3):
        sound(tmp_path / "pairs" / f"{n}.wav")
        (tmp_path / "pairs" / f"{n}.txt").write_text("a")
    assert set(everything(prepare_folder(tmp_path / "pairs"))) == {"0", "1", "2"}


def test_audio_is_looked_for_in_the_usual_folders(table, tmp_path) -> None:
    """As Common Voice has it: the table names files of clips/ beside it. And as Windows spells folders."""
    table(
        "list.tsv",
        {"path": "clips/a.wav", "text": "a"},
        {"path": "more/b.wav", "text": "b"},
        {"path": "c.wav", "text": "c"},
    )
    path = tmp_path / "mine" / "list.tsv"
    path.write_text(path.read_text().replace("clips/", "").replace("more/", "more\\"))
    assert {cut.recording.path.name for cut in everything(prepare_folder(path)).values()} == {"a.wav", "b.wav", "c.wav"}


@pytest.mark.parametrize("times", [("start", "end"), ("offset", "duration"), ("begin", "stop")])
def test_spans_of_long_recordings(table, times) -> None:
    first, last = times
    spans = [(0, 0.25), (0.25, 0.5), (0.5, 1.0)]
    rows = [
        {"path": "a.wav", "text": "x", first: start, last: end - start if last == "duration" else end}
        for start, end in spans
    ]
    cuts = everything(prepare_folder(table("list.csv", *rows, {"path": "b.wav", "text": "y", first: "", last: ""})))
    assert {(cut.start, cut.start + cut.duration) for cut in cuts.values() if cut.text == "x"} == set(spans)
    assert set(cuts) == {"a-0000000-0000250", "a-0000250-0000500", "a-0000500-0001000", "b"}
    assert cuts["b"].is_whole


# ---------------------------------------------------------------------------------------- splits


def test_a_split_column_is_respected(table) -> None:
    rows = [
        {"path": f"{n}.wav", "text": "a", "split": name} for n, name in enumerate(["train", "TRAIN", "valid", "test"])
    ]
    prepared = prepare_folder(table("list.csv", *rows))
    assert ids(prepared) == {"train": ["0", "1"], "dev": ["2"], "test": ["3"]}
    assert prepared.how == "as they were"


def test_a_missing_dev_is_held_out_of_train(table) -> None:
    rows = [
        {"path": f"{n}.wav", "text": "a", "speaker": f"s{n % 5}", "split": "test" if n > 9 else "train"}
        for n in range(12)
    ]
    prepared = prepare_folder(table("list.csv", *rows))
    assert ids(prepared)["test"] == ["10", "11"]
    assert len({cut.speaker for cut in prepared.splits["dev"]}) == 1
    assert not {cut.speaker for cut in prepared.splits["dev"]} & {cut.speaker for cut in prepared.splits["train"]}
    assert prepared.how == "as they were, and dev held out of train by speaker (5 of them)"


def test_a_column_that_holds_no_splits_is_noted_and_one_that_holds_some_is_refused(table) -> None:
    rows = [{"path": f"{n}.wav", "text": "a", "split": name} for n, name in enumerate(["mine", "yours", "mine"])]
    prepared = prepare_folder(table("list.csv", *rows))
    assert "column 'split' is not used: it holds 'mine', 'yours', not train, dev or test." in prepared.notes[1]
    mixed = table("mixed.csv", *rows, {"path": "4.wav", "text": "a", "split": "train"})
    problems = refused(mixed)
    assert [problem.partition(" Name it so")[0] for problem in problems] == [
        f", line {line}: split {name!r}, where other rows say train, dev or test."
        for line, name in ((2, "mine"), (3, "yours"), (4, "mine"))
    ]
    assert len(everything(prepare_folder(mixed, resplit=True))) == 4


def test_folders_of_a_table_are_splits_too(table) -> None:
    names = ("train/ann/0.wav", "train/bob/1.wav", "dev/cy/2.wav")
    rows = [{"path": name, "text": "a"} for name in names]
    prepared = prepare_folder(table("list.csv", *rows), "out", speaker_folders=True)
    assert ids(prepared) == {"train": ["train/ann/0", "train/bob/1"], "dev": ["dev/cy/2"], "test": []}
    assert [cut.speaker for cut in everything(prepared).values()] == ["ann", "bob", "cy"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["dev.jsonl", "prepared.json", "train.jsonl"]
    with pytest.raises(DataError, match=r"line 5: in no split, while others are. Move it into one, or add --resplit"):
        prepare_folder(table("more.csv", *rows, {"path": "3.wav", "text": "a"}))
    with pytest.raises(DataError, match="only dev, and no train"):
        prepare_folder(table("dev.csv", rows[2]))


def test_tables_named_as_splits_are_splits_and_others_are_asked_for(table, tmp_path) -> None:
    for split in ("train", "dev", "test"):
        table(f"{split}.tsv", {"path": f"{split}1.wav", "text": "a"}, {"path": f"{split}2.wav", "text": "a"})
    prepared = prepare_folder(tmp_path / "mine")
    assert ids(prepared) == {split: [f"{split}1", f"{split}2"] for split in ("train", "dev", "test")}
    table("validated.tsv", {"path": "train1.wav", "text": "a"})
    with pytest.raises(
        DataError, match=r"several tables \(dev\.tsv, test\.tsv, train\.tsv, validated\.tsv\)\. Name one"
    ):
        prepare_folder(tmp_path / "mine")


# ---------------------------------------------------------------------------------------- lhotse


def test_lhotses_cuts_are_split_and_written(tmp_path, sound) -> None:
    recordings = [Recording(f"r{n}", sound(tmp_path / "audio" / f"r{n}.wav", 1.0), 8000, 8000) for n in range(6)]
    cuts = [Cut(f"c{n}", one, 0.25, 0.5, "a", f"s{n}") for n, one in enumerate(recordings)]
    manifests.save(cuts, tmp_path / "cuts.jsonl.gz")
    prepared = prepare_folder(tmp_path / "cuts.jsonl.gz")
    assert prepared.folder == Path("data/own/cuts")
    assert everything(prepared) == {cut.id: cut for cut in cuts}
    assert all(prepared.splits.values())


def test_paths_may_count_from_the_working_folder_as_lhotses_do(tmp_path, sound) -> None:
    sound(Path("download/a.wav"))
    cut = whole(Recording("a", Path("download/a.wav").resolve(), 8000, 800), "a")
    manifests.save([cut], Path("cuts.jsonl"))
    (tmp_path / "manifests").mkdir()
    shutil.move("cuts.jsonl", tmp_path / "manifests" / "cuts.jsonl")
    (found,) = everything(prepare_folder(tmp_path / "manifests" / "cuts.jsonl")).values()
    assert found == cut


def test_a_missing_file_of_a_lhotse_cut(tmp_path) -> None:
    manifests.save([whole(Recording("a", tmp_path / "a.wav", 8000, 800), "a")], tmp_path / "cuts.jsonl")
    with pytest.raises(DataError, match=r"cuts\.jsonl, cut 'a': .*a\.wav: no such file"):
        prepare_folder(tmp_path / "cuts.jsonl")


# ---------------------------------------------------------------------------------------- faults


def test_every_fault_of_a_table_is_reported_at_once_with_its_line(table) -> None:
    path = table("list.csv", *({"path": f"{name}.wav", "text": "x", "start": ""} for name in "abc"))
    lines = ["nowhere.wav,x,", ",x,", "c.wav,,", "c.wav", "a.wav,x,", f"{'long' * 99}.wav,x,", "zero\0.wav,x,"]
    path.write_text(path.read_text() + "\n".join(lines))
    (path.parent / "b.wav").write_bytes(b"RIFF")
    problems = refused(path)
    assert len(problems) == 8
    for number, what in {
        3: "b.wav: not audio that can be read",
        5: "nowhere.wav: no such file",
        6: "nothing in column 'path'. Fill it in, or drop the row.",
        7: "its text is empty. Write what is said in it, or leave it out.",
        8: "1 fields where the header has 3. Put fields that hold ',' between quotes",
        9: "the same recording as in ",
        10: "cannot be read (File name too long)",
        11: "is not UTF-8. Rename the file",
    }.items():
        assert any(problem.startswith(f", line {number}: ") and what in problem for problem in problems), what


def test_times_that_cannot_be(table) -> None:
    rows = [
        {"path": "a.wav", "text": "x", "start": start, "end": end}
        for start, end in ((0.5, 0.25), (-1, 0.5), ("nan", 1), (0, "inf"), (0.5, 1.01), ("soon", 1), (0, 0.5))
    ]
    found = refused(table("list.csv", *rows))
    assert len(found) == 6
    assert "line 2: it starts at 0.5 s and ends at 0.25 s. Give seconds, the end after the start." in found[0]
    assert all(f"line {number}: " in line for number, line in zip(range(2, 8), found, strict=True))
    assert "line 6: it ends at 1.01 s, but" in found[4]
    assert "a.wav at 1.00 s. Correct the times." in found[4]
    assert "line 7: 'soon' in column 'start' is no number of seconds." in found[5]


def test_one_recording_twice_and_two_of_one_stem(table) -> None:
    names = ("a.wav", "a.wav", "a.wav", "b.wav", "b.flac")
    texts = ("x", "x", "y", "x", "x")
    found = refused(table("list.csv", *({"path": name, "text": text} for name, text in zip(names, texts, strict=True))))
    assert "line 3: the same recording as in " in found[0]
    assert "line 2, with the same text. Keep the right one." in found[0]
    assert "line 4: the same recording as in " in found[1]
    assert "line 2, with another text." in found[1]
    assert "line 6: b.flac has the stem of b.wav (" in found[2]
    assert "line 5), and ids come from stems. Rename or drop one." in found[2]


def test_silence_and_damage_are_found_by_decoding_and_can_be_left_out(table, tmp_path) -> None:
    import numpy as np
    import soundfile

    path = table("list.csv", *({"path": f"{n}.flac", "text": "a"} for n in range(8)))
    soundfile.write(path.parent / "3.flac", np.zeros(800), 8000)
    whole_file = (path.parent / "5.flac").read_bytes()
    (path.parent / "5.flac").write_bytes(whole_file[: len(whole_file) // 2])
    found = refused(path)
    assert "line 5: " in found[0]
    assert "digital silence" in found[0]
    assert "line 7: " in found[1]
    prepared = prepare_folder(path, "out", leave_out=True)
    assert set(everything(prepared)) == {"0", "1", "2", "4", "6", "7"}
    assert [line.removeprefix(f"{path}")[:8] for line in prepared.left_out] == [", line 5", ", line 7"]
    assert json.loads(Path("out/prepared.json").read_text())["left_out"] == list(prepared.left_out)


def test_a_name_with_a_line_break_works_and_is_reported_on_one_line(table, tmp_path) -> None:
    path = table("list.csv", {"path": "a\nb.wav", "text": "x"}, {"path": "c.wav", "text": "x"})
    assert set(everything(prepare_folder(path, "good"))) == {"a\nb", "c"}
    (path.parent / "a\nb.wav").unlink()
    (problem,) = refused(path)
    assert "a\\nb.wav: no such file" in problem


def test_a_text_of_two_lines_hides_no_row(table) -> None:
    path = table("list.csv", {"path": "a.wav", "text": "x"}, {"path": "b.wav", "text": "y"})
    path.write_text('path,text\na.wav,"x\nb.wav,y"\n')
    (problem,) = refused(path)
    assert problem == ", line 2: its text runs over several lines. Write it on one, or close its quote."


def test_invisible_characters_go_and_are_counted(table) -> None:
    rows = [{"path": f"{n}.wav", "text": f"one\u200b two\ufeff {n}", "speaker": f"s{n}\u200e"} for n in range(4)]
    rows += [{"path": "fa.wav", "text": "می\u200cخواهم", "speaker": "s\u00ad0"}]
    prepared = prepare_folder(table("list.tsv", *rows), "out")
    assert "8 invisible characters (4 U+200B, 4 U+FEFF) in 4 texts removed." in prepared.notes
    cuts = everything(prepared)
    assert (cuts["3"].text, cuts["fa"].text) == ("one two 3", "می\u200cخواهم")
    assert {cut.speaker for cut in cuts.values()} == {"s0", "s1", "s2", "s3"}


def test_more_problems_than_fit_are_counted(table) -> None:
    path = table("list.csv", *({"path": f"{n}.wav", "text": "a"} for n in range(60)), audio=False)
    with pytest.raises(DataError) as raised:
        prepare_folder(path)
    assert str(raised.value).splitlines()[0] == f"{path}: 60 problems"
    assert str(raised.value).splitlines()[-2] == "  ... and 10 more"
    with pytest.raises(DataError, match="Not one recording can be used"):
        prepare_folder(path, leave_out=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", r"line 1: no column of audio paths \(path, file, audio, filename, wav\) and no column of texts"),
        (
            "path,words\n1,2\n",
            r"line 1: no column of texts \(text, transcript, .*\); found 'path', 'words'",
        ),
        ("audio.wav,hello\n", r"found 'audio.wav', 'hello'. Name the columns there."),
        ("path,text\n", "it lists no recording"),
    ],
)
def test_a_table_without_its_columns(tmp_path, content, message) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        prepare_folder(tmp_path / "list.csv")


def test_what_is_no_folder_and_no_table(tmp_path) -> None:
    for name, message in (("none", "no such folder or file"), ("x" * 300, "no such folder or file")):
        with pytest.raises(DataError, match=message):
            prepare_folder(tmp_path / name)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(DataError, match="neither a folder nor a table"):
        prepare_folder(tmp_path / "a.wav")
    (tmp_path / "cuts.jsonl.gz").write_bytes(gzip.compress(b'{"recording": 3}'))
    with pytest.raises(DataError, match="line 1: "):
        prepare_folder(tmp_path / "cuts.jsonl.gz")


# ---------------------------------------------------------------------------------------- writing


def test_again_after_more_recordings_only_adds(table) -> None:
    rows = [{"path": f"{n}.wav", "text": "a"} for n in range(40)]
    before = ids(prepare_folder(table("list.csv", *rows[:30])))
    after = ids(prepare_folder(table("list.csv", *rows)))
    assert all(set(before[split]) <= set(after[split]) for split in before)
    assert sum(map(len, after.values())) == 40


def test_manifests_that_came_from_elsewhere_are_kept(table, tmp_path, tiny) -> None:
    path = table("list.csv", {"path": "a.wav", "text": "a"})
    shutil.copytree(tiny, tmp_path / "tiny")
    before = (tmp_path / "tiny" / "train.jsonl").read_bytes()
    with pytest.raises(DataError, match="holds manifests that were not made by `prepare folder`"):
        prepare_folder(path, tmp_path / "tiny")
    assert (tmp_path / "tiny" / "train.jsonl").read_bytes() == before
    prepare_folder(path, "out")
    with pytest.raises(DataError, match=r"out: holds manifests of .*list\.csv"):
        prepare_folder(tmp_path / "tiny", "out")


def test_the_folder_itself_may_hold_the_manifests(tmp_path, sound) -> None:
    for n in range(6):
        sound(tmp_path / "mine" / f"{n}.wav")
        (tmp_path / "mine" / f"{n}.txt").write_text("a")
    first = prepare_folder(tmp_path / "mine", tmp_path / "mine")
    assert prepare_folder(tmp_path / "mine", tmp_path / "mine") == first
    assert str(tmp_path) not in (tmp_path / "mine" / "train.jsonl").read_text(), "it can be moved as a whole"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_a_disk_that_cannot_be_written(table, monkeypatch, error) -> None:
    def failing(path, content):
        raise error

    monkeypatch.setattr(files, "write_bytes", failing)
    with pytest.raises(DataError, match=rf"out: cannot be written \({error.strerror}\)"):
        prepare_folder(table("list.csv", {"path": "a.wav", "text": "a"}), "out")
