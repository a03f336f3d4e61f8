"""Speech by espeak-ng, called through ctypes from the pip package `espeakng-loader` (extra `synth`).

espeak-ng keeps random state between utterances, so the same call repeats exactly only in a fresh process. Therefore
`speak` starts one for each list of lines; what it returns is a function of that list alone.
"""

import ctypes
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from crnn_audio.errors import DataError

SAMPLE_RATE = 22050
VOLUME = 60  # of 100, at which the loudest voices clip

# Constants of espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2  # 1 returns before the speech is there
RATE, LOUDNESS, PITCH, RANGE, WORD_GAP = 1, 2, 3, 4, 7
POSITION_CHARACTER, CHARACTERS_UTF8 = 1, 1

CHILD = "from crnn_audio.corpora.espeak import answer; answer()"


@dataclass(frozen=True)
class Line:
    """What to say, and how.

    `language` is an espeak-ng voice such as "en-US", `variant` one of its voice variants such as "f3"; `speed` is words
    a minute (80 to 450), `pitch` and `pitch_range` go from 0 to 99, `word_gap` is in units of 10 ms.
    """

    text: str
    language: str
    variant: str
    speed: int = 175
    pitch: int = 50
    pitch_range: int = 50
    word_gap: int = 0


def speak(lines: Sequence[Line]) -> list[np.ndarray]:
    """Speaks the lines in a fresh process and in this order: int16 waveforms at 22,050 Hz.

    Raises:
        DataError: espeak-ng is not installed, has no such language or variant, or failed.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise DataError("espeak-ng is not installed. Install it with `pip install crnn-audio[synth]` or `make setup`.")
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([asdict(line) for line in lines]).encode(),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if child.returncode != 0:
        output = child.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise DataError(f"espeak-ng failed with exit code {child.returncode}: {output[-1]}")
    with np.load(io.BytesIO(child.stdout)) as spoken:
        return [spoken[str(index)] for index in range(len(lines))]


def answer() -> None:
    """The child's side: lines as JSON on standard input, waveforms as .npz on standard output."""
    lines = [Line(**fields) for fields in json.load(sys.stdin)]
    try:
        spoken = _Synthesizer().speak_all(lines)
    except DataError as error:
        sys.exit(str(error))
    np.savez(sys.stdout.buffer, **{str(index): waveform for index, waveform in enumerate(spoken)})  # type: ignore[arg-type]


class _Synthesizer:
    """The library, initialised. It is one per process, and so is its state."""

    def __init__(self) -> None:
        import espeakng_loader

        self._variants = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._pieces: list[np.ndarray] = []
        data = os.fsencode(espeakng_loader.get_data_path())
        rate = self._library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
        if rate != SAMPLE_RATE:
            raise DataError(f"espeak-ng could not start: it answered {rate} where {SAMPLE_RATE} Hz are expected.")
        signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = signature(self._collect)  # kept, since the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def speak_all(self, lines: Sequence[Line]) -> list[np.ndarray]:
        return [self._speak(line) for line in lines]

    def _speak(self, line: Line) -> np.ndarray:
        self._set_voice(line)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath is random, and seeded by the clock
        settings = {
            RATE: line.speed,
            LOUDNESS: VOLUME,
            PITCH: line.pitch,
            RANGE: line.pitch_range,
            WORD_GAP: line.word_gap,
        }
        for parameter, value in settings.items():
            self._check(self._library.espeak_SetParameter(parameter, value, 0), f"setting {parameter} to {value}", line)
        self._pieces.clear()
        text = line.text.encode()
        code = self._library.espeak_Synth(text, len(text) + 1, 0, POSITION_CHARACTER, 0, CHARACTERS_UTF8, None, None)
        self._check(code, "speaking", line)
        if not self._pieces:
            raise DataError(f"no sound came of {line}")
        return np.concatenate(self._pieces)

    def _set_voice(self, line: Line) -> None:
        # Of a variant that it does not have, espeak-ng says nothing and speaks in the plain voice.
        if not (self._variants / line.variant).is_file():
            raise DataError(f"no voice variant {line.variant!r}")
        voice = f"{line.language}+{line.variant}".encode()
        self._check(self._library.espeak_SetVoiceByName(voice), "choosing the voice", line)

    def _check(self, code: int, doing: str, line: Line) -> None:
        if code != 0:
            raise DataError(f"error {code} while {doing}, for {line}")

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0
