"""What follows a place of a piece, as a piece of its own."""

from crnn_audio.symbolic.bars import bars_of
from crnn_audio.symbolic.excerpts import after
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import ticks

NOTES = tuple(Note(float(place), 1.0, 60 + place) for place in range(12))
PIECE = Score(
    (Part("", NOTES),),
    time_signatures=(TimeSignature(0.0, 4, 4), TimeSignature(9.0, 3, 4)),
    keys=(Key(0.0, 1), Key(9.0, -1)),
    pickup=1.0,
    chords=(Chord(0.0, "G"), Chord(4.0, "C"), Chord(9.0, "F")),
    fermatas=(4.0, 11.0),
)


def test_within_a_bar() -> None:
    found = after(PIECE, 3.0)
    assert [(note.start, note.pitch) for note in found.notes][:2] == [(0.0, 63), (1.0, 64)]
    assert found.pickup == 2.0
    assert [one.start for one in found.time_signatures] == [0.0, 6.0]
    assert [one.sharps for one in found.keys] == [1, -1]
    assert [(one.start, one.name) for one in found.chords] == [(0.0, "G"), (1.0, "C"), (6.0, "F")]
    assert found.fermatas == (1.0, 8.0)


def test_bar_lines_stay_where_they_were() -> None:
    for quarter in (0.5, 1.0, 2.0, 5.0, 8.5):
        lines = {bar.start for bar in bars_of(PIECE).until(ticks(12.0))}
        moved = {bar.start + ticks(quarter) for bar in bars_of(after(PIECE, quarter)).until(ticks(12.0 - quarter))}
        assert moved - {ticks(quarter)} == {line for line in lines if line > ticks(quarter)}


def test_from_a_bar_line_on() -> None:
    found = after(PIECE, 9.0)
    assert (found.pickup, [str(one) for one in found.time_signatures], found.keys[0].sharps) == (0.0, ["3/4"], -1)
    assert after(PIECE, 0.0) == PIECE
