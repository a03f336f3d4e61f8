"""Voice leading: parallel fifths and octaves, and voices that cross, as counts that add up over pieces."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, pairwise
from operator import add

from crnn_audio.metrics.verticalities import Verticality, verticalities
from crnn_audio.symbolic.score import Score

FIFTH, OCTAVE = 7, 0
Voices = Sequence[int | None]
"""The pitch of each part in a verticality, None where it rests."""


@dataclass(frozen=True)
class VoiceLeading:
    """What was counted in pieces of two or more voices; counts of several pieces add up with `+`.

    A chord change is where at least one voice sounds another pitch, or none, than right before. Two voices make a
    parallel if both move at once and in the same direction, from a perfect fifth to a perfect fifth, or from an octave
    or unison to an octave or unison; octaves between the voices do not matter, so a twelfth is a fifth. This is
    what textbooks of harmony forbid (for instance Piston, Harmony, on consecutive fifths and octaves).

    Args:
        crossed, together: quarter notes in which a voice sounds below one that the score has under it; and in which at
            least two voices sound.
    """

    pieces: int = 0
    changes: int = 0
    fifths: int = 0
    octaves: int = 0
    crossed: float = 0.0
    together: float = 0.0

    def __add__(self, other: "VoiceLeading") -> "VoiceLeading":
        """The counts of both together."""
        return VoiceLeading(*map(add, astuple(self), astuple(other)))

    @property
    def fifths_per_100_changes(self) -> float | None:
        """Parallel fifths; None where no chord changes."""
        return 100 * self.fifths / self.changes if self.changes else None

    @property
    def octaves_per_100_changes(self) -> float | None:
        """Parallel octaves and unisons; None where no chord changes."""
        return 100 * self.octaves / self.changes if self.changes else None

    @property
    def crossings(self) -> float | None:
        """The fraction of time in which voices cross, of that in which at least two sound."""
        return self.crossed / self.together if self.together else None


def voice_leading(score: Score) -> VoiceLeading:
    """Of a piece; nothing is counted where it has one part, or a part that plays chords and is no voice."""
    found = verticalities(score)
    if len(score.parts) < 2 or any(_chordal(one) for one in found):
        return VoiceLeading()
    chords = [_voices(one, len(score.parts)) for one in found]
    parallels = [interval for before, after in pairwise(chords) for interval in _parallels(before, after)]
    return VoiceLeading(
        pieces=1,
        changes=sum(before != after for before, after in pairwise(chords)),
        fifths=parallels.count(FIFTH),
        octaves=parallels.count(OCTAVE),
        crossed=sum(one.quarters for one, chord in zip(found, chords, strict=True) if _crossed(chord)),
        together=sum(one.quarters for one in found if len(one.tones) > 1),
    )


def _chordal(one: Verticality) -> bool:
    return len({tone.part for tone in one.tones}) < len(one.tones)


def _voices(one: Verticality, num_parts: int) -> Voices:
    pitches = {tone.part: tone.pitch for tone in one.tones}
    return [pitches.get(part) for part in range(num_parts)]


def _parallels(before: Voices, after: Voices) -> list[int]:
    """The interval, FIFTH or OCTAVE, of each pair of voices that moves in parallel."""
    steps = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None and a != b]
    return [
        interval
        for (one, one_next), (other, other_next) in combinations(steps, 2)
        if (one_next > one) == (other_next > other)
        and (interval := abs(one - other) % 12) == abs(one_next - other_next) % 12
        and interval in (FIFTH, OCTAVE)
    ]


def _crossed(chord: Voices) -> bool:
    sounding = [pitch for pitch in chord if pitch is not None]
    return any(upper < lower for upper, lower in pairwise(sounding))
