"""Music written in words: "C4 E4 G4:2 R C4+E4:4", notes one after the other, their quarter notes after a colon."""

import math
import re

from crnn_audio.errors import DataError
from crnn_audio.symbolic.keys import NATURAL
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.score import Note, Part, Score
from crnn_audio.symbolic.ticks import on_tick

NAME = re.compile(r"([A-Ga-g])([#b]*)(-?\d)")
REST = "R"
SHARP_NAMES = "C C# D D# E F F# G G# A A# B".split()


def pitch(name: str) -> int:
    """The MIDI pitch of a name such as C4 (middle C, 60), F#3 or Bb5.

    Raises:
        DataError: it is none, or outside MIDI's range.
    """
    found = NAME.fullmatch(name)
    if not found:
        raise DataError(f"note {name!r}: should be a letter, sharps or flats, and an octave, such as C4, F#3 or Bb5.")
    letter, signs, octave = found.groups()
    number = 12 * (int(octave) + 1) + NATURAL[letter.upper()] + signs.count("#") - signs.count("b")
    if not 0 <= number <= 127:
        raise DataError(f"note {name!r}: is outside what MIDI holds, C-1 to G9.")
    return number


def pitch_name(pitch: int) -> str:
    """As C4 for 60, black keys as sharps."""
    return f"{SHARP_NAMES[pitch % 12]}{pitch // 12 - 1}"


def parse(words: str) -> Score:
    """The piece that `read` finds."""
    return read(words).score


def read(words: str) -> ParsedScore:
    """The piece of notes such as "C4 E4 G4:2 R C4+E4:0.5": one quarter each by default; R is a rest.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    notes, now = list[Note](), 0.0
    for word in words.replace(",", " ").split():
        names, colon, length = word.partition(":")
        quarters = _length(length, word) if colon else 1.0
        if names.upper() != REST:
            notes.extend(Note(now, quarters, pitch(name)) for name in names.split("+"))
        now = on_tick(now + quarters)
    if not notes:
        raise DataError(f"{words!r}: holds no notes. Give names and lengths, such as 'C4 E4 G4:2', or a file.")
    return ParsedScore(Score((Part("melody", tuple(sorted(notes))),)), end=now)


def _length(written: str, word: str) -> float:
    try:
        quarters = on_tick(float(written))
    except (ValueError, OverflowError):
        quarters = math.nan
    if not 0 < quarters <= 64:
        raise DataError(f"note {word!r}: after the colon stand quarter notes, above 0 and at most 64, such as C4:1.5.")
    return quarters
