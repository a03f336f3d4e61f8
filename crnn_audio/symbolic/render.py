"""A piece as sound, played with the soundfont that comes inside the pip package pretty_midi.

The soundfont, TimGM6mb by Tim Brechbill, is under GPL-2. It is read where pretty_midi has put it and never copied.
"""

import importlib.util
import io
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from crnn_audio import files
from crnn_audio.errors import DataError, writing
from crnn_audio.symbolic import soundfont
from crnn_audio.symbolic.form import played
from crnn_audio.symbolic.performance import performed
from crnn_audio.symbolic.played import VELOCITY, from_score
from crnn_audio.symbolic.score import Score

SAMPLE_RATE = 44100
PEAK = 0.89
"""Of the loudest sample: 1 dB below full scale."""
RELEASE_SECONDS = 0.25
"""How long a tone dies away after its end."""
MAX_SECONDS = 3600.0

Waveform = Float32[np.ndarray, " S"]
Tone = Callable[[int, int, float], Waveform]


def to_wav(score: Score, path: str | Path, *, sample_rate: int = SAMPLE_RATE, expressive: bool = False) -> None:
    """Writes the piece as a WAV file (mono, 16 bits), whole or not at all; the arguments are those of `waveform`.

    Raises:
        DataError: what `waveform` raises; or the file cannot be written.
    """
    import soundfile

    content = io.BytesIO()  # a full disk is no error that soundfile words
    soundfile.write(
        content,
        waveform(score, sample_rate=sample_rate, expressive=expressive),
        sample_rate,
        format="WAV",
        subtype="PCM_16",
    )
    with writing(path):
        files.write_bytes(Path(path), content.getvalue())


def waveform(score: Score, *, sample_rate: int = SAMPLE_RATE, expressive: bool = False) -> Waveform:
    """The piece at its tempo, its repeats played: one channel in [-0.89, 0.89].

    A quarter of a second follows in which the last tone dies away.

    Args:
        expressive: loud and soft, and at a tempo that is not quite even, as `performance` has it.

    Raises:
        DataError: pretty_midi is not installed, a pitch is none of MIDI's, or the piece is longer than an hour.
    """
    score = played(score)
    _check(score)
    tone = _player(soundfont.read(_soundfont()), sample_rate)
    notes = performed(score) if expressive else from_score(score)
    seconds = max((note.end for note in notes), default=0.0)
    sound = np.zeros(math.ceil((seconds + RELEASE_SECONDS) * sample_rate) + 1, dtype=np.float32)
    for note in notes:
        begin = round(note.start * sample_rate)
        one = tone(note.program, note.pitch, round(note.end - note.start, 6))[: len(sound) - begin]
        sound[begin : begin + len(one)] += one * np.float32((note.velocity / VELOCITY) ** 2)
    loudest = float(np.abs(sound).max())
    return sound * np.float32(PEAK / loudest) if loudest else sound


def _check(score: Score) -> None:
    if not (0 < score.tempo < math.inf and score.seconds <= MAX_SECONDS):
        raise DataError(
            f"a piece of {score.end:g} quarters at {score.tempo:g} a minute; a tempo should be above 0 and a piece "
            f"last {MAX_SECONDS:g} s or less. Cut it."
        )
    if strange := [part for part in score.parts if not 0 <= part.program <= 127]:
        raise DataError(f"part {strange[0].name!r} has program {strange[0].program}; General MIDI has 0 to 127.")
    for note in score.notes:
        if not (0 <= note.pitch <= 127 and note.start >= 0 and note.duration >= 0):
            raise DataError(
                f"a note of pitch {note.pitch} at quarter {note.start:g}, {note.duration:g} long; a pitch is 0 to 127, "
                "and a note begins at 0 or later. Transpose or correct the piece."
            )


def _soundfont() -> Path:
    found = importlib.util.find_spec("pretty_midi")
    if found is None or found.origin is None:
        raise DataError(
            "Sound needs the soundfont of the package pretty_midi, which is not installed. "
            "Install it with `pip install crnn-audio[music]` or `make setup`."
        )
    return Path(found.origin).parent / "TimGM6mb.sf2"


def _player(font: soundfont.SoundFont, sample_rate: int) -> Tone:
    """A function from General MIDI program, pitch and seconds to the tone; it remembers those that it has made."""

    @cache
    def tone(program: int, pitch: int, seconds: float) -> Waveform:
        sound = soundfont.tone(font, program, pitch, seconds + RELEASE_SECONDS, sample_rate)
        count = min(round(RELEASE_SECONDS * sample_rate), len(sound))
        sound[-count:] *= np.linspace(1, 0, count, dtype=np.float32) ** 3  # fast at first, as a damped string does
        return sound

    return tone
