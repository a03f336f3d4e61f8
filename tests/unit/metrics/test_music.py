"""MusicStatistics of several pieces together: sums by hand, and what returns."""

from dataclasses import replace

import pytest

from crnn_audio.metrics.cadences import Endings
from crnn_audio.metrics.music import Repetition, repetition, statistics
from crnn_audio.metrics.voices import VoiceLeading
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature
from tests.unit.metrics.made import score

C, A_MINOR = Key(0, 0), Key(0, 0, "minor")


@pytest.mark.parametrize(
    ("steps", "metre", "found"),
    [
        ([60, 62, 60, 62], "2/4", Repetition(2, 1, 4, 0)),
        ([60, 62, 60, 64], "2/4", Repetition(2, 0, 4, 0)),
        ([60, 62, 60, (62, 0.5)], "2/4", Repetition(2, 0, 4, 0)),
        ([60, 62, 62, 60, 60, 62, 60, 62], "2/4", Repetition(4, 2, 8, 0)),
        ([None, 62, None, 62], "2/4", Repetition(2, 1, 2, 0)),
        (
            [60, None, None, None, 60, None, None, None],
            "2/4",
            Repetition(2, 1, 2, 0),
        ),  # silent bars do not return
        ([60, (62, 2.0), 64], "2/4", Repetition(2, 0, 3, 1)),
        ([60, 62, 60, 62], "", Repetition()),
    ],
)
def test_what_returns(steps: list, metre: str, found: Repetition) -> None:
    assert repetition(score(steps, metre=metre)) == found


def test_all_parts_must_return_and_the_pickup_shifts_the_bars() -> None:
    assert repetition(score([60, 62, 60, 62], [48, 50, 48, 52], metre="2/4")) == Repetition(2, 0, 8, 0)
    assert repetition(score([60, 62, 60, 62], [48, 50, 48, 50], metre="2/4")) == Repetition(2, 1, 8, 0)
    swapped = score([60, 62, 48, 50], [48, 50, 60, 62], metre="2/4")
    assert repetition(swapped).returned == 0
    assert repetition(score([70, 60, 62, 60, 62], metre="2/4", pickup=1.0)) == Repetition(3, 1, 5, 0)


def test_figures_of_two_pieces() -> None:
    one = score([60, 62, 64, 60], [48, 50, 52, 48], metre="4/4", key=C, fermatas=(3.0,))
    two = score([(69, 2.0), 72], [(57, 2.0), 45], metre="4/4", key=A_MINOR)
    found = statistics([one, two])
    assert (found.pieces, found.quarters) == (2, 7.0)
    assert [part.name for part in found.parts] == ["soprano", "alto"]
    assert found.parts[0].density == 6 / 7
    assert found.voices == VoiceLeading(2, 4, 0, 3, 0.0, 7.0)
    assert found.endings == Endings(2, 2, 2, 2, 2, 1)
    assert found.degrees == {0: 9 / 14, 2: 2 / 14, 3: 1 / 14, 4: 2 / 14}
    assert found.rates == {
        "parallel_fifths_per_100_changes": 0.0,
        "parallel_octaves_per_100_changes": 75.0,
        "voice_crossings": 0.0,
        "fermatas_on_triads": 0.0,
        "fermatas_on_tonic": 1.0,
        "fermatas_on_dominant": 0.0,
        "ends_on_tonic": 1.0,
        "ends_on_tonic_chord": 1.0,
        "ends_with_full_bar": 0.5,
        "returning_bars": 0.0,
        "notes_over_bar_lines": 0.0,
    }


def test_what_is_not_known_is_not_counted() -> None:
    plain = score([60, 62])
    found = statistics([plain, Score(())])
    assert (found.degrees, found.pieces, len(found.parts)) == ({}, 2, 1)
    assert {name for name, value in found.rates.items() if value is not None} == set()
    keyed = replace(plain, keys=(C,))
    assert statistics([plain, keyed]).degrees == {0: 0.5, 2: 0.5}
    assert statistics([]).parts == ()


def test_a_new_key_counts_from_where_it_holds() -> None:
    piece = replace(score([60, 67]), keys=(C, Key(1.0, 1)))
    assert statistics([piece]).degrees == {0: 1.0}


def test_parts_have_the_name_that_all_pieces_give_them() -> None:
    def named(name: str) -> Score:
        return Score((Part(name, (Note(0, 1, 60),)),), time_signatures=(TimeSignature(0, 4, 4),))

    assert statistics([named("fiddle"), named("fiddle")]).parts[0].name == "fiddle"
    assert statistics([named("fiddle"), named("flute")]).parts[0].name == "melody"
    assert statistics([named("")]).parts[0].name == "melody"
    both = Score((*named("fiddle").parts, *named("").parts))
    assert [part.name for part in statistics([both, named("flute")]).parts] == ["part 1", "part 2"]
