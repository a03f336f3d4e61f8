"""Ends of phrases and pieces: chords that every harmony book names, melodies that end well or badly."""

from itertools import combinations

import pytest

from crnn_audio.metrics.cadences import Cadences, Endings, cadences, endings, is_triad
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from tests.unit.metrics.made import score

G, E_MINOR, D_DORIAN, A_MIXOLYDIAN = Key(0, 1), Key(0, 1, "minor"), Key(0, 0, "dorian"), Key(0, 2, "mixolydian")
FIRST_G = (67, 62, 59, 43)


def test_triads_are_those_of_the_scales() -> None:
    """The seven triads of C major, all transposed, with or without their fifths; the diminished one needs it."""
    degrees = [{0, 4, 7}, {2, 5, 9}, {4, 7, 11}, {5, 9, 0}, {7, 11, 2}, {9, 0, 4}, {11, 2, 5}]
    thirds = [{0, 4}, {2, 5}]
    wanted = {frozenset((one + by) % 12 for one in chord) for chord in (*degrees, *thirds) for by in range(12)}
    for count in range(5):
        for classes in combinations(range(12), count):
            assert is_triad(frozenset(classes)) == (frozenset(classes) in wanted), classes


@pytest.mark.parametrize(
    ("classes", "key", "degree", "belongs"),
    [
        ({7, 11, 2}, G, 0, True),
        ({7, 11}, G, 0, True),
        ({7, 2}, G, 0, True),
        ({7}, G, 0, True),
        ({11}, G, 0, True),  # one note of the chord is enough where there is one alone
        ({11, 2}, G, 0, False),  # two without the root are not
        ({7, 10, 2}, G, 0, False),  # G minor
        ({10}, G, 0, False),
        ({7, 11, 2, 5}, G, 0, False),
        ({4, 7, 11}, G, 0, False),
        ({2, 6, 9}, G, 7, True),
        ({2, 5, 9}, G, 7, True),
        ({4, 7, 11}, E_MINOR, 0, True),
        ({4, 8, 11}, E_MINOR, 0, True),  # a Picardy third
        ({4, 7, 8}, E_MINOR, 0, False),
        ({11, 3, 6}, E_MINOR, 7, True),
        ({2, 5, 9}, D_DORIAN, 0, True),
        ({9, 1, 4}, A_MIXOLYDIAN, 0, True),
        ({9, 0, 4}, A_MIXOLYDIAN, 0, False),
    ],
)
def test_chords_on_degrees(classes: set[int], key: Key, degree: int, belongs: bool) -> None:
    assert key.has_chord(classes, degree) == belongs


def test_fermatas_by_hand() -> None:
    """Tonic, dominant, another triad, no triad."""
    chords = [FIRST_G, (66, 62, 57, 50), (64, 59, 55, 52), (64, 62, 60, 53)]
    voices = [list(voice) for voice in zip(*chords, strict=True)]
    piece = score(*voices, key=G, fermatas=(0.0, 1.0, 2.0, 3.0))
    assert cadences(piece) == Cadences(fermatas=4, triads=3, keyed=4, tonic=1, dominant=1)
    unknown = score(*voices, fermatas=(0.0, 3.0))
    assert cadences(unknown) == Cadences(fermatas=2, triads=1)


def test_a_suspension_resolves_under_the_fermata_but_the_next_phrase_is_none_of_its_business() -> None:
    soprano, alto = [(67, 2.0), (67, 1.0)], [(60, 1.0), (59, 1.0), (60, 1.0)]
    tenor, bass = [(62, 2.0), (64, 1.0)], [(43, 2.0), (48, 1.0)]
    resolved = score(soprano, alto, tenor, bass, key=G, fermatas=(0.0,))
    assert cadences(resolved) == Cadences(fermatas=1, triads=1, keyed=1, tonic=1)
    late = score([(67, 1.0), (67, 2.0)], alto, tenor, bass, key=G, fermatas=(0.0,))
    assert cadences(late).triads == 0


def test_a_fermata_over_no_note_is_not_counted() -> None:
    assert cadences(score([67, 67], [59, 59], key=G, fermatas=(0.5, 7.0))) == Cadences()


def test_a_melody_alone_has_no_chords() -> None:
    assert cadences(score([67, 67], key=G, fermatas=(0.0,))) == Cadences()


def test_the_key_is_that_which_holds_there() -> None:
    chord = [[pitch, pitch] for pitch in FIRST_G]
    piece = score(*chord, fermatas=(0.0, 1.0))
    changing = Score(piece.parts, keys=(G, Key(1.0, 0)), fermatas=piece.fermatas)
    assert cadences(changing) == Cadences(fermatas=2, triads=2, keyed=2, tonic=1, dominant=1)


@pytest.mark.parametrize(
    ("last", "metre", "found"),
    [
        ([67], "2/4", Endings(1, 1, 1, 1, 1, 1)),
        ([71], "2/4", Endings(1, 1, 0, 1, 1, 1)),
        ([69], "2/4", Endings(1, 1, 0, 0, 1, 1)),
        ([67], "3/4", Endings(1, 1, 1, 1, 1, 0)),
        ([67], "", Endings(1, 1, 1, 1, 0, 0)),
        ([(67, 0.5)], "2/4", Endings(1, 1, 1, 1, 1, 0)),
    ],
)
def test_how_melodies_end(last: list, metre: str, found: Endings) -> None:
    assert endings(score([62, 62, 62, *last], metre=metre, key=G)) == found


def test_how_chords_end() -> None:
    def ending(*chord: int) -> tuple[int, int]:
        found = endings(score(*[[62, pitch] for pitch in chord], key=G))
        return found.on_tonic, found.on_tonic_chord

    assert ending(*FIRST_G) == (1, 1)
    assert ending(67, 62, 59, 47) == (0, 1)
    assert ending(66, 62, 57, 43) == (1, 0)


def test_a_last_bar_may_lack_the_pickup() -> None:
    def full(*lengths: float, pickup: float) -> int:
        return endings(score([(60, length) for length in lengths], metre="3/4", pickup=pickup)).full

    assert full(1.0, 3.0, 2.0, pickup=1.0) == 1
    assert full(1.0, 3.0, 3.0, pickup=1.0) == 1
    assert full(1.0, 3.0, 1.0, pickup=1.0) == 0
    assert full(3.0, 2.0, pickup=0.0) == 0
    assert full(3.0, 3.0, pickup=0.0) == 1


def test_no_key_and_no_notes() -> None:
    assert endings(score([60, 62])) == Endings(pieces=1)
    assert endings(Score(())) == Endings()
    assert endings(Score((Part("x", (Note(1.0, 0.0, 60),)),), time_signatures=(TimeSignature(0, 4, 4),))) == Endings()


def test_counts_add_up() -> None:
    assert Cadences(1, 1, 1, 1, 0) + Cadences(2, 1, 0, 0, 0) == Cadences(3, 2, 1, 1, 0)
    assert Endings(1, 1, 1, 0, 1, 1) + Endings(1, 0, 0, 0, 1, 0) == Endings(2, 1, 1, 0, 2, 1)
