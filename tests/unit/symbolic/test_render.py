"""Sound of pieces: the pitches that sound in it, when, how loud, and what cannot be played."""

import importlib.util
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.errors import DataError
from crnn_audio.symbolic import render
from crnn_audio.symbolic.score import Note, Part, Score

RATE = 44100
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def melody(*pitches: int, program: int = 0, tempo: float = 120.0) -> Score:
    notes = tuple(Note(float(start), 1.0, pitch) for start, pitch in enumerate(pitches))
    return Score((Part("tune", notes, program),), tempo=tempo)


def measured_pitch(sound: np.ndarray, rate: int) -> float:
    """The frequency, in fractional MIDI pitches, whose first four harmonics are strongest together."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    pitches = np.arange(40, 90, 0.05)
    bins = 440 * 2 ** ((pitches - 69) / 12) * 8 * len(sound) / rate
    strength = sum(np.log(spectrum[np.rint(harmonic * bins).astype(int)] + 1e-3) for harmonic in (1, 2, 3, 4))
    return float(pitches[strength.argmax()])


@pytest.mark.parametrize(("program", "rate"), [(0, 44100), (0, 22050), (40, 44100), (73, 44100)])
def test_a_scale_sounds_in_tune_and_in_time(program: int, rate: int) -> None:
    sound = render.waveform(melody(*SCALE, program=program), sample_rate=rate)
    length = rate // 2
    for index, pitch in enumerate(SCALE):
        tone = sound[index * length + rate // 10 : (index + 1) * length]
        assert measured_pitch(tone, rate) == pytest.approx(pitch, abs=0.3)
    assert len(sound) / rate == pytest.approx(4 + render.RELEASE_SECONDS, abs=1e-3)


def test_tempo_sets_when_notes_sound_and_a_rest_is_silent() -> None:
    piece = Score((Part("tune", (Note(1.0, 1.0, 60), Note(4.0, 1.0, 67))),), tempo=60.0)
    sound = np.abs(render.waveform(piece))
    loud = [
        float(sound[int(at * RATE) : int((at + 0.05) * RATE)].max()) for at in (0.0, 0.94, 1.01, 1.9, 2.3, 3.9, 4.01)
    ]
    assert [level > 0.01 for level in loud] == [False, False, True, True, False, False, True]
    assert sound[: RATE - 10].max() == 0


@pytest.mark.parametrize("voices", [1, 4, 24])
def test_it_is_as_loud_as_it_can_be_without_clipping(tmp_path: Path, voices: int) -> None:
    parts = tuple(Part(str(voice), (Note(0.0, 2.0, 48 + voice),), 19) for voice in range(voices))
    render.to_wav(Score(parts), tmp_path / "loud.wav")
    sound, rate = soundfile.read(tmp_path / "loud.wav", dtype="int16")
    assert rate == RATE
    assert sound.ndim == 1
    assert np.abs(sound.astype(int)).max() == pytest.approx(0.89 * 32768, abs=2)


def test_a_tone_dies_away_without_a_click() -> None:
    """A tone that is cut off falls from full to nothing within a millisecond."""
    sound = render.waveform(melody(60, program=19))
    levels = [
        float(np.sqrt(np.mean(sound[at : at + 441] ** 2))) for at in range(RATE // 2 - 882, len(sound) - 441, 441)
    ]
    assert all(0.6 * former <= later for former, later in pairwise(levels[:-3]) if former > 0.01)
    assert np.abs(sound[-441:]).max() < 1e-3


def test_notes_add_up_wherever_they_stand() -> None:
    """A chord is the sum of its notes, and a note sounds the same at any place; loudness apart."""
    alone = render.waveform(melody(60))
    later = render.waveform(Score((Part("", (Note(2.0, 1.0, 60),)),)))
    np.testing.assert_allclose(later[RATE : RATE + len(alone)], alone, atol=1e-6)
    both = render.waveform(Score((Part("", (Note(0.0, 1.0, 60),)), Part("", (Note(0.0, 1.0, 67),)))))
    factors, *_ = np.linalg.lstsq(np.stack([alone, render.waveform(melody(67))], axis=1), both, rcond=None)
    assert np.abs(both - alone * factors[0] - render.waveform(melody(67)) * factors[1]).max() < 1e-4


def test_the_same_piece_gives_the_same_samples() -> None:
    np.testing.assert_array_equal(render.waveform(melody(*SCALE)), render.waveform(melody(*SCALE)))


@pytest.mark.parametrize("piece", [Score(()), Score((Part("a", ()),)), Score((Part("a", (Note(0.0, 0.0, 60),)),))])
def test_an_empty_piece_is_a_file_that_can_be_opened(tmp_path: Path, piece: Score) -> None:
    render.to_wav(piece, tmp_path / "empty.wav")
    assert soundfile.info(tmp_path / "empty.wav").duration == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (melody(60, 128), "a note of pitch 128 at quarter 1, 1 long; a pitch is 0 to 127"),
        (melody(-1), "a note of pitch -1 at"),
        (Score((Part("", (Note(-1.0, 2.0, 60),)),)), "at quarter -1, 2 long"),
        (Score((Part("", (Note(0.0, math.nan, 60),)),)), "a piece of nan quarters"),
        (melody(60, program=128), "part 'tune' has program 128; General MIDI has 0 to 127."),
        (melody(60, tempo=0.0), "a piece of 1 quarters at 0 a minute"),
        (melody(60, tempo=-5.0), "at -5 a minute"),
        (melody(60, tempo=math.nan), "at nan a minute"),
        (Score((Part("", (Note(0.0, 8000.0, 60),)),)), "last 3600 s or less. Cut it."),
    ],
)
def test_what_cannot_be_played(tmp_path: Path, piece: Score, message: str) -> None:
    with pytest.raises(DataError) as caught:
        render.to_wav(piece, tmp_path / "x.wav")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_the_soundfont_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pretty_midi, which is not installed.*crnn-audio\[music\]"):
        render.to_wav(melody(60), tmp_path / "x.wav")


def test_a_full_disk_or_no_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written \(No such file"):
        render.to_wav(melody(60), tmp_path / "nowhere" / "x.wav")
