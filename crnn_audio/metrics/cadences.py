"""How phrases and pieces end: on which chord at fermatas, on which note at the end, in a full bar or not."""

from collections.abc import Set
from dataclasses import astuple, dataclass
from operator import add

from crnn_audio.metrics.verticalities import Verticality, verticalities
from crnn_audio.symbolic.bars import bars_of
from crnn_audio.symbolic.score import Key, Score
from crnn_audio.symbolic.ticks import ticks

MAJOR, MINOR, DIMINISHED = frozenset({0, 4, 7}), frozenset({0, 3, 7}), frozenset({0, 3, 6})
TRIADS = (MAJOR, MINOR, DIMINISHED, frozenset({0, 4}), frozenset({0, 3}))
"""In semitones above the root; a major or minor triad may lack its fifth."""


@dataclass(frozen=True)
class Cadences:
    """Fermatas, and what sounds there; counts of several pieces add up with `+`.

    The chord of a phrase's end is the first under the held note that is a triad (so a suspension may resolve), or what
    begins with it if none is.

    Args:
        fermatas: those with a note under them.
        triads: of these, how many have a major, minor or diminished triad; its fifth may be missing.
        keyed: how many stand in a piece whose key is known.
        tonic, dominant: of the keyed, how many have notes of the triad on the first or fifth degree alone, its root
            among them; thirds are those of the key, or major.
    """

    fermatas: int = 0
    triads: int = 0
    keyed: int = 0
    tonic: int = 0
    dominant: int = 0

    def __add__(self, other: "Cadences") -> "Cadences":
        """The counts of both together."""
        return Cadences(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True)
class Endings:
    """How pieces end; counts of several pieces add up with `+`.

    Args:
        pieces: those with a note.
        keyed: how many have a known key.
        on_tonic: of the keyed, how many end with the tonic as the lowest note, which in a melody is the only one.
        on_tonic_chord: of the keyed, how many end with nothing but notes of the tonic's triad, the tonic itself among
            them unless there is one note alone.
        barred: how many have a known time signature.
        full: of the barred, how many end with a bar, or short of it by the pickup.
    """

    pieces: int = 0
    keyed: int = 0
    on_tonic: int = 0
    on_tonic_chord: int = 0
    barred: int = 0
    full: int = 0

    def __add__(self, other: "Endings") -> "Endings":
        """The counts of both together."""
        return Endings(*map(add, astuple(self), astuple(other)))


def cadences(score: Score) -> Cadences:
    """What sounds at a piece's fermatas; a melody alone has no chords, and nothing is counted."""
    found = verticalities(score) if len(score.parts) > 1 else []
    total = Cadences()
    for fermata in score.fermatas:
        ends = [note.end for part in score.parts for note in part.notes if note.start == fermata][:1]
        chords = [_classes(one) for one in found if ticks(fermata) <= one.start < ticks(max(ends, default=0))]
        if chords:
            chord = next(filter(is_triad, chords), chords[0])
            key = key_at(score, fermata)
            total += Cadences(
                fermatas=1,
                triads=is_triad(chord),
                keyed=key is not None,
                tonic=key is not None and key.has_chord(chord),
                dominant=key is not None and key.has_chord(chord, 7),
            )
    return total


def endings(score: Score) -> Endings:
    """How a piece ends."""
    found = verticalities(score)
    if not found:
        return Endings()
    last, key = found[-1], key_at(score, score.end)
    bars, end = bars_of(score), ticks(score.end)
    return Endings(
        pieces=1,
        keyed=key is not None,
        on_tonic=key is not None and min(tone.pitch for tone in last.tones) % 12 == key.tonic_pitch_class,
        on_tonic_chord=key is not None and key.has_chord(_classes(last)),
        barred=bool(score.time_signatures),
        full=bool(score.time_signatures) and bars.is_full(bars.at(end - 1), end),
    )


def key_at(score: Score, quarter: float) -> Key | None:
    """The key that holds there; before the first, the first."""
    return next((key for key in reversed(score.keys) if key.start <= quarter), next(iter(score.keys), None))


def is_triad(classes: Set[int]) -> bool:
    """Whether these pitch classes, and no others, are a triad on some root."""
    return any(frozenset((one - root) % 12 for one in classes) in TRIADS for root in classes)


def _classes(one: Verticality) -> frozenset[int]:
    return frozenset(tone.pitch % 12 for tone in one.tones)
