"""Notes, as music knows them: pitches and times in quarter notes; and pieces made of them, in parts."""

from collections.abc import Set
from dataclasses import dataclass

from crnn_audio.errors import DataError


@dataclass(frozen=True, order=True)
class Note:
    """A tone: when it begins and how long it lasts, in quarter notes, and its pitch (MIDI: middle C is 60)."""

    start: float
    duration: float
    pitch: int

    @property
    def end(self) -> float:
        """Quarter notes from the beginning of the piece."""
        return self.start + self.duration


@dataclass(frozen=True, order=True)
class Chord:
    """A chord symbol above a melody, such as "Am7", from that quarter note on."""

    start: float
    name: str


@dataclass(frozen=True)
class Part:
    """A voice or an instrument: its notes, sorted; `program` is a General MIDI instrument, 0 a piano."""

    name: str
    notes: tuple[Note, ...]
    program: int = 0

    @property
    def end(self) -> float:
        """Quarter notes from the beginning of the piece to the end of its last note."""
        return max((note.end for note in self.notes), default=0.0)


@dataclass(frozen=True, order=True)
class TimeSignature:
    """From that quarter note on, bars of so many beats of such a note: 6 and 8 are 6/8."""

    start: float
    beats: int
    beat_type: int

    @property
    def bar(self) -> float:
        """Quarter notes in a bar."""
        return 4 * self.beats / self.beat_type

    def __str__(self) -> str:
        return f"{self.beats}/{self.beat_type}"


@dataclass(frozen=True, order=True)
class Repeat:
    """What is played twice: from one quarter note to another."""

    start: float
    end: float


@dataclass(frozen=True, order=True)
class Key:
    """From that quarter note on, sharps (flats if negative) before the clef, and the mode; prints as "G" or "Em".

    `mode` is "major", "minor", or a church mode ("dorian", "mixolydian", ...).
    """

    start: float
    sharps: int
    mode: str = "major"

    def __post_init__(self) -> None:
        if not -7 <= self.sharps <= 7 or self.mode not in MODES:
            raise DataError(
                f"a key of {self.sharps} sharps in mode {self.mode!r}; there are -7 (flats) to 7 sharps, and the modes "
                f"{', '.join(MODES)}."
            )

    @property
    def tonic(self) -> str:
        """Its name without the mode: "F#", "Bb"."""
        fifths = self.sharps - MODES[self.mode] + 1
        return "FCGDAEB"[fifths % 7] + ("#" * (fifths // 7) if fifths >= 0 else "b" * -(fifths // 7))

    @property
    def tonic_pitch_class(self) -> int:
        """0 is C, 11 is B."""
        return 7 * (self.sharps - MODES[self.mode]) % 12

    def has_chord(self, classes: Set[int], degree: int = 0) -> bool:
        """Whether these pitch classes belong to the triad so many semitones above the tonic, and hold its root.

        One pitch class alone need not be the root. A third is the key's, or major.
        """
        above = {(one - self.tonic_pitch_class - degree) % 12 for one in classes}
        major_only = MODES[self.mode] > -2 and degree == 0  # the modes whose third is major
        thirds = (4,) if major_only else (3, 4)
        return any(above <= {0, third, 7} for third in thirds) and (0 in above or len(above) == 1)

    def __str__(self) -> str:
        return self.tonic + SHORT[self.mode]


MODES = {"major": 0, "minor": -3, "dorian": -2, "phrygian": -4, "lydian": 1, "mixolydian": -1, "locrian": -5}
"""How many sharps more than the major key on its tonic a mode has."""
SHORT = {mode: {"major": "", "minor": "m"}.get(mode, mode[:3].capitalize()) for mode in MODES}
"""As ABC writes a mode after the tonic."""


@dataclass(frozen=True)
class Score:
    """A piece: parts, and what stands above all of them; times in quarter notes from the beginning.

    Args:
        tempo: quarter notes a minute.
        time_signatures, keys: sorted by start; none where they are not known.
        pickup: quarter notes before the first full bar.
        chords: chord symbols, sorted.
        fermatas: where phrases end with a held note: the starts of these notes, sorted.
        repeats: sorted, none within another; `form.played` is the piece with them played.
    """

    parts: tuple[Part, ...]
    title: str = ""
    tempo: float = 120.0
    time_signatures: tuple[TimeSignature, ...] = ()
    keys: tuple[Key, ...] = ()
    pickup: float = 0.0
    chords: tuple[Chord, ...] = ()
    fermatas: tuple[float, ...] = ()
    repeats: tuple[Repeat, ...] = ()

    @property
    def notes(self) -> list[Note]:
        """Of all parts, sorted."""
        return sorted(note for part in self.parts for note in part.notes)

    @property
    def end(self) -> float:
        """Quarter notes to the end of the last note."""
        return max((part.end for part in self.parts), default=0.0)

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return 60 * self.end / self.tempo
