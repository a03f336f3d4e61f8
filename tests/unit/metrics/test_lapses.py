"""What a musician would not let pass, one case at a time; pieces that are sound have none."""

from dataclasses import replace

import pytest

from crnn_audio.metrics.lapses import Lapses, closes, lapses, longest_run
from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature

THREE = (TimeSignature(0.0, 3, 4),)


def line(*pitches: int | None, name: str = "") -> Part:
    """A quarter note each; None is a rest."""
    notes = (Note(float(place), 1.0, pitch) for place, pitch in enumerate(pitches) if pitch is not None)
    return Part(name, tuple(notes))


def chorale(*chords: tuple[int, int, int, int]) -> Score:
    """Four voices of quarter notes in C, with a fermata on the last."""
    parts = tuple(line(*voice) for voice in zip(*chords, strict=True))
    return Score(parts, time_signatures=(TimeSignature(0.0, 4, 4),), keys=(Key(0.0, 0),), fermatas=(len(chords) - 1.0,))


TONIC, SUBDOMINANT, DOMINANT, SEVENTH = (72, 67, 64, 48), (69, 65, 60, 53), (74, 67, 59, 55), (74, 65, 59, 55)


@pytest.mark.parametrize(
    ("chords", "expected"),
    [
        ([TONIC, SUBDOMINANT, DOMINANT, TONIC], True),
        ([TONIC, SEVENTH, TONIC], True),
        ([TONIC, SUBDOMINANT, TONIC], True),
        ([TONIC, DOMINANT], False),
        ([TONIC, (69, 64, 60, 57), TONIC], False),  # from the sixth degree
        ([TONIC, TONIC, TONIC], False),
    ],
)
def test_how_a_chorale_closes(chords: list[tuple[int, int, int, int]], expected: bool) -> None:
    piece = chorale(*chords)
    assert closes(piece) is expected
    assert lapses(piece) == Lapses(pieces=1, leaping=lapses(piece).leaping, phrased=1, closing=expected)
    assert not closes(replace(piece, fermatas=(0.0,), time_signatures=(TimeSignature(0.0, 1, 4),)))


def test_leaps_of_the_outer_voices() -> None:
    wide, narrow = line(60, 73), line(60, 72)
    for parts, expected in (((wide, narrow), 1), ((narrow, wide), 1), ((narrow, wide, narrow), 0), ((narrow,), 0)):
        assert lapses(Score(parts)).leaping == expected


def test_bars_in_a_row() -> None:
    bar, other = [60, 62, 64], [60, 62, 65]
    for bars, run in (([bar] * 3 + [other], 3), ([bar] * 4, 4), ([other, bar, bar, other, bar], 2)):
        piece = Score((line(*(pitch for one in bars for pitch in one)),), time_signatures=THREE)
        assert longest_run(piece) == run
        assert lapses(piece).repeating == (run > 3)
    assert longest_run(Score((line(60),))) == 0, "without a time signature no bar is known"


def test_a_voice_that_falls_silent() -> None:
    sounding = line(*[60] * 18)
    for rests, expected in ((12, 0), (13, 1)):
        for other in (line(*[None] * rests, *[48] * (18 - rests)), line(*[48] * (18 - rests))):
            assert lapses(Score((sounding, other), time_signatures=THREE)).silent == expected


def test_counts_add_up_and_silence_has_none() -> None:
    one = lapses(Score((line(60, 80),)))
    assert one + one == Lapses(pieces=2, leaping=2)
    assert lapses(Score(())) == Lapses()
