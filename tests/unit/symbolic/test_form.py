"""The form of tunes: from repeats and back, played, and written as repeats that other readers play."""

from pathlib import Path

import mido
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import files, form
from crnn_audio.symbolic.abc import from_abc, read_tune, to_abc, tune_sources
from crnn_audio.symbolic.score import Key, Note, Part, Repeat, Score, TimeSignature
from crnn_audio.symbolic.validation import validate

FORMS = ["AABB", "AAB", "ABB", "AABBCC", "AABBCCDD", "AA"]


def tune(letters: str, pickup: float = 0.0, bars: int = 8) -> Score:
    """A jig of eighths, each strain of so many bars."""
    length = 3.0 * bars * len(set(letters))
    notes = tuple(Note(place / 2, 0.5, 60 + 7 * place % 13) for place in range(round(2 * length)))
    return Score(
        (Part("melody", notes),), "A jig", 110.0, (TimeSignature(0.0, 6, 8),), (Key(0.0, 1),), pickup,
        repeats=form.repeats_of(letters, length),
    )  # fmt: skip


@pytest.mark.parametrize("letters", FORMS)
def test_a_form_is_found_again(letters: str) -> None:
    assert form.form_of(tune(letters)) == letters
    assert form.played(tune(letters)).end == 24.0 * len(letters)


def test_forms_without_repeats_and_others() -> None:
    assert form.repeats_of("ABC", 72.0) == form.repeats_of("", 8.0) == form.repeats_of("ABAB", 8.0) == ()
    assert form.repeats_of("AAAB", 8.0) == form.repeats_of("xx", 8.0) == ()
    assert form.form_of(Score(())) == ""
    uneven = (Repeat(0.0, 12.0), Repeat(12.0, 48.0))
    notes = (Note(0.0, 48.0, 60),)
    assert form.form_of(Score((Part("", notes),), repeats=uneven)) == ""
    nearly = (Repeat(0.0, 24.5), Repeat(24.5, 48.0))
    assert form.form_of(Score((Part("", notes),), repeats=nearly)) == "AABB"


def test_what_is_played() -> None:
    notes = (Note(0.0, 1.0, 60), Note(1.0, 1.0, 62), Note(2.0, 1.0, 64))
    piece = Score((Part("", notes),), fermatas=(1.0,), repeats=(Repeat(1.0, 2.0),))
    found = form.played(piece)
    assert [(n.start, n.pitch) for n in found.notes] == [(0.0, 60), (1.0, 62), (2.0, 62), (3.0, 64)]
    assert (found.fermatas, found.repeats) == ((1.0, 2.0), ())


def test_a_note_over_the_end_of_a_strain_and_a_piece_that_is_too_short() -> None:
    repeats = (Repeat(0.0, 2.0), Repeat(2.0, 4.0))
    through, apart = (
        Score((Part("", notes),)) for notes in ((Note(0.0, 4.0, 60),), (Note(0.0, 2.0, 60), Note(2.0, 2.0, 62)))
    )
    assert form.fitting(through, repeats) == ()
    assert form.fitting(apart, repeats) == repeats
    assert form.fitting(Score((Part("", (Note(0.0, 1.0, 60),)),)), repeats) == ()


@pytest.mark.parametrize("repeats", [(Repeat(2.0, 1.0),), (Repeat(0.0, 2.0), Repeat(1.0, 3.0)), (Repeat(1.0, 1.0),)])
def test_repeats_that_cannot_be(repeats: tuple[Repeat, ...]) -> None:
    with pytest.raises(DataError, match="repeats"):
        validate(Score((Part("", (Note(0.0, 4.0, 60),)),), repeats=repeats))


@pytest.mark.parametrize("pickup", [0.0, 0.5])
@pytest.mark.parametrize("letters", FORMS)
def test_abc(letters: str, pickup: float) -> None:
    piece = tune(letters, pickup)
    text = to_abc(piece, rhythm="jig")
    assert "\nR:jig\nM:6/8\n" in text
    assert text.count(":|") == len(piece.repeats) == text.count("|: ")
    assert from_abc(text).score == form.played(piece)
    (source,) = tune_sources(text)
    assert read_tune(source, repeats=False).score == piece


def test_how_abc_looks() -> None:
    """Strains begin lines, and four bars stand on each beside the pickup."""
    assert to_abc(tune("AABB", 0.5, 5)).partition('name="melody"\n')[2] == (
        "|: C | G^C^G DA^D | _BE=B =Fc^F | CG^C ^GDA | ^D_BE =B=Fc |\n"
        "FCG ^C^G :|\n"
        "|: D | A^D_B E=B=F | cFC G^C^G | DA^D _BE=B | =Fc^F CG^C |\n"
        "^GDA ^D_B :|\n"
    )


@pytest.mark.parametrize("name", ["a.mid", "a.abc", "a.json", "a.musicxml"])
def test_files(tmp_path: Path, name: str) -> None:
    if name.endswith("musicxml"):
        pytest.importorskip("music21")
    piece = tune("AABB", 0.5)
    assert files.save(piece, tmp_path / name) == ()
    found = files.load(tmp_path / name).score
    assert found == (piece if name.endswith("json") else form.played(piece))
    if name.endswith("mid"):
        strikes = [one for one in mido.MidiFile(tmp_path / name) if one.type == "note_on" and one.velocity]
        assert len(strikes) == 2 * len(piece.notes)
