"""Statistics of pieces that people can look at: what is played, how voices move, how phrases end, what returns."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import add

from crnn_audio.metrics.cadences import Cadences, Endings, cadences, endings, key_at
from crnn_audio.metrics.parts import PartStatistics, part_statistics
from crnn_audio.metrics.voices import VoiceLeading, voice_leading
from crnn_audio.symbolic.bars import Bar, bars_of
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import ticks

Placed = tuple[int, int, int, int]
"""Part, ticks from the bar's beginning, ticks, pitch."""


@dataclass(frozen=True)
class Repetition:
    """Bars that return, and notes over bar lines; counts of several pieces add up with `+`.

    Args:
        bars: those in which a note begins, of pieces whose time signature is known.
        returned: how many of these have the very notes of an earlier bar of the piece, in all parts.
        notes: of these pieces.
        held: how many of the notes last over a bar line.
    """

    bars: int = 0
    returned: int = 0
    notes: int = 0
    held: int = 0

    def __add__(self, other: "Repetition") -> "Repetition":
        """The counts of both together."""
        return Repetition(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True)
class MusicStatistics:
    """What several pieces are like together.

    Args:
        pieces: how many they are.
        quarters: how long all are together.
        parts: figures of each part, from the top; pieces need not have the same count of them.
        degrees: the fraction of sounding time by semitones above the tonic, over pieces whose key is known.
    """

    pieces: int
    quarters: float
    parts: tuple[PartStatistics, ...]
    degrees: Mapping[int, float]
    voices: VoiceLeading
    cadences: Cadences
    endings: Endings
    returns: Repetition

    @property
    def rates(self) -> dict[str, float | None]:
        """Shares as fractions, but for parallels, which are per 100 chord changes; None where nothing was counted."""
        return {
            "parallel_fifths_per_100_changes": self.voices.fifths_per_100_changes,
            "parallel_octaves_per_100_changes": self.voices.octaves_per_100_changes,
            "voice_crossings": self.voices.crossings,
            "fermatas_on_triads": _ratio(self.cadences.triads, self.cadences.fermatas),
            "fermatas_on_tonic": _ratio(self.cadences.tonic, self.cadences.keyed),
            "fermatas_on_dominant": _ratio(self.cadences.dominant, self.cadences.keyed),
            "ends_on_tonic": _ratio(self.endings.on_tonic, self.endings.keyed),
            "ends_on_tonic_chord": _ratio(self.endings.on_tonic_chord, self.endings.keyed),
            "ends_with_full_bar": _ratio(self.endings.full, self.endings.barred),
            "returning_bars": _ratio(self.returns.returned, self.returns.bars),
            "notes_over_bar_lines": _ratio(self.returns.held, self.returns.notes),
        }


def _ratio(count: int, of: int) -> float | None:
    return count / of if of else None


def statistics(scores: Sequence[Score]) -> MusicStatistics:
    """The figures of all pieces together; every count is a sum over pieces.

    Raises:
        DataError: a time signature's bars last no time.
    """
    columns = range(max((len(score.parts) for score in scores), default=0))
    return MusicStatistics(
        pieces=len(scores),
        quarters=sum(score.end for score in scores),
        parts=tuple(_part(scores, column) for column in columns),
        degrees=_degrees(scores),
        voices=sum(map(voice_leading, scores), VoiceLeading()),
        cadences=sum(map(cadences, scores), Cadences()),
        endings=sum(map(endings, scores), Endings()),
        returns=sum(map(repetition, scores), Repetition()),
    )


def _part(scores: Sequence[Score], column: int) -> PartStatistics:
    """By its name where all pieces call it so, otherwise by its number, or as the melody if it is the only part."""
    having = [score for score in scores if len(score.parts) > column]
    names = {score.parts[column].name for score in having}
    name = names.pop() if len(names) == 1 else ""
    number = "melody" if max(len(score.parts) for score in having) == 1 else f"part {column + 1}"
    return part_statistics(name or number, [(score.parts[column], score.end) for score in having])


def _degrees(scores: Sequence[Score]) -> Mapping[int, float]:
    sounding: Counter[int] = Counter()
    for score in scores:
        for note in score.notes:
            if key := key_at(score, note.start):
                sounding[(note.pitch - key.tonic_pitch_class) % 12] += ticks(note.duration)
    return {degree: sounding[degree] / sounding.total() for degree in sorted(sounding) if sounding[degree]}


def repetition(score: Score) -> Repetition:
    """Which bars of a piece return, and which notes go over bar lines."""
    seen: set[frozenset[Placed]] = set()
    found = Repetition()
    for bar, notes in bar_contents(score):
        content, held = frozenset(notes), sum(start + length > bar.end - bar.start for _, start, length, _ in notes)
        found += Repetition(bool(notes), bool(notes) and content in seen, len(notes), held)
        seen.add(content)
    return found


def bar_contents(score: Score) -> Iterator[tuple[Bar, list[Placed]]]:
    """The notes that begin in each bar, of a piece whose time signature is known."""
    for bar in bars_of(score).until(ticks(score.end)) if score.time_signatures else ():
        notes = [
            (index, ticks(note.start) - bar.start, ticks(note.duration), note.pitch)
            for index, part in enumerate(score.parts)
            for note in part.notes
            if bar.start <= ticks(note.start) < bar.end
        ]
        yield bar, notes
