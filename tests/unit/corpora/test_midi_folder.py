"""Any folder of music: what is read, what is listed as bad, and when too much of it is."""

from pathlib import Path

import pytest

from crnn_audio.corpora import home, midi_folder
from crnn_audio.errors import DataError
from crnn_audio.symbolic.midi import to_midi
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from tests.events import chorale
from tests.shared_cases import case
from tests.unit.corpora.test_abc_tunes import JIG, REEL
from tests.unit.corpora.test_tunes import melody

CHORD = tuple(Note(start, 1.0, pitch) for start in range(8) for pitch in (48, 55, 64, 72))


def midi(path: Path, score: Score) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_midi(score))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two melodies in MIDI, one below and one of chords; two tunes in ABC; a broken file; and what is no music."""
    midi(tmp_path / "one.mid", melody(1))
    midi(
        tmp_path / "deep" / "two.MID",
        Score((Part("organ", CHORD),), time_signatures=(TimeSignature(0, 4, 4),), keys=(Key(0, -1),)),
    )
    (tmp_path / "tunes.abc").write_text(JIG + "\n" + REEL)
    (tmp_path / "broken.mid").write_bytes(to_midi(melody(2))[:60])
    (tmp_path / "cover.png").write_bytes(b"\x89PNG")
    return tmp_path


def test_what_a_folder_holds(folder: Path) -> None:
    found = midi_folder.read(folder)
    assert [tune.id for tune in found.tunes] == ["deep/two.MID", "one.mid", "tunes.abc, tune 1", "tunes.abc, tune 2"]
    assert found.tunes[0].condition == {"key": "F", "metre": "4/4"}
    assert found.tunes[3].condition == {"key": "ADor", "metre": "2/2"}
    assert found.tunes[1].score.parts[0].notes == melody(1).parts[0].notes
    assert [note.pitch for note in found.tunes[0].score.parts[0].notes] == [72] * 8
    assert len(found.problems) == 1
    assert found.problems[0].startswith("broken.mid: ")
    assert found.remarks == [
        "deep/two.MID: 24 notes left out where others began at the same time, the highest kept"
    ]  # fmt: skip


def test_what_was_changed_is_said_in_a_line_with_counts(tmp_path: Path) -> None:
    for number in range(3):
        piece = chorale(number)
        midi(tmp_path / f"{number}.mid", piece)
    assert midi_folder.read(tmp_path).summary == (
        "3 of 3 pieces were changed to fit: 3 as 0.mid: of 4 parts soprano is taken, by its name."
    )
    assert midi_folder.read(tmp_path, "chorale").summary == ""
    midi(tmp_path / "chord.mid", Score((Part("organ", (Note(0.0, 1.0, 36), *CHORD)),)))
    found = midi_folder.read(tmp_path, "chorale")
    assert [part.notes[0].pitch for part in found.tunes[-1].score.parts][-1] == 36, "the lowest voice stays"
    assert "1 of 4 pieces were changed to fit: 1 as chord.mid: the notes of 1 part are shared out" in found.summary
    assert "1 notes are left out, as more than four sound at once" in found.summary


def test_splits_have_a_piece_each_and_families_stay_together(folder: Path) -> None:
    midi(folder / "again.mid", melody(1, shift=5))
    splits = midi_folder.read_splits(folder)
    assert all(splits.values())
    assert sum(map(len, splits.values())) == 5
    (together,) = [split for split, tunes in splits.items() if "one.mid" in {tune.id for tune in tunes}]
    assert "again.mid" in {tune.id for tune in splits[together]}


def test_a_chorale_is_shared_out(folder: Path) -> None:
    found = midi_folder.read(folder, "chorale")
    assert [part.notes[0].pitch for part in found.tunes[0].score.parts] == [72, 64, 55, 48]


def test_one_bad_tune_leaves_the_others_of_its_file(folder: Path) -> None:
    (folder / "tunes.abc").write_text(JIG + "\nX:7\nM:nonsense/0\nK:G\nGAB|\n\n" + REEL)
    found = midi_folder.read(folder)
    assert [tune.id for tune in found.tunes if "abc" in tune.id] == ["tunes.abc, tune 1", "tunes.abc, tune 3"]
    assert any(problem.startswith("tunes.abc, tune 2: ") for problem in found.problems)


def test_more_bad_files_than_good_ones_are_refused(folder: Path) -> None:
    for number in range(6):
        (folder / f"bad{number}.mid").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        midi_folder.read(folder)
    said = str(caught.value)
    assert f"{folder}: 7 of 10 files cannot be used: bad0.mid: " in said
    assert "; and 2 more. Correct or remove them." in said
    assert "\n" not in said
    assert said.count(str(folder)) == 1


def test_half_of_them_bad_is_borne(folder: Path) -> None:
    for number in range(2):
        (folder / f"bad{number}.abc").write_text("no tune")
    assert len(midi_folder.read(folder).problems) == 3


@pytest.mark.parametrize("content", [None, "text"])
def test_no_music_is_refused(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "readme.txt").write_text(content)
    with pytest.raises(DataError, match=r"holds no music\. Files should end in \.mid, \.midi, \.abc"):
        midi_folder.read(tmp_path)
    with pytest.raises(DataError, match="no such folder of music"):
        midi_folder.read(tmp_path / "nowhere")


def test_silence_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "silence.abc").write_text("X:1\nM:4/4\nK:C\nz4|z4|\n")
    with pytest.raises(DataError, match=r"1 of 1 files cannot be used: silence\.abc"):
        midi_folder.read(tmp_path)


def test_without_a_root_a_folder_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    with pytest.raises(DataError, match="give it as the corpus's root"):
        home.locate(midi_folder)


def test_files_of_karaoke_and_windows_are_read() -> None:
    folder = case("music_folder_suffixes")
    assert [tune.id for tune in midi_folder.read(folder).tunes] == ["kar.kar", "riff.rmi", "running.mid"]


def test_a_tune_book_that_cannot_be_read_is_a_problem(folder: Path) -> None:
    (folder / "huge.abc").write_text("M:4/4\n" * 1001 + "\n" + JIG)
    (problem,) = [one for one in midi_folder.read(folder).problems if one.startswith("huge.abc")]
    assert problem == "huge.abc: 1001 lines before the first tune hold for all of them; there may be 1000."
