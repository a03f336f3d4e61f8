"""Voice leading: the textbook's cases one by one, and random voices against a loop over a grid."""

import random
from itertools import combinations

import pytest

from crnn_audio.metrics.voices import VoiceLeading, voice_leading
from crnn_audio.symbolic.score import Note, Part, Score
from tests.unit.metrics.made import cells, score


@pytest.mark.parametrize(
    ("upper", "lower", "fifths", "octaves"),
    [
        ([67, 69], [60, 62], 1, 0),  # C-G to D-A
        ([69, 67], [62, 60], 1, 0),  # and downwards
        ([67, 69, 71], [60, 62, 64], 2, 0),
        ([79, 81], [60, 62], 1, 0),  # a twelfth is a fifth
        ([79, 69], [60, 50], 1, 0),  # a twelfth, then a twelfth lower
        ([79, 81], [60, 74], 1, 0),  # a twelfth to a fifth, upwards both
        ([72, 74], [60, 62], 0, 1),
        ([60, 62], [60, 62], 0, 1),  # unisons
        ([72, 76], [60, 76], 0, 1),  # an octave to a unison
        ([67, 67], [60, 60], 0, 0),  # nobody moves
        ([67, 69], [60, 60], 0, 0),  # one moves
        ([67, 62], [60, 67], 0, 0),  # contrary motion
        ([67, 81], [60, 50], 0, 0),  # from a fifth to a twelfth and more, apart
        ([72, 69], [60, 62], 0, 0),  # a hidden fifth
        ([66, 69], [60, 62], 0, 0),  # from a diminished fifth
        ([65, 67], [60, 62], 0, 0),  # fourths are allowed
        ([60, 62], [67, 69], 1, 0),  # crossed voices make a fifth all the same
        ([67, None, 69], [60, None, 62], 0, 0),  # a rest in between
        ([67, None], [60, None], 0, 0),
    ],
)
def test_parallels(upper: list, lower: list, fifths: int, octaves: int) -> None:
    found = voice_leading(score(upper, lower))
    assert (found.fifths, found.octaves) == (fifths, octaves)


def test_a_voice_that_moves_later_makes_no_parallel_but_one_that_returns_in_time_does() -> None:
    late = score([67, 69], [(60, 1.5), (62, 0.5)])
    assert voice_leading(late).fifths == 0
    ornament = score([(67, 0.5), (65, 0.25), (67, 0.25), 69], [60, 62])
    assert voice_leading(ornament).fifths == 1


def test_each_pair_of_four_voices_counts() -> None:
    found = voice_leading(score([72, 74], [67, 69], [60, 62], [48, 50]))
    assert found == VoiceLeading(pieces=1, changes=1, fifths=2, octaves=3, crossed=0.0, together=2.0)
    assert found.fifths_per_100_changes == 200
    assert found.octaves_per_100_changes == 300


def test_struck_again_is_no_change() -> None:
    assert voice_leading(score([67, 67, 69], [60, 60, 60])).changes == 1


def test_crossings_are_a_share_of_the_time_that_two_sound() -> None:
    found = voice_leading(score([60, 60, None, 60], [55, 62, 62, 60]))
    assert (found.crossed, found.together) == (1.0, 3.0)
    assert found.crossings == pytest.approx(1 / 3)
    assert voice_leading(score([72, 72], [None, None], [74, 60])).crossings == 0.5


@pytest.mark.parametrize(
    "piece",
    [
        Score(()),
        score([60, 62]),
        Score((Part("a", ()), Part("b", ()))),
    ],
)
def test_where_there_is_nothing_to_count(piece: Score) -> None:
    found = voice_leading(piece)
    assert (found.changes, found.fifths_per_100_changes, found.crossings) == (0, None, None)


def test_a_part_of_chords_is_no_voice() -> None:
    chords = Part("piano", (Note(0, 1, 60), Note(0, 1, 64), Note(1, 1, 62)))
    assert voice_leading(Score((Part("tune", (Note(0, 2, 72),)), chords))) == VoiceLeading()


def random_voices(seed: int) -> Score:
    chance = random.Random(seed)
    scale = [48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67]

    def part_statistics() -> list:
        return [
            (chance.choice([None, *scale * 2]), chance.choice([0.25, 0.5, 1.0, 1.0, 2.0]))
            for _ in range(chance.randint(0, 25))
        ]

    return score(*[part_statistics() for _ in range(chance.randint(2, 5))])


@pytest.mark.parametrize("seed", range(40))
def test_random_voices_against_a_loop_over_sixteenths(seed: int) -> None:
    piece = random_voices(seed)
    num_cells = round(piece.end * 4)
    grid = list(zip(*[cells(part, num_cells) for part in piece.parts], strict=True))
    first = min((note.start for note in piece.notes), default=0.0) * 4
    fifths = octaves = changes = 0
    for cell in range(int(first) + 1, num_cells):
        old, new = grid[cell - 1], grid[cell]
        changes += old != new
        for a, b in combinations(range(len(piece.parts)), 2):
            if None in (old[a], old[b], new[a], new[b]):
                continue
            moved = (new[a] - old[a]) * (new[b] - old[b]) > 0
            spans = {abs(old[a] - old[b]) % 12, abs(new[a] - new[b]) % 12}
            fifths += moved and spans == {7}
            octaves += moved and spans == {0}
    sounding = [[pitch for pitch in cell if pitch is not None] for cell in grid]
    crossed = sum(pitches != sorted(pitches, reverse=True) for pitches in sounding) / 4
    together = sum(len(pitches) > 1 for pitches in sounding) / 4
    assert voice_leading(piece) == VoiceLeading(1, changes, fifths, octaves, crossed, together)


def test_counts_add_up() -> None:
    one, other = VoiceLeading(1, 10, 1, 0, 0.5, 8.0), VoiceLeading(2, 30, 0, 2, 0.0, 4.0)
    assert one + other == VoiceLeading(3, 40, 1, 2, 0.5, 12.0)
    assert (one + other).fifths_per_100_changes == 2.5
