"""Keys by name, and how a pitch is spelled in a key."""

import re
from collections.abc import Iterable

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import MODES, Key

FIFTHS = "FCGDAEB"
"""The letters in the order in which sharps are added; C is the major key without any."""
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""The pitch class of each letter."""
_NAME = re.compile(r"([A-Ga-g])([#b♯♭]?)\s*([A-Za-z]*)")
_SHORT = {mode[:3]: mode for mode in MODES} | {"": "major", "m": "minor", "aeo": "minor", "ion": "major"}


def parse_key(name: str, start: float = 0.0) -> Key:
    """The key that "G", "Em", "Bb minor" or "Ddor" names; capitals mean nothing, so "EM" is minor, too.

    Raises:
        DataError: there is no such key, or none of at most seven sharps or flats.
    """
    return Key(start, *_named(name))


def enharmonic(name: str) -> Key | None:
    """The key that sounds the same and has six sharps or five flats at most: F# for Gb; None if it is no key's name."""
    try:
        sharps, mode = _named(name)
    except DataError:
        return None
    return Key(0.0, (sharps + 5) % 12 - 5, mode)


def _named(name: str) -> tuple[int, str]:
    found = _NAME.fullmatch(name.strip())
    word = found[3] if found else ""
    mode = _SHORT.get(word[:3].lower())
    if found is None or mode is None:
        raise DataError(f"key {name!r}: should be a letter, # or b if need be, and a mode, such as G, Em, Bb or F#dor.")
    return signature(found[1].upper(), found[2]) + MODES[mode], mode


def needed_keys(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Sorted, of those that begin together the last, and none that repeats the one in force."""
    kept: list[Key] = []
    for key in {one.start: one for one in sorted(keys, key=lambda one: one.start)}.values():
        if not kept or (key.sharps, key.mode) != (kept[-1].sharps, kept[-1].mode):
            kept.append(key)
    return tuple(kept)


def signature(letter: str, accidental: str) -> int:
    """The sharps (flats if negative) of the major key on a tonic."""
    return FIFTHS.index(letter) - 1 + 7 * {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[accidental]


def alterations(sharps: int) -> dict[str, int]:
    """What a key's signature does to each letter: 1 raises by a semitone, -1 lowers."""
    return {letter: (sharps + 6 - place) // 7 for place, letter in enumerate(FIFTHS)}


def spelled(pitch: int, sharps: int) -> tuple[str, int, int]:
    """Letter, alteration and octave (middle C opens the fourth) of a pitch, as musicians of that key write it.

    A pitch outside of the key is one of three flats or two sharps from it, such as Eb, Bb, F#, C#, G# in C.
    """
    fifth = next(fifth for fifth in range(sharps - 3, sharps + 9) if (7 * fifth - pitch) % 12 == 0)
    letter, alteration = FIFTHS[(fifth + 1) % 7], (fifth + 1) // 7
    return letter, alteration, (pitch - alteration - NATURAL[letter]) // 12 - 1
