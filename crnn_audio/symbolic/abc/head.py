"""The head of an ABC tune: what holds for all its voices."""

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from crnn_audio.symbolic.abc.fields import NO_KEY, KeyField, default_unit, moves, shift, voice_name
from crnn_audio.symbolic.abc.voice import Voice
from crnn_audio.symbolic.validation import HIGHEST

_PROGRAM = re.compile(r"MIDI\s+program\s+(?:\d+\s+)?(\d{1,3})\b")
_TRANSPOSE = re.compile(r"MIDI\s+(r?)transpose\s+([+-]?\d{1,2})\b")
_SPREAD = re.compile(r"propagate-accidentals\s+(not|octave|pitch)")
_UNKNOWN = re.compile(r"MIDI\s+(c|channel\s+10|drum\w*|droneon|drone|nobarlines|percmap|ratio|\w*transpose)\b")
"""What would change or add notes; how loud they are and how chords are accompanied is no part of a `Score`."""
_SIGN = re.compile(r"([~H-Wh-w])\s*=\s*(\S+)")


@dataclass
class Head:
    """What each voice begins with; the fields are those of a `Voice`, a `unit` of None follows the time signature."""

    unit: Fraction | None = None
    time_signature: tuple[int, int] | None = None
    key: KeyField = NO_KEY
    shift: int = 0
    transposed: int = 0
    spread: str = "pitch"
    program: int = 0
    part: str = ""
    signs: dict[str, str] = field(default_factory=dict)

    def define(self, text: str) -> None:
        """A letter for a decoration, as a U: field says; for all voices."""
        if found := _SIGN.fullmatch(text):
            self.signs[found[1]] = found[2]

    def set_time_signature(self, time_signature: tuple[int, int] | None) -> None:
        """As that of a `Voice`."""
        self.time_signature = time_signature

    def set_key(self, key: KeyField) -> None:
        """As that of a `Voice`."""
        self.key = key

    def begin_part(self, label: str) -> None:
        """As that of a `Voice`."""
        self.part = label

    def voice(self, label: str, about: str, remarks: Counter[str]) -> Voice:
        """A voice that begins so, by its label and the text of its V: field."""
        voice = Voice(
            remarks,
            unit=self.unit or default_unit(self.time_signature),
            time_signature=self.time_signature,
            key=self.key,
            shift=shift(about) if moves(about) else self.shift,
            transposed=self.transposed,
            spread=self.spread,
            name=voice_name(about) or ("" if label.isdigit() else label),
            program=self.program,
            signs=self.signs,
        )
        if self.part:
            voice.begin_part(self.part)
        return voice


def direct(target: Head | Voice, text: str) -> str:
    """Does what a directive such as "MIDI program 40" says; a remark if that is not known, else nothing."""
    if program := _PROGRAM.match(text):
        target.program = min(int(program[1]), HIGHEST)
    elif transpose := _TRANSPOSE.match(text):
        target.transposed = int(transpose[2]) + (target.transposed if transpose[1] else 0)
    elif spread := _SPREAD.match(text):
        target.spread = spread[1]
    elif unknown := _UNKNOWN.match(text):
        return f"%%MIDI {unknown[1]} was passed over: the notes are read as they are written."
    return ""
