"""Played notes as sound: soundfonts, and for each kind of drum or instrument one of their sounds, chosen at random.

Each choice is made once a piece: the kit of each drum (often the same for all), its tuning and loudness, or the
instrument of each program. The loudness of a note is the square of its velocity, as General MIDI's synthesisers do it.
"""

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from crnn_audio.symbolic import soundfont
from crnn_audio.symbolic.played import PlayedNote
from crnn_audio.symbolic.soundfont import SoundFont

SAMPLE_RATE = 44100
KITS = 128
"""The bank of drum kits."""
UNLIKE = range(48, 128)
"""Kits with other sounds than General MIDI's drums on its keys: orchestra, marching band, metronome."""
GENERAL = {22: 42, 26: 46, 58: 43}
"""Keys of an electronic drum kit (Roland's edges and rims) that General MIDI lacks, and what is struck instead."""
OPEN_HI_HAT, CLOSING = (26, 46), (22, 42, 44)
"""An open hi-hat sounds until it is closed."""
RINGING = {35: 0.8, 36: 0.8, 37: 0.5, 38: 0.8, 39: 0.5, 40: 0.8, 42: 0.4, 44: 0.4}
"""Seconds that drums sound which die away soon."""
STRUCK_SECONDS, RELEASE_SECONDS, CHOKE_SECONDS = 2.5, 0.25, 0.03
SPLIT_KIT = 0.5
"""How often the drums of a piece come from different kits."""
TUNING_CENTS, GAIN_DB = 250.0, 6.0
"""Largest change of a drum's pitch and of its loudness."""
VELOCITY_STEP, TUNING_STEP = 16, 50
HELD_SECONDS = 8.0
REMEMBERED = 400
"""Tones, of up to 1.4 MB each."""
Waveform = Float32[np.ndarray, " S"]


@dataclass(frozen=True)
class Voice:
    """What a note is played with."""

    font: int
    program: int
    bank: int = 0
    cents: int = 0
    gain: float = 1.0


class Ensemble:
    """Plays notes with any of the soundfonts, and remembers tones that it has made.

    Args:
        instruments: General MIDI programs that pitched notes are played with; those of the notes where there are none.
    """

    def __init__(self, fonts: Sequence[SoundFont], instruments: Sequence[int] = ()) -> None:
        self.fonts = fonts
        self.instruments = tuple(instruments)
        self._tones: dict[Hashable, Waveform] = {}

    def play(self, notes: Sequence[PlayedNote], seconds: float, generator: np.random.Generator) -> Waveform:
        """The notes as `seconds` of sound at 44,100 Hz, at no particular level; zeros where nothing can be played."""
        voices = self._voices(notes, generator)
        sound = np.zeros(math.ceil(seconds * SAMPLE_RATE), dtype=np.float32)
        closings = sorted(note.start for note in notes if note.is_drum and note.pitch in CLOSING)
        for note in notes:
            voice = voices[_kind(note)]
            tone = self._tone(voice, GENERAL.get(note.pitch, note.pitch) if note.is_drum else note.pitch, note.velocity)
            tone = _ended(tone, *_length(note, closings))
            begin = round(note.start * SAMPLE_RATE)
            place = sound[begin : begin + len(tone)]
            place += tone[: len(place)] * np.float32(voice.gain * (note.velocity / 127) ** 2)
        return sound

    def _voices(self, notes: Sequence[PlayedNote], generator: np.random.Generator) -> dict[Hashable, Voice]:
        kits = [
            (number, kit) for number, font in enumerate(self.fonts) for kit in font.presets(KITS) if kit not in UNLIKE
        ]
        common = kits[generator.integers(len(kits))] if kits else (0, 0)
        split = generator.uniform() < SPLIT_KIT
        found: dict[Hashable, Voice] = {}
        for kind in sorted({_kind(note) for note in notes}):
            if kind[0]:
                number, kit = kits[generator.integers(len(kits))] if kits and split else common
                cents = round(generator.uniform(-TUNING_CENTS, TUNING_CENTS))
                found[kind] = Voice(number, kit, KITS, cents, 10 ** (generator.uniform(-GAIN_DB, GAIN_DB) / 20))
            else:
                program = int(generator.choice(self.instruments)) if self.instruments else kind[1]
                found[kind] = Voice(int(generator.integers(len(self.fonts))), program)
        return found

    def _tone(self, voice: Voice, pitch: int, velocity: int) -> Waveform:
        """A tone as long as any is held."""
        step = min(velocity // VELOCITY_STEP * VELOCITY_STEP + VELOCITY_STEP // 2, 127)
        cents = TUNING_STEP * round(voice.cents / TUNING_STEP)
        name = (voice.font, voice.program, voice.bank, cents, pitch, step)
        if name not in self._tones:
            rate = round(SAMPLE_RATE * 2 ** (-cents / 1200))  # played at another rate, it is tuned higher or lower
            seconds = RINGING.get(pitch, STRUCK_SECONDS) if voice.bank == KITS else HELD_SECONDS
            font = self.fonts[voice.font]
            if len(self._tones) >= REMEMBERED:
                del self._tones[next(iter(self._tones))]
            self._tones[name] = soundfont.tone(font, voice.program, pitch, seconds, rate, step, voice.bank)
        return self._tones[name]


def _kind(note: PlayedNote) -> tuple[bool, int]:
    """What is chosen for a drum or for an instrument; the two sides of one drum are one."""
    return note.is_drum, GENERAL.get(note.pitch, note.pitch) if note.is_drum else note.program


def _length(note: PlayedNote, closings: Sequence[float]) -> tuple[float, float]:
    """Seconds that a note sounds, and seconds in which it then dies away."""
    if not note.is_drum:
        return note.end - note.start, RELEASE_SECONDS
    after = bisect_right(closings, note.start)
    if note.pitch not in OPEN_HI_HAT or after == len(closings):
        return STRUCK_SECONDS, 0.0
    return closings[after] - note.start, CHOKE_SECONDS


def _ended(tone: Float32[np.ndarray, " _"], seconds: float, release: float) -> Float32[np.ndarray, " _"]:
    held, fading = round(seconds * SAMPLE_RATE), round(release * SAMPLE_RATE)
    if held >= len(tone):
        return tone
    ended = tone[: held + fading].copy()
    rest = len(ended) - held
    ended[held:] *= np.linspace(1, 0, max(fading, 1), dtype=np.float32)[:rest] ** 3
    return ended
