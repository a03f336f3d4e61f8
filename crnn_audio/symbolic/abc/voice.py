"""One voice of an ABC tune: its signs into segments, in the order in which they are written."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc.book import plain
from crnn_audio.symbolic.abc.fields import ALTERS, NO_KEY, KeyField
from crnn_audio.symbolic.abc.segments import MOST, MOST_TONES, Segment, Tone, addable
from crnn_audio.symbolic.abc.tokens import IN_CHORD, factor, signs
from crnn_audio.symbolic.keys import NATURAL
from crnn_audio.symbolic.validation import HIGHEST

CHORD = re.compile(
    r"\(?[A-G][#b]?(?:maj|min|mi|m|M|dim|aug|sus|alt|no|d|a|o|t|[-+^#b0-9(),°øΔ])*+"  # "ma" is "m" and "a"
    r"(?:/[A-Ga-g]?[#b+0-9]*)?\)?|N\.?C\.?"
)
"""What in quotation marks is a chord symbol; anything else is said to the player."""
FERMATAS = ("!fermata!", "!invertedfermata!", "+fermata+", "+invertedfermata+", "H")
JUMPS = re.compile(r"[!+](D\.?C\.?|D\.?S\.?|dacapo|dacoda|coda|segno|fine)[^!+]*[!+]", re.IGNORECASE)
MOST_TURNS = 99
"""The highest number that an ending may have, and how often a repeat may be played."""
_Name = tuple[str, int]


@dataclass
class Voice:
    """Reads the music of one voice line after line; what it has read stands in `segments`, the last one still open.

    Args:
        remarks: how often each thing that cannot be kept was met; shared by the voices of a tune.
        unit: the length of a note without a number, in quarter notes.
        shift: by how many semitones it sounds higher than written, as its clef, V: or K: says.
        signs: what letters mean that a U: field defines; shared by the voices of a tune.
        transposed: by how many more, as %%MIDI transpose says.
        spread: whether an accidental holds in every octave ("pitch", as the standard has it), its own, or "not" at all.
    """

    remarks: Counter[str]
    unit: Fraction
    time_signature: tuple[int, int] | None = None
    key: KeyField = NO_KEY
    shift: int = 0
    transposed: int = 0
    spread: str = "pitch"
    name: str = ""
    program: int = 0
    signs: dict[str, str] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    _closed: Fraction = Fraction(0)  # the length of all segments but the open one
    _tones: int = 0
    _place: Fraction = Fraction(0)  # in the open segment
    _altered: dict[_Name, int] = field(default_factory=dict)  # by the accidentals of this bar
    _last: Tone | None = None  # None after a rest, too
    _last_length: Fraction = Fraction(0)
    _spelled: dict[_Name, int] = field(default_factory=dict)  # the pitches of the last tone by their names
    _next_factor: Fraction = Fraction(1)  # of a broken rhythm
    _tuplet: tuple[Fraction, int] = (Fraction(1), 0)  # its factor, and how many notes it still has
    _fermata: bool = False

    def __post_init__(self) -> None:
        self._open()

    @property
    def length(self) -> Fraction:
        """Of all that is written so far, in quarter notes."""
        return self._closed + self.segments[-1].length + self._place

    def read(self, music: str) -> None:
        """A line, or what stands between two fields of one."""
        for kind, found in signs(music):
            if kind in _READERS:
                _READERS[kind](self, found)

    def set_time_signature(self, time_signature: tuple[int, int] | None) -> None:
        """A time signature that holds from here on."""
        self.time_signature = time_signature
        self._divide()
        self.segments[-1].time_signature = time_signature

    def set_key(self, key: KeyField) -> None:
        """A key that holds from here on; it ends what the accidentals of the bar do."""
        self.key = key
        self._divide()
        self.segments[-1].key = self._signature()
        self._altered.clear()

    def begin_part(self, label: str) -> None:
        """A part of the tune begins here."""
        self._divide()
        self.segments[-1].part = label

    def finish(self) -> list[Segment]:
        """All segments, the last one closed."""
        self._divide()
        return self.segments

    # ------------------------------------------------------------------------------------------------ segments

    def _open(self) -> None:
        self._closed += self.segments[-1].length if self.segments else 0
        if len(self.segments) > MOST:
            raise DataError(f"a voice of more than {MOST} bars.")
        self.segments.append(Segment(self.time_signature, self._signature()))
        self._place = Fraction(0)

    def _signature(self) -> tuple[int, str] | None:
        return None if self.key.key is None else (self.key.key.sharps, self.key.key.mode)

    def _divide(self) -> None:
        """Closes a segment that something stands in."""
        self.segments[-1].length = max(self.segments[-1].length, self._place)
        if not self.segments[-1].blank:
            self._open()

    def _bar(self, found: re.Match[str]) -> None:
        sign = found[0].lstrip(".")
        before, after = len(sign) - len(sign.lstrip(":")), len(sign) - len(sign.rstrip(":"))
        if before == len(sign):  # "::" ends one repeat and begins another
            before = after = len(sign) // 2
        if max(before, after) >= MOST_TURNS:
            raise DataError(
                f"a repeat sign of {max(before, after)} colons; a strain is played {MOST_TURNS} times at most."
            )
        current = self.segments[-1]
        current.length = max(current.length, self._place)
        ends = self.segments[-2] if current.blank and len(self.segments) > 1 else current
        if not current.blank or ends is not current:
            ends.line = True
            ends.closes = max(ends.closes, before + 1 if before else 0)
            ends.double |= any(double in sign for double in ("||", "|]", "[|"))
        self._divide()
        self.segments[-1].opens |= after > 0
        self._altered.clear()

    def _ending(self, found: re.Match[str]) -> None:
        self._divide()
        turns: set[int] = set()
        for one in found[0].lstrip("[").split(","):
            first, _, last = one.partition("-")
            turns |= set(range(int(first), min(int(last or first), MOST_TURNS) + 1))
        self.segments[-1].endings = frozenset(turns)

    def _overlay(self, _: re.Match[str]) -> None:
        """A second voice for this bar."""
        self.segments[-1].length = max(self.segments[-1].length, self._place)
        self._place, self._last = Fraction(0), None

    # ------------------------------------------------------------------------------------------------ notes

    def _note(self, found: re.Match[str]) -> None:
        length = self._taken(factor(found["length"]))
        self._sound([(self._named(found), length)], length)

    def _chord(self, found: re.Match[str]) -> None:
        """It lasts as long as its first note, and each note as long as it says."""
        notes = [note for note in IN_CHORD.finditer(found["inner"]) if note["letter"]]
        factors = [factor(note["length"]) for note in notes]
        length = self._taken(factors[0] * factor(found["outer"]))
        if length:
            self._fermata |= any(mark in found["inner"] for mark in FERMATAS)
            named = [self._named(note) for note in notes]
            self._sound([(name, length * one / factors[0]) for name, one in zip(named, factors, strict=True)], length)
            ties = {name[1] for name, note in zip(named, notes, strict=True) if note["tie"]}
            if self._last is not None:
                self._last.tied |= ties & self._last.durations.keys()

    def _taken(self, number: Fraction) -> Fraction:
        """The length of the next note or rest, with its share of a tuplet and of a broken rhythm."""
        length = self.unit * number
        ratio, left = self._tuplet
        if left:
            length *= ratio
            self._tuplet = (ratio, left - 1)
        if self._next_factor != 1:
            length *= self._next_factor
            self._next_factor = Fraction(1)
        return length

    def _named(self, found: re.Match[str]) -> tuple[_Name, int]:
        """A note's letter and octave, and its pitch."""
        letter = found["letter"].upper()
        octave = 4 + found["letter"].islower() + found["octave"].count("'") - found["octave"].count(",")
        name = (letter, octave)
        spread = (letter, octave if self.spread == "octave" else -1)
        if found["accidental"]:
            alteration = ALTERS[found["accidental"]]
            if self.spread != "not":
                self._altered[spread] = alteration
        elif self._last is not None and self._spelled.get(name) in self._last.tied:
            return name, self._spelled[name]  # a tie carries the accidental over the bar line
        else:
            alteration = self._altered.get(spread, self.key.altered[letter])
        return name, 12 * (octave + 1) + NATURAL[letter] + alteration + self.shift + self.transposed

    def _sound(self, notes: list[tuple[tuple[_Name, int], Fraction]], length: Fraction) -> None:
        durations = {pitch: one for (_, pitch), one in notes if 0 <= pitch <= HIGHEST and one > 0}
        if len(durations) < len({pitch for (_, pitch), one in notes if one > 0}):
            self.remarks["Notes beyond MIDI's pitches left out."] += 1
        self._tones += 1
        if self._tones > MOST_TONES:
            raise DataError(f"a voice of more than {MOST_TONES} notes.")
        tone = Tone(self._place, durations, fermata=self._fermata)
        self.segments[-1].tones.append(tone)
        self._last, self._last_length, self._spelled = tone, length, dict(name for name, _ in notes)
        self._fermata = False
        self._place = addable(self._place + length)

    def _rest(self, found: re.Match[str]) -> None:
        self._pass(self._taken(factor(found[0][1:])))

    def _bars_of_rest(self, found: re.Match[str]) -> None:
        beats, beat_type = self.time_signature or (4, 4)
        self._pass(Fraction(4 * beats, beat_type) * int(found[0][1:] or 1))

    def _pass(self, length: Fraction) -> None:
        self._last, self._last_length = None, length
        self._fermata = False
        self._place = addable(self._place + length)

    # ------------------------------------------------------------------------------------------------ signs

    def _text(self, found: re.Match[str]) -> None:
        text = plain(found[0][1:-1])
        if CHORD.fullmatch(text):
            name, slash, bass = text.partition("/")  # a bass is written as in "D/f+" by some, "D/F#" by most
            bass = bass[:1].upper() + bass[1:].replace("+", "#")
            self.segments[-1].chords.append((self._place, name + slash + bass))
        elif text:
            self.remarks["Words above the notes left out."] += 1

    def _decoration(self, found: re.Match[str]) -> None:
        sign = self.signs.get(found[0], found[0])
        if sign in FERMATAS:
            self._fermata = True
        elif JUMPS.fullmatch(sign):
            self.remarks["Da capo, dal segno and coda are not played: the music goes on as it stands."] += 1

    def _grace(self, _: re.Match[str]) -> None:
        self.remarks["Grace notes left out."] += 1

    def _begin_tuplet(self, found: re.Match[str]) -> None:
        numbers = [int(one) if one else 0 for one in found[0][1:].split(":")]
        number, within, count = (*numbers, 0, 0)[:3]
        beats, beat_type = self.time_signature or (4, 4)
        three = beats % 3 == 0 and beat_type >= 8
        usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(number, 3 if three else 2)
        if number:
            self._tuplet = (Fraction(within or usual, number), count or number)

    def _broken(self, found: re.Match[str]) -> None:
        """In "a>b" the first is dotted and the second short, in "a<b" the reverse; more signs halve the short one."""
        short = Fraction(1, 2 ** min(len(found[0]), 10))
        first, second = (2 - short, short) if found[0][0] == ">" else (short, 2 - short)
        if not self._place:
            self.remarks[f"{found[0]!r} was not understood and left out."] += 1
            return
        self._place = addable(self._place + self._last_length * (first - 1))
        if self._last is not None:
            self._last.durations = {pitch: one * first for pitch, one in self._last.durations.items()}
        self._last_length *= first
        self._next_factor = second

    def _tie(self, _: re.Match[str]) -> None:
        if self._last is not None:
            self._last.tied = set(self._last.durations)

    def _unknown(self, found: re.Match[str]) -> None:
        self.remarks[f"{found[0]!r} was not understood and left out."] += 1


_READERS: dict[str, Callable[[Voice, re.Match[str]], None]] = {
    "text": Voice._text,
    "decoration": Voice._decoration,
    "sign": Voice._decoration,
    "grace": Voice._grace,
    "bar": Voice._bar,
    "ending": Voice._ending,
    "tuplet": Voice._begin_tuplet,
    "note": Voice._note,
    "rest": Voice._rest,
    "bars_of_rest": Voice._bars_of_rest,
    "chord": Voice._chord,
    "broken": Voice._broken,
    "tie": Voice._tie,
    "overlay": Voice._overlay,
    "unknown": Voice._unknown,
}
