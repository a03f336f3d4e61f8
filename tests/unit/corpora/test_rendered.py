"""Rendered recordings: what sounds where its labels say, and folders of MIDI that cannot be rendered."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.corpora import groove_midi, home, rendered, soundfonts, spoken_digits
from crnn_audio.corpora.own.rendering import prepare_rendered, programs
from crnn_audio.corpora.rendered import Piece, Rendering, render
from crnn_audio.errors import DataError
from crnn_audio.symbolic.played import PlayedNote, to_midi
from tests.soundfonts import SAMPLE, sine, write


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """One drum of a twentieth of a second, on every key."""
    write(tmp_path / "kit.sf2", [[(SAMPLE, 0)]], recording=sine(22), program=0, bank=128)
    return tmp_path / "kit.sf2"


def strikes(*times: float, pitch: int = 38) -> list[PlayedNote]:
    return [PlayedNote(time, time + 0.1, pitch, 100, 0, True) for time in times]


@pytest.mark.parametrize("dry", [True, False])
def test_it_sounds_where_the_labels_say(kit: Path, tmp_path: Path, dry: bool) -> None:
    notes = sorted([*strikes(0.5, 1.5), *strikes(2.5, pitch=36), *strikes(3.2, pitch=54)])
    how = Rendering((kit,), sample_rate=16000, dry=dry)
    (cut,) = render({"train": ([Piece("one", notes)], how)}, tmp_path / "out")["train"]
    assert manifests.load(tmp_path / "out" / "train.jsonl")[0].segments == cut.segments
    assert [(one.start, one.label) for one in cut.segments] == [(0.5, "snare"), (1.5, "snare"), (2.5, "kick")]
    sound, _ = audio.read(cut.recording.path)
    assert 0.04 < np.abs(sound).max() < 0.95
    for one in cut.segments:
        first = round(one.start * 16000)
        before, after = (float(np.abs(sound[place : place + 600]).max()) for place in (first - 1000, first))
        assert after > 3 * before


def test_a_long_piece_is_cut_and_the_minutes_are_kept(kit: Path, tmp_path: Path) -> None:
    pieces = [Piece(f"{number}", strikes(*np.arange(0.5, 9.6).tolist())) for number in range(4)]
    how = Rendering((kit,), longest=4.0, minutes=0.2, sample_rate=8000, dry=True)
    cuts = render({"train": (pieces, how)}, tmp_path / "out")["train"]
    assert sum(len(cut.segments) for cut in cuts) in (20, 30)
    assert max(cut.duration for cut in cuts) < 4.7
    again = render({"train": (pieces, how)}, tmp_path / "again")["train"]
    assert [cut.recording.path.read_bytes() for cut in cuts] == [cut.recording.path.read_bytes() for cut in again]


def test_notes_of_instruments_are_labelled_with_their_pitch(tmp_path: Path) -> None:
    write(tmp_path / "piano.sf2", [[(SAMPLE, 0)]], recording=sine(200), program=0)
    pieces = [Piece("one", [PlayedNote(0.1, 0.4, 69), PlayedNote(0.2, 0.3, 57, program=9)])]
    how = Rendering((tmp_path / "piano.sf2",), instruments=(0,), sample_rate=8000)
    (cut,) = render({"dev": (pieces, how)}, tmp_path / "out")["dev"]
    assert [(one.start, one.end, one.label) for one in cut.segments] == [(0.1, 0.4, "69"), (0.2, 0.3, "57")]


def test_an_open_hi_hat_is_closed() -> None:
    from crnn_audio.symbolic.ensemble import STRUCK_SECONDS, _length

    opened = PlayedNote(1.0, 1.1, 46, 100, 0, True)
    assert _length(opened, [0.5, 1.25]) == (0.25, pytest.approx(0.03))
    assert _length(opened, [0.5]) == (STRUCK_SECONDS, 0.0)


def test_what_no_soundfont_can_play(kit: Path, tmp_path: Path) -> None:
    pieces = [Piece("one", [PlayedNote(0.1, 0.4, 60)])]
    with pytest.raises(DataError, match=r"train: nothing of its 1 pieces can be played with .*kit\.sf2"):
        render({"train": (pieces, Rendering((kit,)))}, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"RIFF\0\0\0\0sfbk"])
def test_a_damaged_soundfont(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.sf2").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.sf2: not a soundfont that can be read"):
        render({"train": ([Piece("one", strikes(0.1))], Rendering((tmp_path / "bad.sf2",)))}, tmp_path / "out")
    with pytest.raises(DataError, match=r"none\.sf2: a soundfont that cannot be read"):
        render({"train": ([Piece("one", strikes(0.1))], Rendering((tmp_path / "none.sf2",)))}, tmp_path / "out")


def test_a_soundfont_that_is_nowhere_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(soundfonts.PACKAGES, "Odd.sf2", "odd-soundfont")
    with pytest.raises(DataError, match=r"no soundfont Odd\.sf2 .*apt install odd-soundfont"):
        soundfonts.located(("Odd.sf2",))


def test_groove_midi_by_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groove_midi, "EXPECTED", {"train": 1, "dev": 1, "test": 1})
    rows = ["id,midi_filename,split,beat_type"]
    for number, split in enumerate(("train", "validation", "test")):
        (tmp_path / f"{number}.mid").write_bytes(to_midi(strikes(0.5, 1.0)))
        rows.append(f"d/{number},{number}.mid,{split},beat")
    (tmp_path / "info.csv").write_text("\n".join(rows))
    found = groove_midi.read_pieces(tmp_path)
    assert {split: [piece.id for piece in pieces] for split, pieces in found.items()} == {
        "train": ["d/0"], "dev": ["d/1"], "test": ["d/2"],
    }  # fmt: skip
    assert [note.start for note in found["train"][0].notes] == [0.5, 1.0]
    (tmp_path / "1.mid").write_bytes(b"MThd")
    with pytest.raises(DataError, match=r"1\.mid: not a MIDI file"):
        groove_midi.read_pieces(tmp_path)


def test_every_key_has_one_kind() -> None:
    assert sum(map(len, rendered.DRUMS.values())) == len(rendered.KIND_OF)


def test_a_folder_of_midi_by_its_splits_and_its_soundfonts(kit: Path, tmp_path: Path) -> None:
    for split, count in (("train", 2), ("dev", 1), ("test", 1)):
        (tmp_path / "midi" / split).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "midi" / split / f"{number}.mid").write_bytes(to_midi(strikes(0.5, 1.0)))
    (tmp_path / "midi" / "train" / "bad.mid").write_bytes(b"MThd")
    write(tmp_path / "other.sf2", [[(SAMPLE, 0)]], recording=sine(44), program=0, bank=128)
    fonts = [str(kit), f"test={tmp_path / 'other.sf2'}"]
    how = Rendering((), dry=True, sample_rate=8000)
    found = prepare_rendered(str(tmp_path / "midi"), fonts, tmp_path / "out", how)
    assert {split: len(cuts) for split, cuts in found.splits.items()} == {"train": 2, "dev": 1, "test": 1}
    assert [problem.rpartition("/")[2].partition(":")[0] for problem in found.problems] == ["bad.mid"]
    with pytest.raises(DataError, match=r"out: exists"):
        prepare_rendered(str(tmp_path / "midi"), fonts, tmp_path / "out", how)


@pytest.mark.parametrize(
    ("source", "fonts", "words"),
    [
        ("nowhere", ["a.sf2"], "nowhere: no such folder, and no corpus of that name"),
        ("empty", ["a.sf2"], "empty: holds no MIDI"),
        ("empty", ["test=a.sf2"], "no soundfont for train"),
        ("bad", ["a.sf2"], "bad: 1 of 1 files cannot be used"),
        ("spoken_digits", ["a.sf2"], "spoken_digits: holds no notes that could be played"),
    ],
)
def test_what_cannot_be_rendered(
    source: str, fonts: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.mid").write_bytes(b"no MIDI")
    cut = manifests.whole(manifests.Recording("a", tmp_path / "a.wav", 8000, 8000), "one")
    monkeypatch.setattr(home, "locate", lambda corpus: tmp_path)
    monkeypatch.setattr(spoken_digits, "read_splits", lambda folder: {"train": [cut]})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=words):
        prepare_rendered(source, fonts, tmp_path / "out", Rendering(()))


def test_programs_are_listed() -> None:
    assert programs("0-2,24") == (0, 1, 2, 24)
    with pytest.raises(DataError, match="0-200"):
        programs("0-200")
