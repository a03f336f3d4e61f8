"""Where a corpus is looked for, and that one which is being made is never taken as whole."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import corpora
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import CORPORA, home
from crnn_audio.errors import DataError


class Birdsong:
    """A corpus that can be had, or not."""

    NAME, KIND, LICENCE, HOME, NOT_FOR = "birdsong", "recognition", "free", "the wood", "speech"

    def __init__(self, failure: str | None = None) -> None:
        self.failure = failure

    def read_splits(self, folder: Path, /) -> dict[str, list[Cut]]:
        return {}

    def obtain(self, folder: Path, progress: home.Progress | None = None) -> None:
        with home.arriving(folder) as partial:
            (partial / "blackbird.flac").touch()
            if self.failure:
                raise DataError(self.failure)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRNN_AUDIO_DATA", str(tmp_path / "shared"))


def test_places_are_searched_in_order(tmp_path):
    assert home.find("birdsong") is None
    for place in (Path("data/birdsong"), tmp_path / "shared" / "birdsong"):
        place.mkdir(parents=True)
        assert home.find("birdsong") == place


def test_a_root_is_the_only_place(tmp_path):
    (tmp_path / "data" / "birdsong").mkdir(parents=True)
    assert home.find("birdsong", root=tmp_path / "attic") is None
    with pytest.raises(DataError, match=r"birdsong: not found \(looked at .*attic\)"):
        home.locate(Birdsong(), tmp_path / "attic")
    (tmp_path / "attic").mkdir()
    assert home.locate(Birdsong(), tmp_path / "attic") == tmp_path / "attic"


def test_what_is_nowhere_is_obtained_into_data():
    assert home.locate(Birdsong()) == Path("data/birdsong")
    assert [path.name for path in Path("data").iterdir()] == ["birdsong"]
    assert Path("data/birdsong/blackbird.flac").is_file()


def test_what_cannot_be_had_names_every_place_and_the_command(tmp_path):
    with pytest.raises(DataError) as caught:
        home.locate(Birdsong("All birds are asleep."))
    for part in (str(tmp_path / "shared" / "birdsong"), "data/birdsong", "asleep", "crnn-audio prepare birdsong"):
        assert part in str(caught.value)
    assert list(Path("data").iterdir()) == []


def test_it_arrives_by_renaming_so_that_nobody_sees_half_of_it():
    with home.arriving(Path("data/birdsong")) as partial:
        made = partial.stat().st_ino
    assert Path("data/birdsong").stat().st_ino == made


def test_an_interrupted_one_leaves_nothing():
    def interrupted() -> None:
        with home.arriving(Path("data/birdsong")) as partial:
            (partial / "half").touch()
            assert home.find("birdsong") is None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(Path("data").iterdir()) == []


def test_a_place_that_cannot_be_written_is_said():
    Path("data").write_text("a file, not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        home.locate(Birdsong())


def test_every_corpus_offers_the_same():
    for name, corpus in CORPORA.items():
        assert isinstance(corpus, home.Corpus)
        assert name == corpus.NAME
        assert corpus.KIND in {
            "recognition", "rolls", "music", "text", "transduction", "classification", "memory", "labelling",
        }  # fmt: skip
        assert corpus.LICENCE


def test_every_module_of_a_corpus_is_registered():
    folder = Path(corpora.__file__).parent
    named = {path for path in folder.glob("*.py") if re.search(r"^NAME = ", path.read_text(encoding="utf-8"), re.M)}
    assert named == {Path(inspect.getfile(corpus)) for corpus in CORPORA.values()}
    assert len(named) == len(CORPORA), "two corpora have one name"


def test_files_of_ones_own_are_nowhere_but_at_their_root(tmp_path):
    own = [corpus for corpus in CORPORA.values() if corpus.HOME == home.LOCAL]
    assert {corpus.NAME for corpus in own} == {"manifests", "midi_folder", "text_file", "pairs"}
    for corpus in own:
        assert home.locate(corpus, tmp_path / "attic") == tmp_path / "attic", "reading says what is wrong with it"
        with pytest.raises(DataError, match=f"{corpus.NAME}: not found"):
            home.locate(corpus)


# ---------------------------------------------------------------------------------------- noises and responses


def hum(path: Path, rate: int, seconds: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(round(rate * seconds)) / 5), rate)


def test_sounds_of_a_folder_come_by_name_at_the_rate_asked_for(tmp_path):
    hum(tmp_path / "noises" / "b.wav", 8000)
    hum(tmp_path / "noises" / "a.flac", 16000, 0.2)
    hum(tmp_path / "noises" / "kinds" / "rain.ogg", 16000, 0.3)
    (tmp_path / "noises" / "licence.txt").touch()
    assert [len(one) for one in home.sounds(tmp_path / "noises", 16000)] == [3200, 1600, 4800]


def test_a_folder_of_sounds_is_searched_here_then_among_corpora(tmp_path):
    for place, count in ((Path("data"), 1), (tmp_path / "shared", 2), (Path(), 3)):
        for number in range(count):
            hum(place / "noises" / f"{number}.wav", 8000)
        assert len(home.sounds("noises", 8000)) == count


def test_a_folder_without_sounds_is_said(tmp_path):
    with pytest.raises(DataError, match=r"noises: no such folder of recordings \(looked at noises, .*shared.*noises"):
        home.sounds("noises", 8000)
    Path("noises").mkdir()
    with pytest.raises(DataError, match="noises: holds no recordings"):
        home.sounds("noises", 8000)
    (Path("noises") / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"broken\.wav"):
        home.sounds("noises", 8000)
