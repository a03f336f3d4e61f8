"""Pieces made to fit: what is changed, what is said of it, and that the result can be held."""

from dataclasses import replace
from random import Random

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens, fitting, melody_tokens
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature
from tests.unit.symbolic.pieces import chorale, many, melody


def score(*parts: list[tuple[float, float, int]], names: str = "abcdefgh") -> Score:
    return Score(
        tuple(Part(name, tuple(Note(*note) for note in part)) for name, part in zip(names, parts, strict=False))
    )


def notes(part: Part) -> list[tuple[float, float, int]]:
    return [(note.start, note.duration, note.pitch) for note in part.notes]


@many
def test_a_melody_that_fits_stays_as_it_is(seed: int) -> None:
    piece = melody(seed, margin=fitting.MARGIN)
    assert fitting.to_melody(piece) == (piece, [])


@many
def test_a_chorale_that_fits_stays_as_it_is(seed: int) -> None:
    piece = chorale(seed, margin=fitting.MARGIN)
    assert fitting.to_chorale(piece) == (piece, [])


@pytest.mark.parametrize(
    ("metres", "pickup", "kept", "kept_pickup", "remarks"),
    [
        ([(0, 3, 4), (7, 3, 4), (9, 4, 4)], 0.0, [(0, 3, 4), (9, 4, 4)], 0.0, ["1 time signature left out"]),
        ([(0, 9, 4), (1, 99, 8)], 0.0, [], 0.0, ["2 time signatures left out"]),
        ([(0, 3, 4), (2, 3, 4)], 3.5, [(0, 3, 4)], 0.0, ["1 time signature left out", "the pickup of 3.5 quarters"]),
        ([(0, 3, 4), (2, 2, 4)], 2.0, [(0, 3, 4), (2, 2, 4)], 2.0, []),
        ([], 1.0, [], 1.0, []),
        ([], 5.0, [], 0.0, ["the pickup of 5 quarters"]),
    ],
)
def test_what_counts_no_bars_is_passed_over(
    metres: list, pickup: float, kept: list, kept_pickup: float, remarks: list[str]
) -> None:
    piece = replace(
        score([(0, 1, 60)]), time_signatures=tuple(TimeSignature(*metre) for metre in metres), pickup=pickup
    )
    for fit in (fitting.to_melody, fitting.to_chorale):
        fitted, said = fit(piece)
        assert [(metre.start, metre.beats, metre.beat_type) for metre in fitted.time_signatures] == kept
        assert fitted.pickup == kept_pickup
        said = [remark for remark in said if "by their height" not in remark]
        assert len(said) == len(remarks)
        assert all(one.startswith(two) for one, two in zip(said, remarks, strict=True))


def any_note(random: Random) -> tuple[float, float, int]:
    return random.uniform(0, 12), random.choice([0.01, random.uniform(0, 5)]), random.randint(0, 127)


@many
def test_whatever_is_made_to_fit_can_be_held(seed: int) -> None:
    random = Random(seed)
    piece = score(*([any_note(random) for _ in range(random.randint(1, 12))] for _ in range(random.randint(1, 6))))
    piece = replace(piece, parts=tuple(replace(part, notes=tuple(sorted(part.notes))) for part in piece.parts))
    metres = (
        TimeSignature(random.choice([0.0, 4.0, 5.5]), random.randint(0, 20), random.choice([2, 4, 8, 128]))
        for _ in range(3)
    )
    piece = replace(piece, time_signatures=tuple(sorted(metres)), pickup=random.choice([0.0, 1.0, 0.3, 9.0]))
    assert len(melody_tokens.encode(fitting.to_melody(piece)[0]))
    assert len(chorale_tokens.encode(fitting.to_chorale(replace(piece, fermatas=(0.3, 99.0)))[0]))


@pytest.mark.parametrize(
    ("given", "fitted", "remark"),
    [
        ([(0.01, 0.98, 60)], [(0, 1, 60)], "1 note moved to the grid"),
        ([(0, 1, 60), (0, 1, 64), (0, 1, 67)], [(0, 1, 67)], "2 notes left out where others began at the same time"),
        ([(0, 2, 60), (1, 1, 62)], [(0, 1, 60), (1, 1, 62)], "1 note cut short where the next began"),
        ([(0, 1, 40), (1, 1, 100)], [(0, 1, 52), (1, 1, 88)], "2 notes moved by octaves into 48 to 96"),
    ],
)
def test_each_change_is_said(given: list, fitted: list, remark: str) -> None:
    piece, remarks = fitting.to_melody(score(given))
    assert notes(piece.parts[0]) == fitted
    assert len(remarks) == 1
    assert remark in remarks[0]


def test_the_highest_part_is_the_melody() -> None:
    piece, remarks = fitting.to_melody(score([(0, 1, 60)], [(0, 1, 50), (1, 1, 80)], []))
    assert notes(piece.parts[0]) == [(0, 1, 50), (1, 1, 80)]
    assert remarks == ["of 2 parts the highest is taken, b"]


def test_voices_by_name_in_any_order() -> None:
    piece = score([(0, 1, 40)], [(0, 1, 90)], [(0, 1, 70)], [(0, 1, 60)], [(0, 1, 50)], names="12345")
    names = ("Bass", "Flute", "Soprano", "Alto", "Tenor")
    named = tuple(replace(part, name=name) for part, name in zip(piece.parts, names, strict=True))
    fitted, remarks = fitting.to_chorale(replace(piece, parts=named))
    assert [notes(part)[0][2] for part in fitted.parts] == [70, 60, 50, 40]
    assert remarks == ["1 other parts are left out"]


def test_chords_of_one_part_become_voices() -> None:
    chords = [(0, 2, 72), (0, 2, 67), (0, 2, 64), (0, 2, 48), (2, 1, 50), (2, 1, 74), (2, 1, 65), (3, 1, 76)]
    fitted, remarks = fitting.to_chorale(score(chords))
    assert [notes(part) for part in fitted.parts] == [
        [(0, 2, 72), (2, 1, 74), (3, 1, 76)], [(0, 2, 67), (2, 1, 65)], [(0, 2, 64)], [(0, 2, 48), (2, 1, 50)],
    ]  # fmt: skip
    assert remarks == ["the notes of 1 part are shared out among four voices by their height"]


def test_more_than_four_at_once_are_counted() -> None:
    _, remarks = fitting.to_chorale(score([(0, 1, pitch) for pitch in (40, 50, 60, 70, 72, 74)]))
    assert "2 notes are left out, as more than four sound at once" in remarks


@pytest.mark.parametrize(
    ("chord", "voices"),
    [
        ([36, 55, 60, 64, 67], [67, 64, 60, 36]),
        ([36, 48, 55, 60, 64, 67, 72], [72, 67, 64, 36]),
        ([48, 60, 64, 67], [67, 64, 60, 48]),
        ([48, 67], [67, None, None, 48]),
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.02])
def test_the_outer_voices_of_a_chord_stay(chord: list[int], voices: list[int | None], late: float) -> None:
    played = sorted((late * (pitch == chord[0]), 1.0, pitch) for pitch in chord)
    fitted, _ = fitting.to_chorale(score(played))
    assert [notes(part)[0][2] if part.notes else None for part in fitted.parts] == voices


def test_a_new_bass_ends_the_one_that_is_held() -> None:
    fitted, remarks = fitting.to_chorale(
        score([(0, 2, 72), (0, 2, 67), (0, 2, 64), (0, 2, 48), (1, 1, 43), (1, 1, 65)])
    )
    assert notes(fitted.parts[3]) == [(0, 1, 48), (1, 1, 43)]
    assert "bass: 1 note cut short where the next began" in remarks
    assert "1 notes are left out, as more than four sound at once" in remarks


def test_of_a_divided_bass_the_lower_note_stays() -> None:
    fitted, remarks = fitting.to_chorale(score([(0, 1, 72)], [(0, 1, 67)], [(0, 1, 60)], [(0, 1, 36), (0, 1, 48)]))
    assert notes(fitted.parts[3]) == [(0, 1, 36)]
    assert remarks == ["bass: 1 note left out where others began at the same time, the lowest kept"]


def test_four_parts_in_another_order_are_taken_by_their_height() -> None:
    fitted, remarks = fitting.to_chorale(score([(0, 1, 48)], [(0, 1, 60)], [(0, 1, 67)], [(0, 1, 72)]))
    assert [notes(part)[0][2] for part in fitted.parts] == [72, 67, 60, 48]
    assert remarks == ["the four parts are taken by their height: d, c, b, a"]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("Flute", "Melody", "Bass"), "Melody"),
        (("Descant", "Soprano", "Alto"), "Soprano"),
        (("Strings", "Backing Vocals", "Lead Vocal"), "Lead Vocal"),
        (("Violin", "Lead 1 (square)", "Voice Oohs"), "Lead 1 (square)"),
        (("Piano", "Voice 1", "Voice 2"), "Voice 1"),
        (("Violin", "Leader", "Bass"), "Violin"),
    ],
)
def test_a_part_named_as_the_melody_is_taken(names: tuple[str, ...], taken: str) -> None:
    piece = score([(0, 1, 80)], [(0, 1, 70)], [(0, 1, 60)])
    named = tuple(replace(part, name=name) for part, name in zip(piece.parts, names, strict=True))
    fitted, remarks = fitting.to_melody(replace(piece, parts=named))
    assert fitted.parts[0].name == taken
    how = "the highest is taken, Violin" if taken == "Violin" else f"{taken} is taken, by its name"
    assert remarks == [f"of 3 parts {how}"]


def test_a_piece_of_weeks_is_refused() -> None:
    for fit in (fitting.to_melody, fitting.to_chorale):
        with pytest.raises(DataError, match="lasts 600001 quarter notes; a piece lasts 20000 at most"):
            fit(score([(600_000, 1, 60)]))


@pytest.mark.parametrize("piece", [Score(()), score([]), score([], [], [], [])])
def test_silence_is_refused(piece: Score) -> None:
    for fit in (fitting.to_melody, fitting.to_chorale):
        with pytest.raises(DataError, match="holds no notes"):
            fit(piece)
