"""Corpora as people have them: lists without a header, LJSpeech's, Common Voice's, NeMo's, DeepSpeech's and Kaldi's."""

import json
import unicodedata
from pathlib import Path

import pytest

from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora.own.prepare import PreparedFolder, prepare_folder
from crnn_audio.errors import DataError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("working"))


@pytest.fixture
def mine(tmp_path: Path, sound) -> Path:
    """A folder with wavs/a.wav to wavs/f.wav, a second each."""
    for name in "abcdef":
        sound(tmp_path / "mine" / "wavs" / f"{name}.wav", 1.0)
    return tmp_path / "mine"


def cuts(prepared: PreparedFolder) -> dict[str, Cut]:
    return {cut.id: cut for found in prepared.splits.values() for cut in found}


def texts(prepared: PreparedFolder) -> dict[str, str]:
    return {cut.recording.path.stem: cut.text for cut in cuts(prepared).values()}


SAID = {"a": 'one, "two', "b": "Dr. No; 3", "c": "three", "d": "four"}


# ---------------------------------------------------------------------------------------- lists without a header


@pytest.mark.parametrize("delimiter", ["|", "\t", ";"])
@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.lst"])
@pytest.mark.parametrize("header", ["", "path{}text\n"])
@pytest.mark.parametrize("spelling", ["wavs/{}.wav", "{}.wav", "{}"])
def test_paths_and_texts(mine: Path, delimiter: str, name: str, header: str, spelling: str) -> None:
    said = {stem: text.replace('"', "") if delimiter != "|" else text for stem, text in SAID.items()}
    said = {stem: text.replace(";", "") if delimiter == ";" else text for stem, text in said.items()}
    lines = [f"{spelling.format(stem)}{delimiter}{text}\n" for stem, text in said.items()]
    (mine / name).write_text(header.format(delimiter) + "".join(lines))
    assert texts(prepare_folder(mine / name)) == said
    assert texts(prepare_folder(mine, "found")) == said, "the folder alone will do"


def test_ljspeech(mine: Path) -> None:
    lines = ["a|In 1984, he said|In nineteen eighty-four, he said", 'b|"Dr. No|"Doctor No', "c|Yes|Yes"]
    (mine / "metadata.csv").write_text("".join(f"{line}\n" for line in lines))
    prepared = prepare_folder(mine)
    assert texts(prepared) == {"a": "In nineteen eighty-four, he said", "b": '"Doctor No', "c": "Yes"}
    assert prepared.notes[0] == (f"{mine}/metadata.csv: 3 rows; no header; column 1 is taken for paths, 3 for texts.")


@pytest.mark.parametrize("order", ["a.wav|{speaker}|{text}", "a.wav|{text}|{speaker}"])
def test_speakers_of_a_list_without_a_header(mine: Path, order: str) -> None:
    lines = [
        order.format(speaker=stem in "ab", text=f"it is {stem}").replace("a.wav", f"wavs/{stem}.wav") for stem in "abcd"
    ]
    (mine / "filelist.txt").write_text("\n".join(lines))
    prepared = prepare_folder(mine / "filelist.txt")
    assert {cut.recording.path.stem: cut.speaker for cut in cuts(prepared).values()} == {
        "a": "True", "b": "True", "c": "False", "d": "False",
    }  # fmt: skip
    assert texts(prepared) == {stem: f"it is {stem}" for stem in "abcd"}
    assert "for speakers." in prepared.notes[0]


def test_faults_of_a_list_without_a_header(mine: Path) -> None:
    (mine / "list.txt").write_text("a|one\nb|\nz|no file\nc\nd|four|4\n")
    with pytest.raises(DataError) as raised:
        prepare_folder(mine / "list.txt")
    problems = [line.strip().removeprefix(f"{mine}/list.txt, line ") for line in str(raised.value).splitlines()[1:-1]]
    assert problems == [
        "4: 1 fields where the first row has 2. A field may hold no '|' and no line break, since such a table has no "
        "quoting.",
        "5: 3 fields where the first row has 2. A field may hold no '|' and no line break, since such a table has no "
        "quoting.",
        "2: its text is empty. Write what is said in it, or leave it out.",
        f"3: {mine}/z: no such file.",
    ]


@pytest.mark.parametrize(("stored", "written"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("ending", [".wav", ""])
def test_letters_that_are_taken_apart_in_one_place_alone(
    mine: Path, sound, stored: str, written: str, ending: str
) -> None:
    sound(mine / "wavs" / unicodedata.normalize(stored, "é.wav"))
    line = unicodedata.normalize(written, f"é{ending}") + "|été\n"
    (mine / "list.txt").write_text(line, encoding="utf-8")
    (cut,) = cuts(prepare_folder(mine / "list.txt")).values()
    assert (cut.recording.path.name, cut.text) == (unicodedata.normalize(stored, "é.wav"), "été")


# ---------------------------------------------------------------------------------------- releases


def test_common_voice(mine: Path) -> None:
    (mine / "wavs").rename(mine / "clips")
    header = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tlocale\tsegment\n"
    row = "{speaker}\t{stem}.wav\t1\t{text}\t\t2\t0\t\ten\t\n"
    for split, stems in (("train", "abcd"), ("dev", "e"), ("test", "f"), ("validated", "abcdef"), ("other", "a")):
        rows = [row.format(speaker=f"s{stem}", stem=stem, text=f'"{stem}" he said') for stem in stems]
        (mine / f"{split}.tsv").write_text(header + "".join(rows))
    (mine / "clip_durations.tsv").write_text("clip\tduration[ms]\na.wav\t1000\n")
    prepared = prepare_folder(mine)
    assert {split: [cut.id for cut in found] for split, found in prepared.splits.items()} == {
        "train": ["a", "b", "c", "d"], "dev": ["e"], "test": ["f"],
    }  # fmt: skip
    assert cuts(prepared)["a"].text == '"a" he said'
    assert cuts(prepared)["a"].speaker == "sa"
    assert prepared.notes[0] == (f"{mine}: clip_durations.tsv, other.tsv, validated.tsv not looked at.")
    for split in ("train", "dev", "test"):
        (mine / f"{split}.tsv").unlink()
    assert len(cuts(prepare_folder(mine, "validated"))) == 6


@pytest.mark.parametrize("name", ["train_manifest.json", "manifest.jsonl", "array.json"])
def test_nemo(mine: Path, name: str) -> None:
    rows = [
        {"audio_filepath": f"wavs/{stem}.wav", "duration": 0.5, "offset": 0.25, "text": text}
        for stem, text in SAID.items()
    ]
    (mine / name).write_text(json.dumps(rows) if "array" in name else "".join(json.dumps(row) + "\n" for row in rows))
    for source in (mine, mine / name):
        prepared = prepare_folder(source, source.name)
        assert texts(prepared) == SAID
        assert {(cut.start, cut.duration) for cut in cuts(prepared).values()} == {(0.25, 0.5)}


def test_deepspeech(mine: Path) -> None:
    rows = [f'wavs/{stem}.wav,16044,"{text.replace(chr(34), chr(34) * 2)}"\n' for stem, text in SAID.items()]
    (mine / "train.csv").write_text("wav_filename,wav_filesize,transcript\n" + "".join(rows))
    assert texts(prepare_folder(mine)) == SAID


# ---------------------------------------------------------------------------------------- texts apart from audio


@pytest.mark.parametrize("name", ["{stem}", "{speaker}_{stem}"])
def test_texts_in_a_tree_of_their_own(mine: Path, sound, name: str) -> None:
    """As VCTK has it."""
    for speaker in ("s1", "s2"):
        for stem in "abc":
            file = name.format(speaker=speaker, stem=stem)
            sound(mine.parent / "apart" / "wav48" / speaker / f"{file}.wav")
            text = mine.parent / "apart" / "txt" / speaker / f"{file}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(f"{stem} of {speaker}")
    for file in ("README.txt", "LICENSE.txt"):
        (mine.parent / "apart" / file).write_text("of others")
    found = cuts(prepare_folder(mine.parent / "apart"))
    assert {name: cut.text for name, cut in found.items()} == {
        f"wav48/{speaker}/{name.format(speaker=speaker, stem=stem)}": f"{stem} of {speaker}"
        for speaker in ("s1", "s2")
        for stem in "abc"
    }
    (mine.parent / "apart" / "txt" / "s1" / f"{name.format(speaker='s1', stem='a')}.txt").rename(
        mine.parent / "apart" / "txt" / "s1" / "x.txt"
    )
    with pytest.raises(DataError, match=r"2 problems\n.*x\.txt: a text without audio of its name\. .*\n.*: no text\. "):
        prepare_folder(mine.parent / "apart", "out")


@pytest.mark.parametrize("sign", [" ", "\t", "|"])
def test_lists_of_names_anywhere(mine: Path, sign: str) -> None:
    """As AISHELL and Multilingual LibriSpeech have them."""
    (mine / "docs").mkdir()
    lines = [f"{stem}{sign}{text}\n" for stem, text in SAID.items()]
    (mine / "docs" / "trans.txt").write_text("".join([*lines, f"e.wav{sign}five\n", f"f{sign}six\n"]))
    assert texts(prepare_folder(mine)) == SAID | {"e": "five", "f": "six"}
    (mine / "docs" / "trans.txt").write_text("".join([*lines, lines[0], f"z{sign}none\n"]))
    with pytest.raises(DataError) as raised:
        prepare_folder(mine, "out")
    problems = [line.strip().removeprefix(f"{mine}/") for line in str(raised.value).splitlines()[1:-1]]
    assert problems == [
        "docs/trans.txt, line 6: no audio of 'z'. Put it there, or drop the line.",
        f"docs/trans.txt, line 5: 'a' stands in {mine}/docs/trans.txt, line 1 too. Keep one.",
        "wavs/e.wav: no text. Write what is said in it into e.txt beside it.",
        "wavs/f.wav: no text. Write what is said in it into f.txt beside it.",
    ]


def test_a_text_of_another_folder_is_not_taken_for_a_missing_one(mine: Path) -> None:
    for stem in "abcde":
        (mine / "wavs" / f"{stem}.txt").write_text(stem)
    (mine / "other").mkdir()
    (mine / "other" / "f.txt").write_text("wrong")
    with pytest.raises(DataError, match=r"2 problems\n.*wavs/f\.wav: no text.*\n.*other/f\.txt: a text without audio"):
        prepare_folder(mine)


# ---------------------------------------------------------------------------------------- kaldi


def kaldi(folder: Path, **lines: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in lines.items():
        (folder / name.replace("wav", "wav.scp")).write_text("".join(f"{line}\n" for line in content))
    return folder


def test_kaldi(mine: Path) -> None:
    """Paths count from the folder of the recipe, two above, or are absolute."""
    folder = kaldi(
        mine / "data" / "all",
        wav=["s1-a wavs/a.wav", "s1-b  ../../wavs/b.wav", f"s2-c\t{mine}/wavs/c.wav", "s3-d wavs/d.wav"],
        text=["s1-a it is a", "s1-b b", "s2-c  it  is c", "s3-d d"],
        utt2spk=["s1-a s1", "s1-b s1", "s2-c s2", "s3-d s3"],
    )
    prepared = prepare_folder(folder)
    assert {name: (cut.text, cut.speaker) for name, cut in cuts(prepared).items()} == {
        "s1-a": ("it is a", "s1"), "s1-b": ("b", "s1"), "s2-c": ("it is c", "s2"), "s3-d": ("d", "s3"),
    }  # fmt: skip
    assert prepared.notes[0] == f"{folder}: 4 utterances of Kaldi's wav.scp, text, utt2spk."
    assert prepare_folder(folder / "wav.scp", prepared.folder.parent / "again").splits == prepared.splits


def test_segments_of_kaldi(mine: Path) -> None:
    folder = kaldi(
        mine / "train",
        wav=["rec1 wavs/a.wav", "rec2 wavs/b.wav"],
        text=["u1 one", "u2 two", "u3 three", "u4 four"],
        segments=["u1 rec1 0.0 0.25", "u2 rec1 0.25 1.3", "u3 rec2 0.5 -1", "u4 rec2 0 0.5 0"],
    )
    found = cuts(prepare_folder(folder))
    assert {name: (cut.recording.id, cut.start, cut.duration) for name, cut in found.items()} == {
        "u1": ("rec1", 0, 0.25), "u2": ("rec1", 0.25, 0.75), "u3": ("rec2", 0.5, 0.5), "u4": ("rec2", 0, 0.5),
    }  # fmt: skip


def test_splits_of_kaldi(mine: Path) -> None:
    for name, stems in {"train": "abc", "train_sp": "abc", "dev_clean_2": "d", "lang": "e", "test": "f"}.items():
        kaldi(mine / name, wav=[f"{stem} ../wavs/{stem}.wav" for stem in stems], text=[f"{stem} x" for stem in stems])
    prepared = prepare_folder(mine)
    assert {split: [cut.id for cut in found] for split, found in prepared.splits.items()} == {
        "train": ["a", "b", "c"], "dev": ["d"], "test": ["f"],
    }  # fmt: skip
    assert f"{mine}: lang, train_sp not looked at, since their names are no splits." in prepared.notes


def test_faults_of_kaldi(mine: Path) -> None:
    folder = kaldi(
        mine / "data",
        wav=["a wavs/a.wav", "b flac -d -c b.flac |", "c sox c.wav -t wav - |", "d wavs/z.wav", "e wavs/e.wav", "a x"],
        text=["a one", "b two", "c three", "d four", "f five"],
    )
    with pytest.raises(DataError) as raised:
        prepare_folder(folder)
    problems = [
        line.strip().removeprefix(f"{folder}/").partition(" such file;")[0]
        for line in str(raised.value).splitlines()[1:-1]
    ]
    assert problems == [
        f"wav.scp, line 6: 'a' stands in {folder}/wav.scp, line 1 too. Keep one.",
        "wav.scp, line 2: a command ('flac -d -c b.flac |'), and so is 1 more; none is run. Write the audio into "
        "files, for example with Kaldi's `wav-copy`, and name those.",
        f"wav.scp, line 4: {folder}/wavs/z.wav: no",
        f"wav.scp, line 5: 'e' has no line in {folder}/text. Write one, or drop this one.",
        f"text, line 5: 'f' is not in {folder}/wav.scp. Add it there, or drop this line.",
    ]
    assert list(cuts(prepare_folder(folder, leave_out=True))) == ["a"]
    (folder / "text").unlink()
    with pytest.raises(DataError, match=r"holds wav\.scp and no text"):
        prepare_folder(folder, "out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u rec", "no `<utterance> <recording> <start> <end>`"),
        ("u rec 0 x", "no `<utterance> <recording> <start> <end>`"),
        ("u rec 0 nan", "are no seconds"),
        ("u rec 0.5 0.25", "it starts at 0.5 s and ends at 0.25 s"),
        ("u rec 0 1.6", "it ends at 1.6 s, but .* at 1.00 s"),
        ("u other 0 1", "no recording 'other' in .*wav.scp"),
    ],
)
def test_segments_that_cannot_be(mine: Path, line: str, message: str) -> None:
    folder = kaldi(mine / "data", wav=["rec wavs/a.wav"], text=["u one"], segments=[line])
    with pytest.raises(DataError, match=message):
        prepare_folder(folder)
