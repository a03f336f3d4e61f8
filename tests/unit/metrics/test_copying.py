"""Copied passages: against a search that tries every pair of runs; transposed, across rests, in time."""

import random
import time
from dataclasses import replace

import pytest

from crnn_audio.metrics.copying import Passage, longest_copies, melody_of
from crnn_audio.metrics.verticalities import Verticality, verticalities
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature
from tests.unit.metrics.made import score

TUNE = [(60, 1.0), (62, 0.5), (64, 0.5), (65, 1.0), (None, 1.0), (67, 2.0), (60, 2.0)]


def up(steps: list, by: int) -> list:
    return [(None if pitch is None else pitch + by, length) for pitch, length in steps]


def test_a_whole_piece_transposed_is_a_copy() -> None:
    piece = score(up(TUNE, 5), metre="4/4")
    assert longest_copies([piece], [score([50, 53]), score(TUNE)]) == [Passage(8.0, 2.0, 0.0, 1, 0.0)]


def test_a_passage_within_both_is_found_with_its_places() -> None:
    before, after = [(70, 3.0), (50, 0.25)], [(80, 0.25), (40, 3.0)]
    piece = score([*before, *up(TUNE[:4], -3), *after], metre="3/4")
    other = score([(55, 0.75), *TUNE[:4], (30, 1.5)])
    assert longest_copies([piece], [other]) == [Passage(3.0, 1.0, 3.25, 0, 0.75)]


def test_another_rhythm_is_no_copy() -> None:
    faster = [(pitch, length / 2) for pitch, length in TUNE]
    assert longest_copies([score(faster)], [score([(60, 1.0)])])[0].quarters == 1.0  # the last note alone
    assert longest_copies([score([(60, 0.25)])], [score(TUNE)]) == [Passage()]


def test_nothing_to_copy_from_or_to() -> None:
    piece = score(TUNE, metre="2/4")
    assert longest_copies([piece, Score(())], []) == [Passage(bars=0.0), Passage()]
    assert longest_copies([], [piece]) == []
    assert longest_copies([piece], [Score(())]) == [Passage(bars=0.0)]


def test_all_voices_must_agree_and_a_melody_is_the_top_of_the_first_part() -> None:
    piece = score(TUNE, [(48, 2.0), (50, 2.0), (52, 4.0)])
    other = score(up(TUNE, 2), [(50, 2.0), (53, 2.0), (54, 4.0)])
    assert (
        longest_copies([piece], [other])[0].quarters == 4.0
    )  # from the rest's end on: before, the second voice differs
    assert longest_copies([melody_of(piece)], [melody_of(other)])[0].quarters == 8.0
    chords = Part("chords", tuple(sorted([Note(0, 1, 60), Note(0, 1, 67), Note(1, 1, 69), Note(1, 1, 50)])))
    assert melody_of(Score((chords,))).parts[0].notes == (Note(0, 1, 67), Note(1, 1, 69))


def test_held_is_not_struck() -> None:
    struck = score([(72, 1.0), (74, 1.0)], [(60, 1.0), (60, 1.0)])
    held = score([(72, 1.0), (74, 1.0)], [(60, 2.0)])
    assert longest_copies([struck], [held])[0].quarters == 1.0


def brute(piece: list[Verticality], others: list[list[Verticality]]) -> float:
    """The longest run, in ticks, that equals one elsewhere after adding a constant to its pitches."""
    longest = 0
    for other in others:
        for i, first in enumerate(piece):
            for j in range(len(other)):
                for length in range(1, min(len(piece) - i, len(other) - j) + 1):
                    one, two = piece[i : i + length], other[j : j + length]
                    if first.tones and one[-1].tones and transposed(one, two):
                        longest = max(longest, one[-1].end - first.start)
    return longest / 480


def transposed(one: list[Verticality], two: list[Verticality]) -> bool:
    tones = [[(t.part, t.pitch, t.onset) for t in verticality.tones] for verticality in one]
    others = [[(t.part, t.pitch, t.onset) for t in verticality.tones] for verticality in two]
    if not others[0]:
        return False
    by = others[0][0][1] - tones[0][0][1]
    moved = [[(part, pitch + by, struck) for part, pitch, struck in verticality] for verticality in tones]
    return moved == others and [m.end - m.start for m in one] == [m.end - m.start for m in two]


@pytest.mark.parametrize("seed", range(30))
def test_random_pieces_against_every_pair_of_runs(seed: int) -> None:
    chance = random.Random(seed)

    def make() -> Score:
        voices = chance.choice([1, 1, 2])
        steps = [(pitch, length) for pitch in (None, 60, 62, 64) for length in (0.5, 1.0)]
        made = score(*[chance.choices(steps, k=chance.randint(0, 14)) for _ in range(voices)])
        by = chance.randint(-3, 3)
        moved = [
            Part(part.name, tuple(Note(note.start, note.duration, note.pitch + by) for note in part.notes))
            for part in made.parts
        ]
        return replace(made, parts=tuple(moved))

    pieces, training = [make() for _ in range(3)], [make() for _ in range(4)]
    found = longest_copies(pieces, training)
    known = [verticalities(one) for one in training]
    for piece, passage in zip(pieces, found, strict=True):
        assert passage.quarters == brute(verticalities(piece), known)
        if passage.source is not None:
            here = inside(verticalities(piece), passage.start, passage.quarters)
            there = inside(known[passage.source], passage.source_start, passage.quarters)
            assert transposed(here, there)


def inside(piece: list[Verticality], start: float, quarters: float) -> list[Verticality]:
    return [one for one in piece if start * 480 <= one.start and one.end <= (start + quarters) * 480]


def test_bars_are_those_of_the_metre_that_holds_there() -> None:
    piece = score([*up(TUNE[:2], 0), (80, 0.5), *TUNE], metre="2/4")
    piece = replace(piece, time_signatures=(TimeSignature(0.0, 2, 4), TimeSignature(2.0, 4, 4)))
    assert longest_copies([piece], [score(TUNE)])[0] == Passage(8.0, 2.0, 2.0, 0, 0.0)


def test_many_tunes_are_searched_in_time() -> None:
    """Trying every pair of runs would take minutes; a thousand tunes take a second where shapes are not checked."""
    chance = random.Random(0)
    tunes = [score([(chance.randint(60, 79), chance.choice([0.5, 1.0])) for _ in range(120)]) for _ in range(110)]
    began = time.process_time()
    found = longest_copies(tunes[:10], tunes[10:])
    assert time.process_time() - began < 5
    assert all(passage.quarters >= 1 for passage in found)
