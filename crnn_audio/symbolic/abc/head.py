"""The head of an ABC tune: what holds for all its voices."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from crnn_audio.symbolic.abc.fields import NO_KEY, KeyField, default_unit, moves, shift, voice_name
from crnn_audio.symbolic.abc.voice import Voice


@dataclass
class Head:
    """What each voice begins with; the fields are those of a `Voice`, a `unit` of None follows the time signature."""

    unit: Fraction | None = None
    time_signature: tuple[int, int] | None = None
    key: KeyField = NO_KEY
    shift: int = 0
    spread: str = "pitch"
    program: int = 0

    def set_time_signature(self, time_signature: tuple[int, int] | None) -> None:
        """As that of a `Voice`."""
        self.time_signature = time_signature

    def set_key(self, key: KeyField) -> None:
        """As that of a `Voice`."""
        self.key = key

    def voice(self, label: str, field: str, remarks: Counter[str]) -> Voice:
        """A voice that begins so, by its label and the text of its V: field."""
        return Voice(
            remarks,
            unit=self.unit or default_unit(self.time_signature),
            time_signature=self.time_signature,
            key=self.key,
            shift=shift(field) if moves(field) else self.shift,
            spread=self.spread,
            name=voice_name(field) or ("" if label.isdigit() else label),
            program=self.program,
        )
