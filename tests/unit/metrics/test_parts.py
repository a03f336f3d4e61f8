"""MusicStatistics of a part: small lines counted by hand, random ones against a loop over a grid."""

import random
from itertools import pairwise

import pytest

from crnn_audio.metrics.parts import PartStatistics, part_statistics, top_notes
from crnn_audio.symbolic.score import Note, Part
from tests.unit.metrics.made import cells, part


def test_a_line_by_hand() -> None:
    found = part_statistics("alto", [(part([60, 60, (67, 0.5), None, (48, 2.5)]), 8.0)])
    assert found == PartStatistics(
        name="alto",
        notes=4,
        lowest=48,
        highest=67,
        rests=3 / 8,
        density=0.5,
        repeats=1 / 3,
        intervals={-12: 1 / 3, 0: 1 / 3, 7: 1 / 3},
        pitches={48: 0.25, 60: 0.5, 67: 0.25},
        durations={0.5: 0.25, 1.0: 0.5, 2.5: 0.25},
    )


def test_pieces_add_up_but_no_interval_leads_from_one_to_the_next() -> None:
    found = part_statistics("tune", [(part([60, 62]), 2.0), (part([80, 78, None]), 6.0)])
    assert (found.notes, found.density, found.rests, found.repeats) == (4, 0.5, 0.5, 0.0)
    assert found.intervals == {-2: 0.5, 2: 0.5}


def test_nothing_is_no_figure() -> None:
    assert part_statistics("bass", []) == PartStatistics("bass", 0, None, None, None, None, None, {}, {}, {})
    silent = part_statistics("bass", [(Part("bass", ()), 4.0)])
    assert (silent.rests, silent.density, silent.repeats) == (1.0, 0.0, None)


def test_chords_count_their_highest_notes_as_the_line_and_sound_once() -> None:
    chords = Part("piano", (Note(0, 1, 60), Note(0, 2, 67), Note(2, 1, 55), Note(2, 1, 67), Note(2.5, 1, 50)))
    found = part_statistics("piano", [(chords, 4.0)])
    assert top_notes(chords) == [Note(0, 2, 67), Note(2, 1, 67), Note(2.5, 1, 50)]
    assert found.intervals == {-12: 0.5, 0: 0.5}
    assert found.repeats == 0.5
    assert found.rests == 1 / 8
    within = Part("piano", (Note(0, 3, 60), Note(0.5, 0.5, 64), Note(1.5, 1, 67)))
    assert part_statistics("piano", [(within, 4.0)]).rests == 1 / 4


@pytest.mark.parametrize("seed", range(15))
def test_random_lines_against_a_loop_over_sixteenths(seed: int) -> None:
    chance = random.Random(seed)
    pieces = []
    for _ in range(3):
        steps = [(chance.choice([None, 60, 62, 71, 90]), chance.choice([0.25, 1.0, 1.5])) for _ in range(20)]
        pieces.append((part(steps), sum(length for _, length in steps)))
    found = part_statistics("any", pieces)
    grid = [pitch for one, length in pieces for pitch in cells(one, round(length * 4))]
    assert found.rests == pytest.approx(grid.count(None) / len(grid))
    heights = [[note.pitch for note in one.notes] for one, _ in pieces]
    repeats = [later == former for line_ in heights for former, later in pairwise(line_)]
    assert found.repeats == pytest.approx(sum(repeats) / len(repeats))
    assert found.density == pytest.approx(sum(map(len, heights)) / (len(grid) / 4))
    for shares in (found.intervals, found.pitches, found.durations):
        assert sum(shares.values()) == pytest.approx(1)
