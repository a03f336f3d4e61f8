"""What a musician would not let pass: wide leaps of the outer voices, bars that come again and again, silent voices."""

from dataclasses import astuple, dataclass
from itertools import groupby, pairwise
from operator import add

from crnn_audio.metrics.music import bar_contents
from crnn_audio.metrics.parts import top_notes
from crnn_audio.metrics.verticalities import Verticality, verticalities
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import ticks

OCTAVE = 12
IN_A_ROW = 3
"""Times that the same bar may come one after the other."""
SILENT_BARS = 4
"""Bars that a voice may rest."""
DOMINANT, SUBDOMINANTS = {7, 11}, ({0, 5, 9}, {0, 5, 8})
"""In semitones above the tonic: what a dominant has at the least, and the chords of the fourth degree."""


@dataclass(frozen=True)
class Lapses:
    """Pieces in which each occurs; counts of several pieces add up with `+`.

    Args:
        pieces: those with a note.
        leaping: the first or the last part leaps by more than an octave.
        repeating: a bar comes more than three times in a row.
        silent: a part rests for more than four bars, before its first note and after its last one too.
        phrased: how many have several parts, fermatas and a known key.
        closing: how many of these end on the tonic's chord under a fermata, after a chord of the dominant or the
            subdominant.
    """

    pieces: int = 0
    leaping: int = 0
    repeating: int = 0
    silent: int = 0
    phrased: int = 0
    closing: int = 0

    def __add__(self, other: "Lapses") -> "Lapses":
        """The counts of both together."""
        return Lapses(*map(add, astuple(self), astuple(other)))


def lapses(score: Score) -> Lapses:
    """Of a piece."""
    if not score.end:
        return Lapses()
    outer = (score.parts[0], score.parts[-1])
    phrased = len(score.parts) > 1 and bool(score.fermatas and score.keys)
    return Lapses(
        pieces=1,
        leaping=any(_leaps(part) for part in outer),
        repeating=longest_run(score) > IN_A_ROW,
        silent=any(_longest_rest(part, score.end) > SILENT_BARS * _bar(score) for part in score.parts),
        phrased=phrased,
        closing=phrased and closes(score),
    )


def _bar(score: Score) -> float:
    return score.time_signatures[0].bar if score.time_signatures else 4.0


def _leaps(part: Part) -> bool:
    return any(abs(after.pitch - before.pitch) > OCTAVE for before, after in pairwise(top_notes(part)))


def _longest_rest(part: Part, end: float) -> float:
    """Quarter notes."""
    longest = until = 0.0
    for note in sorted(part.notes):
        longest, until = max(longest, note.start - until), max(until, note.end)
    return max(longest, end - until)


def longest_run(score: Score) -> int:
    """How many times the same bar comes in a row, at most; bars without an onset are none."""
    contents = (frozenset(notes) for _, notes in bar_contents(score))
    return max((len(list(run)) for content, run in groupby(contents) if content), default=0)


def closes(score: Score) -> bool:
    """Whether it ends on the tonic's chord, with its third, under a fermata, after a dominant or subdominant.

    Of the last chord that is not of the tonic alone the first counts that holds one of both.
    """
    found, key = verticalities(score), score.keys[-1]
    if not found or not any(
        ticks(fermata) >= found[-1].end - ticks(2 * _bar(score)) for fermata in score.fermatas[-1:]
    ):
        return False

    def degrees(one: Verticality) -> set[int]:
        return {(tone.pitch - key.tonic_pitch_class) % OCTAVE for tone in one.tones}

    if not key.has_chord({tone.pitch % OCTAVE for tone in found[-1].tones}) or not degrees(found[-1]) & {3, 4}:
        return False
    earliest = found[-1].end - ticks(2 * _bar(score))
    before = [degrees(one) for one in found if one.start >= earliest and not degrees(one) <= {0, 3, 4, 7}][-3:]
    return any(chord >= DOMINANT or any(chord >= own for own in SUBDOMINANTS) for chord in before)
