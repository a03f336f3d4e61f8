"""How a score is played: phrases as arches, the melody above the others, a slow end; the same each time."""

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from crnn_audio.errors import DataError
from crnn_audio.symbolic import files, instruments, performance, render
from crnn_audio.symbolic.performance import loudness_of, performed, phrases_of
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature

QUARTERS = tuple(Note(float(place), 1.0, 60 + place % 5) for place in range(32))
PIECE = Score((Part("", QUARTERS),), tempo=120.0, time_signatures=(TimeSignature(0.0, 4, 4),))


def test_phrases() -> None:
    assert phrases_of(PIECE) == [0.0, 16.0, 32.0]
    held = Score(PIECE.parts, time_signatures=PIECE.time_signatures, fermatas=(7.0, 31.0))
    assert phrases_of(held) == [0.0, 8.0, 32.0]
    short = Score((Part("", QUARTERS[:1]),))
    assert phrases_of(short) == [0.0, 1.0]
    assert len(performed(short)) == 1
    assert performed(Score(())) == []


def test_loudness() -> None:
    one = loudness_of(PIECE)
    velocities = [one(0, note) for note in QUARTERS]
    assert velocities[7] > velocities[1] > performance.SOFT - 1
    assert velocities[9] > velocities[15]
    assert velocities[8] - velocities[7] >= performance.ON_BAR - 1, "the first note of a bar has an accent"
    four = loudness_of(Score(PIECE.parts * 4, time_signatures=PIECE.time_signatures))
    melody, inner, bass = (four(part, QUARTERS[6]) for part in (0, 1, 3))
    assert melody > bass > inner


def test_time() -> None:
    played = performed(PIECE)
    assert played == performed(PIECE)
    assert [note.pitch for note in played] == [note.pitch for note in QUARTERS]
    steps = np.diff([note.start for note in played])
    assert 0.5 < np.median(steps) < 0.56
    assert steps[-1] > 1.15 * np.median(steps), "the end slows down"
    assert all(note.start < note.end for note in played)
    held = Score(PIECE.parts, tempo=120.0, time_signatures=PIECE.time_signatures, fermatas=(7.0,))
    onsets = [note.start for note in performed(held)]
    assert onsets[8] - onsets[7] > 1.4 * (onsets[7] - onsets[6])


def test_files(tmp_path: Path) -> None:
    pytest.importorskip("pretty_midi")
    assert files.save(PIECE, tmp_path / "a.mid", expressive=True) == ()
    files.save(PIECE, tmp_path / "even.mid")
    loud = [
        {one.velocity for one in mido.MidiFile(tmp_path / name) if one.type == "note_on"}
        for name in ("a.mid", "even.mid")
    ]
    assert len(loud[0]) > 5
    assert loud[1] == {80}
    render.to_wav(PIECE, tmp_path / "a.wav", expressive=True)
    render.to_wav(PIECE, tmp_path / "even.wav")
    (one, rate), (even, _) = (soundfile.read(tmp_path / name) for name in ("a.wav", "even.wav"))
    assert len(one) > len(even) > 16 * rate
    for sound in (one, even):
        assert 0.85 < np.abs(sound).max() < 0.9


def test_instruments() -> None:
    assert len(instruments.NAMES) == len(set(instruments.NAMES)) == 128
    assert instruments.programs("flute, Strings,choir aahs,0, 127") == [73, 48, 52, 0, 127]
    for wrong, guess in (("flut", "Did you mean 'flute'"), ("128", "no instrument"), ("", "no instrument")):
        with pytest.raises(DataError, match=guess):
            instruments.programs(wrong)
