"""Verticalities: without gaps, each with what sounds in it, against a loop over ticks; thirds of a quarter note too."""

import random
from itertools import pairwise

import pytest

from crnn_audio.metrics.verticalities import Tone, Verticality, verticalities
from crnn_audio.symbolic.score import Note, Part, Score
from crnn_audio.symbolic.ticks import on_tick
from tests.unit.metrics.made import score


def test_by_hand() -> None:
    assert verticalities(score([60, None, (62, 0.5)], [None, (48, 1.5)])) == [
        Verticality(0, 480, (Tone(0, 60, True),)),
        Verticality(480, 960, (Tone(1, 48, True),)),
        Verticality(960, 1200, (Tone(0, 62, True), Tone(1, 48, False))),
    ]
    assert verticalities(score([60, None, 62]))[1] == Verticality(480, 960, ())
    assert verticalities(score([60, None, 62]))[1].quarters == 1.0


def test_triplets_meet_exactly() -> None:
    third = on_tick(1 / 3)
    notes = tuple(Note(on_tick(index / 3), third, 60 + index) for index in range(9))
    found = verticalities(Score((Part("a", notes), Part("b", tuple(Note(quarter, 1.0, 50) for quarter in range(3))))))
    assert [verticality.start for verticality in found] == [160 * index for index in range(9)]
    assert all(len(verticality.tones) == 2 for verticality in found)


@pytest.mark.parametrize("piece", [Score(()), Score((Part("a", ()),)), Score((Part("a", (Note(1, 0, 60),)),))])
def test_nothing_sounds(piece: Score) -> None:
    assert verticalities(piece) == []


@pytest.mark.parametrize("seed", range(20))
def test_random_notes_against_a_loop_over_ticks(seed: int) -> None:
    chance = random.Random(seed)
    parts = [
        tuple(
            sorted(
                Note(chance.randint(2, 30) / 480, chance.randint(0, 9) / 480, chance.randint(60, 63)) for _ in "notes"
            )
        )
        for _ in range(2)
    ]
    found = verticalities(Score(tuple(Part("", notes) for notes in parts)))
    for former, later in pairwise(found):
        assert former.end == later.start
        assert former.tones != later.tones or any(tone.onset for tone in later.tones)
    for tick in range(45):
        sounding = {
            (index, note.pitch)
            for index, notes in enumerate(parts)
            for note in notes
            if round(note.start * 480) <= tick < round(note.end * 480)
        }
        here = [verticality for verticality in found if verticality.start <= tick < verticality.end]
        assert {(tone.part, tone.pitch) for verticality in here for tone in verticality.tones} == sounding
