"""MusicXML by music21: round trips, what notation holds and what it does not, and files that are damaged."""

import io
import sys
import zipfile

import pytest
from hypothesis import Phase, given, settings

from crnn_audio.errors import DataError
from crnn_audio.symbolic.musicxml import from_musicxml, to_musicxml, to_mxl
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature
from tests.unit.symbolic.made_scores import scores

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
CHORALE = Score(
    (
        Part("Soprano", (Note(0.0, 1.0, 67), Note(1.0, 1.5, 70), Note(2.5, 0.5, 69), Note(3.0, 2.0, 67)), 52),
        Part("Bass", (Note(0.0, 1.0, 55), Note(1.0, 2.0, 43), Note(1.0, 4.0, 50)), 0),
    ),
    title="Ach & weh",
    tempo=97.5,
    time_signatures=(TimeSignature(0.0, 4, 4),),
    keys=(Key(0.0, -1, "dorian"),),
    pickup=1.0,
    chords=(Chord(1.0, "Gm"), Chord(3.0, "Bbmaj7"), Chord(3.0, "D/F#")),
    fermatas=(3.0,),
)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])  # finding a small one takes minutes
@given(scores(grid=40, overlaps=False))
def test_a_score_comes_back_from_its_musicxml(score: Score) -> None:
    """On a grid of twelfths of a quarter; chords are looked at below."""
    score = Score(
        score.parts, score.title, score.tempo, score.time_signatures, score.keys, score.pickup, (), score.fermatas
    )
    found = from_musicxml(to_musicxml(score))
    assert found.score == score
    assert found.remarks == ()


def test_a_chorale_comes_back_packed_or_not() -> None:
    assert from_musicxml(to_musicxml(CHORALE)).score == CHORALE
    packed = to_mxl(CHORALE)
    assert zipfile.ZipFile(io.BytesIO(packed)).testzip() is None
    assert from_musicxml(packed).score == CHORALE


def test_what_music21_finds() -> None:
    music21 = pytest.importorskip("music21")
    read = music21.converter.parseData(to_musicxml(CHORALE), format="musicxml")
    assert read.metadata.movementName == "Ach & weh"
    assert [part.partName for part in read.parts] == ["Soprano", "Bass"]
    soprano = read.parts[0].flatten()
    assert [note.nameWithOctave for note in soprano.notes if "ChordSymbol" not in note.classes] == [
        "G4",
        "B-4",
        "A4",
        "G4",
    ]
    assert [bar.quarterLength for bar in read.parts[0].getElementsByClass("Measure")] == [1.0, 4.0]
    assert b'<measure implicit="yes" number="0">' in to_musicxml(CHORALE)


def test_times_too_fine_for_notes_are_rounded_together() -> None:
    fine = Score((Part("", (Note(1 / 480, 1.0, 60), Note(481 / 480, 0.5, 62))),))
    assert from_musicxml(to_musicxml(fine)).score.parts[0].notes == (Note(0.0, 1.0, 60), Note(1.0, 0.5, 62))
    fifths = Score((Part("", tuple(Note(step / 5, 0.2, 60 + step) for step in range(5))),))
    assert from_musicxml(to_musicxml(fifths)).score.parts[0].notes == fifths.parts[0].notes


def test_names_of_chords_that_music21_does_not_know_are_left_out() -> None:
    score = Score(CHORALE.parts, chords=(Chord(0.0, "Cd"), Chord(1.0, "F#m7")))
    assert from_musicxml(to_musicxml(score)).score.chords == (Chord(1.0, "F#m7"),)


def measure(number: int, inside: str) -> str:
    return f'<measure number="{number}">{inside}</measure>'


def tone(step: str, length: int, inside: str = "", after: str = "") -> str:
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return f"<note>{inside}{pitch}<duration>{length}</duration>{after}</note>"


def document(*measures: str, about: str = "") -> bytes:
    parts = '<part-list><score-part id="P1"><part-name>Lead</part-name></score-part></part-list>'
    attributes = (
        "<attributes><divisions>2</divisions><time><beats>2</beats><beat-type>4</beat-type></time></attributes>"
    )
    body = measures[0].replace(">", ">" + attributes, 1) + "".join(measures[1:])
    return f'<?xml version="1.0"?><score-partwise>{about}{parts}<part id="P1">{body}</part></score-partwise>'.encode()


def test_a_file_of_another_program() -> None:
    repeat = '<barline location="right"><bar-style>light-heavy</bar-style><repeat direction="backward"/></barline>'
    grace = "<note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>"
    read = from_musicxml(
        document(
            measure(1, tone("C", 4)),
            measure(2, grace + tone("E", 2) + tone("G", 2, "<chord/>") + tone("D", 2) + repeat),
            measure(3, tone("F", 4, after='<tie type="start"/>')),
            measure(4, tone("F", 2, after='<tie type="stop"/>')),
            about="<movement-title>Two times</movement-title>",
        )
    )
    assert read.score == Score(
        (
            Part(
                "Lead",
                (
                    *(Note(0.0, 2.0, 60), Note(2.0, 1.0, 64), Note(2.0, 1.0, 67), Note(3.0, 1.0, 62)),
                    *(Note(4.0, 2.0, 60), Note(6.0, 1.0, 64), Note(6.0, 1.0, 67), Note(7.0, 1.0, 62)),
                    Note(8.0, 3.0, 65),
                ),
            ),
        ),
        title="Two times",
        time_signatures=(TimeSignature(0.0, 2, 4),),
    )
    assert read.remarks == ("2 grace notes left out.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<?xml version='1.0'?><score-partwise><part", "not MusicXML that can be read"),
        (b"<html><body>no music</body></html>", "not MusicXML: its outermost element is 'html'"),
        (document(measure(1, "")), "there are no notes in it"),
        (b"PK\x03\x04 and then rubbish", "packed MusicXML that is damaged"),
        (to_mxl(CHORALE)[:-200], "packed MusicXML that is damaged"),
    ],
)
def test_damaged_files(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_musicxml(content)


def test_a_package_without_a_score() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
    with pytest.raises(DataError, match="a packed file without a score"):
        from_musicxml(packed.getvalue())


def test_without_music21_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "music21", None)
    for use in (lambda: to_musicxml(CHORALE), lambda: from_musicxml(b"<score-partwise/>")):
        with pytest.raises(
            DataError, match=r"MusicXML needs music21. Install it with `pip install crnn-audio\[music\]`"
        ):
            use()
