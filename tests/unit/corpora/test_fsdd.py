"""FSDD from its official layout and from copies, split as its home says, whole or refused; downloaded or not there."""

import io
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.corpora import an4, folds, fsdd
from crnn_audio.errors import DataError

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def build(folder: Path, top: str = "recordings", suffix: str = ".wav") -> Path:
    """A corpus of FSDD's layout and counts, with ten samples a recording."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(10), 8000, format=suffix[1:], subtype="PCM_16")
    (folder / top).mkdir(parents=True)
    for digit in range(10):
        for speaker in SPEAKERS:
            for take in range(50):
                (folder / top / f"{digit}_{speaker}_{take}{suffix}").write_bytes(buffer.getvalue())
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = build(tmp_path_factory.mktemp("fsdd") / "fsdd")
    (folder / "README.md").write_text("The test set officially consists of the first 10% of the recordings.")
    return folder


@pytest.fixture
def broken(home, tmp_path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "fsdd", copy_function=os.link))


def test_takes_decide_the_split(home) -> None:
    splits = fsdd.read_splits(home)
    takes = {split: {int(cut.id.rpartition("_")[2]) for cut in cuts} for split, cuts in splits.items()}
    assert takes == {"train": set(range(10, 50)), "dev": set(range(5, 10)), "test": set(range(5))}
    assert {split: len(cuts) for split, cuts in splits.items()} == fsdd.EXPECTED
    (cut,) = [cut for cut in splits["test"] if cut.id == "7_theo_3"]
    assert (cut.text, cut.speaker, cut.recording.sample_rate, cut.is_whole) == ("seven", "theo", 8000, True)
    assert {cut.speaker for cut in splits["dev"]} == set(SPEAKERS), "dev hears every speaker, as test does"


def test_a_fold_is_a_speaker(home) -> None:
    folds = fsdd.read_folds(home)
    assert [{cut.speaker for cut in fold} for fold in folds] == [{speaker} for speaker in SPEAKERS]
    assert [len(fold) for fold in folds] == [500] * 6
    assert len({cut.id for fold in folds for cut in fold}) == 3000


@pytest.mark.parametrize(("fold", "test", "dev"), [(1, "george", "jackson"), (6, "yweweler", "george")])
def test_the_fold_that_is_asked_for_is_test_and_the_next_one_dev(home, fold, test, dev) -> None:
    splits = folds.read_splits(fsdd, home, fold)
    assert [{cut.speaker for cut in splits[name]} for name in ("test", "dev")] == [{test}, {dev}]
    assert {cut.speaker for cut in splits["train"]} == set(SPEAKERS) - {test, dev}
    assert sum(map(len, splits.values())) == 3000


def test_a_fold_that_is_not_there_is_an_error(home) -> None:
    assert folds.read_splits(fsdd, home, None) == fsdd.read_splits(home)
    with pytest.raises(DataError, match=r"^fsdd: has folds 1 to 6, so there is no data\.fold 7\.$"):
        folds.read_splits(fsdd, home, 7)
    with pytest.raises(DataError, match=r"^an4: has no folds\. Leave data\.fold out"):
        folds.read_splits(an4, home, 1)


def test_converted_copies_are_read(tmp_path) -> None:
    assert len(fsdd.read_splits(build(tmp_path / "fsdd", "flac", ".flac"))["train"]) == 2400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda top: (top / "3_theo_2.wav").unlink(), "299 test recordings of 300"),
        (lambda top: (top / "3_theo_2.wav").rename(top / "3_theo_50.wav"), "2401 train recordings of 2400"),
        (
            lambda top: (top / "3_theo_2.wav").rename(top / "three.wav"),
            r"three\.wav: not named <digit>_<speaker>_<take>",
        ),
        (
            lambda top: (top / "3_theo_2.wav").rename(top / "3_teo_2.wav"),
            "o' says 'three' [14] times in test",
        ),
        (lambda top: shutil.rmtree(top), "no recordings. FSDD's folder holds"),
    ],
)
def test_what_is_not_whole_is_refused(broken, change, message) -> None:
    change(broken / "recordings")
    with pytest.raises(DataError, match=message):
        fsdd.read_splits(broken)


@pytest.fixture
def web(home, tmp_path, serve) -> str:
    """What GitHub serves: archive/<commit>.tar.gz of one folder that is named after the commit."""
    for section in ("whole", "short"):
        (tmp_path / "web" / section / "archive").mkdir(parents=True)
        with tarfile.open(
            tmp_path / "web" / section / "archive" / f"{fsdd.COMMIT}.tar.gz", "w:gz", compresslevel=1
        ) as tar:
            tar.add(home, f"free-spoken-digit-dataset-{fsdd.COMMIT}")
    return serve(tmp_path / "web")


def test_the_archive_is_downloaded_unpacked_and_read(web, tmp_path) -> None:
    fsdd.obtain(tmp_path / "data" / "fsdd", home=f"{web}whole/")
    assert len(fsdd.read_splits(tmp_path / "data" / "fsdd")["test"]) == 300
    assert sorted(path.name for path in (tmp_path / "data" / "fsdd").iterdir()) == ["README.md", "recordings"]
    with pytest.raises(DataError, match="broke off after"):
        fsdd.obtain(tmp_path / "half" / "fsdd", home=f"{web}short/")
    assert list((tmp_path / "half").iterdir()) == []


def test_the_real_corpus_has_its_counts(corpus) -> None:
    splits = fsdd.read_splits(corpus("fsdd"))
    assert {split: len(cuts) for split, cuts in splits.items()} == fsdd.EXPECTED
    assert {cut.speaker for cut in splits["test"]} == set(SPEAKERS)
    assert all(cut.recording.sample_rate == 8000 for cuts in splits.values() for cut in cuts)
    assert round(sum(cut.duration for cut in splits["train"]) / 60) == 18
