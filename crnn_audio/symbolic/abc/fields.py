"""What the fields of an ABC tune mean: lengths, time signatures, tempi, keys, voices, the order of parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc.book import plain
from crnn_audio.symbolic.keys import FIFTHS, alterations, parse_key
from crnn_audio.symbolic.score import Key

MOST_PARTS = 1000
"""That an order of parts plays; one that asks for more is a mistake."""
_KEY = re.compile(
    r"([A-Ga-g][#b♯♭]?)(?:\s*((?i:maj|min|mix|dor|phr|lyd|loc|aeo|ion)[a-z]*|(?i:ma|mi|m)(?![A-Za-z])))?(?![A-Za-z])"
)
_PIPES = re.compile(r"(?i:hp)(?![A-Za-z])")
_EXPLICIT = re.compile(r"(\^{1,2}|_{1,2}|=)([A-Ga-g])(?![A-Za-z])")
ALTERS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_SETTING = re.compile(r"""(?<![A-Za-z-])([A-Za-z-]++)\s*+=\s*+("[^"]*"|\S+)""")
_CLEF = re.compile(r"\b(?:treble|alto|tenor|bass|perc)\d?(?:([+-])8)?")
_PASSED_OVER = re.compile(r"(?:exp|none|[A-G]\d|[+-]8|\s|,)+", re.IGNORECASE)
"""Words of a key that are understood, or change only how it looks."""
_METRE = re.compile(r"\(?(\d{1,4}(?:\s*\+\s*\d{1,4})*)\)?\s*/\s*(\d{1,4})")


@dataclass(frozen=True)
class KeyField:
    """A key: `key` is None where the music has none; `altered` is what each letter is raised by."""

    key: Key | None
    altered: dict[str, int]
    own: bool = False
    """Whether it names accidentals that no key of a `Score` has."""


_MODES = {"mi": "min", "ma": "maj"}
"""Spellings of modes that the standard does not know."""
NO_KEY = KeyField(None, dict.fromkeys(FIFTHS, 0))
"""Music without a key."""


def time_signature(text: str) -> tuple[int, int] | None:
    """Beats and the note that is one of them; None where the music is free.

    Raises:
        DataError: it is no time signature.
    """
    if text in ("", "none"):
        return None
    if text in ("C", "C|"):
        return (4, 4) if text == "C" else (2, 2)
    found = _METRE.match(text)
    beats = sum(map(int, found[1].split("+"))) if found else 0
    beat_type = int(found[2]) if found else 0
    if not 0 < beats < 256 or beat_type not in (1, 2, 4, 8, 16, 32, 64, 128):
        raise DataError(f"M:{text} is no time signature; it should be such as M:6/8, M:C or M:none.")
    return beats, beat_type


def unit(text: str) -> Fraction:
    """The length of a note without a number, in quarter notes.

    Raises:
        DataError: it is no length.
    """
    found = re.match(r"1(?:\s*/\s*([1-9]\d{0,3}))?(?:\s|$)", text)
    if found is None:
        raise DataError(f"L:{text} is no length; it should be such as L:1/8.")
    return Fraction(4, int(found[1] or 1))


def default_unit(beats: tuple[int, int] | None) -> Fraction:
    """Without an L: a sixteenth in time signatures shorter than three quarters, else an eighth; in quarter notes."""
    return Fraction(1, 4) if beats is not None and Fraction(*beats) < Fraction(3, 4) else Fraction(1, 2)


def tempo(text: str, length: Fraction) -> float | None:
    """Quarter notes a minute; None where only a word such as "Allegro" stands.

    Args:
        length: of a note without a number, in quarter notes, which the oldest spelling, Q:120, counts.
    """
    text = re.sub(r'"[^"]*"', "", text).strip()
    beat, _, count = text.rpartition("=")
    if not re.fullmatch(r"\d{1,6}(\.\d{1,20})?", count.strip()):
        return None
    beats = [4 * Fraction(one) for one in re.findall(r"\d{1,5}/[1-9]\d{0,4}", beat)]
    return float(Fraction(count.strip()) * (sum(beats) if beats else length)) or None


def key(text: str) -> KeyField | None:
    """The key of a K: field; None where it holds only the clef, or nothing that can be understood.

    Raises:
        DataError: it has more than seven sharps or flats.
    """
    if _PIPES.match(text):  # of the Highland pipes: "HP" leaves the signature of two sharps out on paper alone
        return KeyField(Key(0.0, 2), alterations(2))
    explicit = {letter.upper(): ALTERS[sign] for sign, letter in _EXPLICIT.findall(text)}
    found = _KEY.match(text)
    if found is None:
        free = text == "" or text.lower().startswith("none") or bool(explicit)
        return KeyField(None, dict.fromkeys(FIFTHS, 0) | explicit, bool(explicit)) if free else None
    base = parse_key(found[1] + _MODES.get((found[2] or "").lower(), found[2] or ""))
    altered = dict.fromkeys(FIFTHS, 0) if re.search(r"\bexp\b", text) else alterations(base.sharps)
    return KeyField(base, altered | explicit, bool(explicit))


def key_remarks(text: str) -> Iterator[str]:
    """What of a K: field was not understood, or not taken as it stands."""
    found = _PIPES.match(text) or _KEY.match(text)
    rest = text[found.end() :] if found else text
    for known in (_SETTING, _EXPLICIT, _CLEF):
        rest = known.sub(" ", rest)
    if _PASSED_OVER.sub("", rest):
        yield f"{rest.strip()[:40]!r} in the key K:{text[:40]} was not understood."
    if found and len(found[0]) == 1 and found[0].islower():
        yield f"K:{found[0]} was read as {found[0].upper()} major; a key begins with a capital letter."


def voice_name(text: str) -> str:
    """The name that a V: field gives; empty if it gives none."""
    settings = _settings(text)
    return plain(settings.get("name") or settings.get("nm") or "")


def moves(text: str) -> bool:
    """Whether a V: or K: field says how high the voice sounds."""
    return bool({"octave", "transpose"} & _settings(text).keys() or _CLEF.search(text))


def sounding_remarks(text: str) -> Iterator[str]:
    """What of a V: or K: field would change how its notes sound, and does not."""
    if _is_percussion(text):
        yield "A clef is that of drums (perc): its notes were read as notes of a pitch."
    for name in ("score", "shift", "sound"):
        if name in _settings(text):
            yield f"{name}= was passed over: the notes are read as they are written."


def _is_percussion(text: str) -> bool:
    return _settings(text).get("clef", "").startswith("perc") or bool(re.search(r"\bperc\b", _SETTING.sub("", text)))


def shift(text: str) -> int:
    """By how many semitones a voice sounds higher than written: octave=, transpose=, and clefs with an 8."""
    settings, clef = _settings(text), _CLEF.search(text)
    octaves, semitones = (_whole(settings.get(name, "")) for name in ("octave", "transpose"))
    return 12 * octaves + semitones + (12 * int(clef[1] + "1") if clef and clef[1] else 0)


def _settings(text: str) -> dict[str, str]:
    """What stands as name=value."""
    return {name.lower(): value.strip('"') for name, value in _SETTING.findall(text)}


def _whole(number: str) -> int:
    return int(number) if re.fullmatch(r"[+-]?\d{1,2}", number) else 0


def part_order(text: str) -> str:
    """The letters of a P: field in the order in which they are played: "A(AB)2" is "AABAB".

    Raises:
        DataError: its brackets do not match, or it is endless.
    """
    text = re.sub(r"[.\s]", "", text)
    if len(text) > 4 * MOST_PARTS:
        raise DataError(f"P:{text[:40]} plays more than {MOST_PARTS} parts.")
    while found := re.search(r"\(([A-Za-z]*)\)(\d*)|([A-Za-z])(\d+)", text):
        inner, times = (found[1], found[2]) if found[3] is None else (found[3], found[4])
        if len(times) > 3 or len(inner) * int(times or 1) > MOST_PARTS:
            raise DataError(f"P:{text[:40]} plays more than {MOST_PARTS} parts.")
        text = text[: found.start()] + inner * int(times or 1) + text[found.end() :]
    if not re.fullmatch("[A-Za-z]*", text) or len(text) > MOST_PARTS:
        raise DataError(f"P:{text[:40]} is no order of parts; it should be such as P:AABB or P:(AB)2C.")
    return text
