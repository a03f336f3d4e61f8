"""LibriSpeech and its mini from their official layouts and from a copy with a table; whole or refused; downloaded."""

import shutil
import tarfile
from pathlib import Path

import pytest

from crnn_audio.corpora import librispeech, mini_librispeech
from crnn_audio.errors import DataError

OFFICIAL = dict(librispeech.EXPECTED), dict(mini_librispeech.EXPECTED)
OFFICIAL, MINI_OFFICIAL = librispeech.EXPECTED, mini_librispeech.EXPECTED
COUNTS = {"train-clean-100": 4, "dev-clean": 2, "test-clean": 3, "dev-other": 1, "test-other": 2}
MINI_COUNTS = {"train-clean-5": 4, "dev-clean-2": 2}


def build(top: Path, part: str, count: int, sound, suffix: str = ".flac") -> None:
    """A part as it unpacks: two speakers, a chapter each."""
    speakers = [str(1000 * len(part) + ord(part[0]) + index) for index in range(2)]
    for index in range(count):
        speaker = speakers[index % 2]
        chapter = top / part / speaker / "77"
        sound(chapter / f"{speaker}-77-{index:04d}{suffix}", rate=16000)
        with (chapter / f"{speaker}-77.trans.txt").open("a") as file:
            file.write(f"{speaker}-77-{index:04d} IT'S NUMBER {'ONE TWO THREE FOUR'.split()[index]}\n")


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    monkeypatch.setattr(librispeech, "EXPECTED", COUNTS)
    monkeypatch.setattr(mini_librispeech, "EXPECTED", MINI_COUNTS)


@pytest.fixture
def big(tmp_path, sound) -> Path:
    for part in ("train-clean-100", "dev-clean", "test-clean"):
        build(tmp_path / "big" / "LibriSpeech", part, COUNTS[part], sound)
    return tmp_path / "big"


def test_the_counts_add_up_to_all_of_librispeech() -> None:
    """292,367 utterances, as other corpora built on it count them, less train-clean-360 and train-other-500."""
    assert sum(OFFICIAL.values()) == 292_367 - 104_014 - 148_688


def test_parts_are_splits(big, sound) -> None:
    splits = librispeech.read_splits(big)
    assert {split: len(cuts) for split, cuts in splits.items()} == {"train": 4, "dev": 2, "test": 3}
    first = splits["dev"][0]
    speaker = first.id.split("-")[0]
    assert (first.text, first.speaker) == ("IT'S NUMBER ONE", speaker)
    assert first.recording.path == big / "LibriSpeech" / "dev-clean" / speaker / "77" / f"{first.id}.flac"
    build(big / "LibriSpeech", "test-other", 2, sound)
    assert len(librispeech.read_splits(big)["test-other"]) == 2


def test_the_folder_around_the_parts_may_be_missing_and_the_audio_be_converted(tmp_path, sound) -> None:
    for part in ("train-clean-100", "dev-clean", "test-clean"):
        build(tmp_path, part, COUNTS[part], sound, ".wav")
    assert len(librispeech.read_splits(tmp_path)["train"]) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: shutil.rmtree(part), "dev-clean: no such folder"),
        (lambda part: shutil.rmtree(min(part.iterdir())), "1 utterances where dev-clean has 2"),
        (lambda part: next(part.rglob("*.flac")).unlink(), "no audio of .*, which has a transcript"),
        (
            lambda part: next(part.rglob("*.trans.txt")).write_text("nonsense\n"),
            "line 1: not .* but 'nonsense'",
        ),
        (lambda part: next(part.rglob("*.trans.txt")).write_bytes(b"1-2-3 \xff\n"), "not ASCII"),
    ],
)
def test_what_is_not_whole_is_refused(big, change, message) -> None:
    change(big / "LibriSpeech" / "dev-clean")
    with pytest.raises(DataError, match=message):
        librispeech.read_splits(big)


# ---------------------------------------------------------------------------------------- mini


@pytest.fixture
def table(tmp_path, sound) -> Path:
    """A copy as people keep it: re-encoded, with one table."""
    rows = ["path\tspeaker\tsplit\ttext\tseconds"]
    for index, split in enumerate(["train"] * 4 + ["dev"] * 2 + ["longform"]):
        path = f"{'' if split == 'train' else split + '/'}9/8/9-8-{index:04d}.flac"
        sound(tmp_path / "mini" / path, rate=16000)
        rows.append(f'{path}\t{index % 2}\t{split}\tSAY "{index}\t0.1')
    (tmp_path / "mini" / "transcripts.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path / "mini"


def test_a_copy_with_a_table_keeps_its_splits(table) -> None:
    splits = mini_librispeech.read_splits(table)
    assert {split: len(cuts) for split, cuts in splits.items()} == {"train": 4, "dev": 2, "longform": 1}
    assert (splits["dev"][1].id, splits["dev"][1].text, splits["dev"][1].speaker) == ("9-8-0005", 'SAY "5', "1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ttrain\t", "\tdev\t", "0 train and 6 dev utterances where it has 4 train"),
        ("\tdev\t", "\teval\t", "4 train and 0 dev"),
        ("\tsplit\t", "\tpart\t", "no column 'split'"),
        ("\t0.1\n", "\n", "line 2: 4 fields where the header has 5"),
        ("9-8-0001", "9-8-0002x", "no such file"),
    ],
)
def test_a_broken_copy_is_refused(table, old, new, message) -> None:
    path = table / "transcripts.tsv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        mini_librispeech.read_splits(table)


# ---------------------------------------------------------------------------------------- downloads


def archives(folder: Path, parts: dict[str, int], sound) -> None:
    """Archives as OpenSLR serves them: everything under LibriSpeech/, the licence in each."""
    for part, count in parts.items():
        (folder / "tree" / "LibriSpeech").mkdir(parents=True, exist_ok=True)
        (folder / "tree" / "LibriSpeech" / "LICENSE.TXT").write_text(f"of {part}")
        build(folder / "tree" / "LibriSpeech", part, count, sound)
        with tarfile.open(folder / f"{part}.tar.gz", "w:gz") as tar:
            tar.add(folder / "tree" / "LibriSpeech", "LibriSpeech")
        shutil.rmtree(folder / "tree")


@pytest.mark.usefixtures("unpinned")
@pytest.mark.parametrize("module", [librispeech, mini_librispeech])
def test_archives_are_downloaded_into_one_folder(tmp_path, sound, serve, module) -> None:
    parts = {part: module.EXPECTED[part] for part in module.PARTS.values()}
    (tmp_path / "web").mkdir()
    archives(tmp_path / "web", parts, sound)
    said = []
    module.obtain(tmp_path / "data" / module.NAME, lambda *report: said.append(report), home=serve(tmp_path / "web"))
    splits = module.read_splits(tmp_path / "data" / module.NAME)
    assert {split: len(cuts) for split, cuts in splits.items()} == {
        split: parts[part] for split, part in module.PARTS.items()
    }
    assert sorted(path.name for path in (tmp_path / "data" / module.NAME).iterdir()) == ["LICENSE.TXT", *sorted(parts)]
    licence = (tmp_path / "data" / module.NAME / "LICENSE.TXT").read_text()
    assert licence == f"of {module.PARTS['train']}", "a later archive replaced what an earlier one brought"
    assert {report[0] for report in said} == {f"downloading {part}" for part in parts}


@pytest.mark.usefixtures("unpinned")
def test_a_download_that_is_not_whole_leaves_nothing(tmp_path, sound, serve) -> None:
    (tmp_path / "web" / "short").mkdir(parents=True)
    archives(tmp_path / "web" / "short", {"train-clean-5": 4, "dev-clean-2": 2}, sound)
    archives(tmp_path / "web", {"train-clean-5": 3, "dev-clean-2": 2}, sound)
    home = serve(tmp_path / "web")
    for address, message in (
        (f"{home}short/", "train-clean-5.* broke off after"),
        (f"{home}nowhere/", "cannot be downloaded .*404"),
        (home, "3 utterances where train-clean-5 has 4"),
    ):
        with pytest.raises(DataError, match=message):
            mini_librispeech.obtain(tmp_path / "data" / "mini", home=address)
        assert list((tmp_path / "data").iterdir()) == []


# ---------------------------------------------------------------------------------------- the real one


def test_the_real_mini_has_its_counts(corpus, monkeypatch) -> None:
    folder = corpus("mini_librispeech")
    monkeypatch.setattr(mini_librispeech, "EXPECTED", MINI_OFFICIAL)
    splits = mini_librispeech.read_splits(folder)
    assert {split: len(cuts) for split, cuts in splits.items()} == {"train": 1519, "dev": 167, "longform": 87}
    speakers = {split: {cut.speaker for cut in cuts} for split, cuts in splits.items()}
    assert len(speakers["train"]) == 28
    assert not speakers["train"] & (speakers["dev"] | speakers["longform"])
    assert 5.2 < sum(cut.duration for cut in splits["train"]) / 3600 < 5.4
