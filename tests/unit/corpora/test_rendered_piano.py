"""Performances and random notes that become recordings of a piano, and the splits that they make."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crnn_audio.corpora import jsb16, nottingham, rendered_piano, soundfonts
from crnn_audio.corpora.rendered import Piece
from crnn_audio.corpora.rendered_piano import KEYS, SECONDS, performed, scattered, struck_again
from crnn_audio.symbolic.played import PlayedNote
from tests.soundfonts import SAMPLE, sine, write


def test_a_key_is_free_before_it_is_struck_again_and_a_unison_is_one_note() -> None:
    notes = [PlayedNote(0, 2, 60), PlayedNote(1, 3, 60), PlayedNote(0.01, 1, 64), PlayedNote(0.04, 5, 64)]
    assert struck_again(notes) == [PlayedNote(0, 1, 60), PlayedNote(0.01, 1, 64), PlayedNote(1, 3, 60)]


def test_a_performance_has_the_keys_of_the_piece_in_another_time() -> None:
    piece = Piece("a", [PlayedNote(beat, beat + 1, 60 + beat) for beat in range(20)])
    found = performed(piece)
    assert found == performed(piece) != performed(Piece("b", piece.notes))
    assert [note.pitch for note in found.notes] == [note.pitch for note in piece.notes]
    tempo = found.notes[-1].start / 19
    assert 0.6 < tempo < 1.65
    assert tempo != pytest.approx(1, abs=1e-3)
    assert all(abs(note.start - tempo * beat) < 0.1 for beat, note in enumerate(found.notes))
    assert len({note.velocity for note in found.notes}) > 5


def test_random_notes_reach_every_key_and_never_overlap_on_one() -> None:
    pieces = [scattered(f"random-{number}") for number in range(60)]
    assert pieces[0] == scattered("random-0")
    assert {note.pitch for piece in pieces for note in piece.notes} == set(range(KEYS[0], KEYS[1] + 1))
    for piece in pieces:
        assert piece.seconds <= SECONDS
        assert struck_again(piece.notes) == piece.notes


def test_splits_are_rendered_from_both_collections(
    corpus: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chorales = jsb16.read_splits(corpus("jsb16"))
    tunes = {split: [replace(one, id=f"tune-{one.id}") for one in chorales[split][:8]] for split in chorales}
    monkeypatch.setattr(jsb16, "read_splits", lambda folder: {split: chorales[split][:30] for split in chorales})
    monkeypatch.setattr(nottingham, "read_splits", lambda folder: tunes)
    corpus("nottingham")
    for name in soundfonts.PACKAGES:
        write(tmp_path / name, [[(SAMPLE, 0)]], recording=sine(40), program=0)
    monkeypatch.setattr(soundfonts, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(rendered_piano, "MINUTES", {"train": 0.6, "dev": 0.3, "test": 0.6})
    monkeypatch.setattr(rendered_piano, "PIANOS", (0,))
    rendered_piano.obtain(tmp_path / "piano")
    splits = rendered_piano.read_splits(tmp_path / "piano")
    assert all(sum(cut.duration for cut in splits[split]) > 15 for split in ("train", "dev", "test"))
    assert all(cut.segments for cuts in splits.values() for cut in cuts)
    assert not {cut.id.partition("/")[0] for cut in splits["train"]} & {
        cut.id.partition("/")[0] for cut in splits["dev"]
    }
    assert all("-dev-" in cut.id or not cut.id.startswith("jsb16") for cut in splits["test"])
