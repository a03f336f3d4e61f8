"""ABC read as it is played: each sign by itself, with what it should sound like."""

import random
from dataclasses import replace

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc import from_abc, read_tune, text_of, to_abc, tune_sources
from crnn_audio.symbolic.midi import to_midi
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature


def tune(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> Score:
    return from_abc(f"X:1\nT:t\n{head}\n{music}\n").score


def played(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> list[tuple[int, float]]:
    """Pitches and durations of the first part, in order."""
    return [(note.pitch, note.duration) for note in tune(music, head).parts[0].notes]


def pitches(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> list[int]:
    return [pitch for pitch, _ in played(music, head)]


def letters(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> str:
    """As `pitches`, by their letters: for the order of bars."""
    names = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B"}
    return "".join(names[pitch] for pitch in pitches(music, head))


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C c c' C,", [60, 72, 84, 48]),
        ("C,, b''", [36, 107]),
        ("^F _B ^^C __D =C", [66, 70, 62, 60, 60]),
        ("^F F f|F f", [66, 66, 78, 65, 77]),  # to the bar's end, in other octaves too
        ("^F =F F", [66, 65, 65]),
        ("^F|:F", [66, 65]),
        ("^F-|F F", [66, 65]),  # a tie carries the accidental to its own note alone
    ],
)
def test_pitches(music: str, expected: list[int]) -> None:
    assert pitches(music) == expected


@pytest.mark.parametrize(
    ("spread", "expected"), [("pitch", [66, 66, 78]), ("octave", [66, 66, 77]), ("not", [66, 65, 77])]
)
def test_how_far_an_accidental_goes(spread: str, expected: list[int]) -> None:
    assert pitches("^F F f", f"M:4/4\n%%propagate-accidentals {spread}\nL:1/4\nK:C") == expected


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("C", "C D E F G A B"),
        ("G", "C D E ^F G A B"),
        ("Em", "C D E ^F G A B"),
        ("E minor", "C D E ^F G A B"),
        ("EM", "C D E ^F G A B"),
        ("Amix", "^C D E ^F G A B"),
        ("D Mixolydian", "C D E ^F G A B"),
        ("Ddor", "C D E F G A B"),
        ("Bb", "C D _E F G A _B"),
        ("F#", "^C ^D ^E ^F ^G ^A B"),
        ("Cb", "_C _D _E _F _G _A _B"),
        ("Ephr", "C D E F G A B"),
        ("Flyd", "C D E F G A B"),
        ("Bloc", "C D E F G A B"),
        ("Aaeo clef=bass", "C D E F G A B"),
        ("Cion treble", "C D E F G A B"),
        ("D bass", "^C D E ^F G A B"),
        ("none", "C D E F G A B"),
        ("", "C D E F G A B"),
        ("HP", "^C D E ^F G A B"),  # the signature is left out on paper alone
        ("Hp", "^C D E ^F G A B"),
        ("Emi", "C D E ^F G A B"),
        ("em", "C D E ^F G A B"),
        ("g", "C D E ^F G A B"),
        ("F♯m", "^C D E ^F ^G A B"),
        ("C ^f _b", "C D E ^F G A _B"),
        ("D exp _b", "C D E F G A _B"),
        ("^f", "C D E ^F G A B"),
    ],
)
def test_keys(key: str, scale: str) -> None:
    assert pitches("C D E F G A B", f"M:4/4\nL:1/4\nK:{key}") == pitches(scale)


def test_keys_of_the_score() -> None:
    assert tune("C|[K:Ddor]D|\nK:A\nc|[K:A]c|[K:none]c", "K:Bbm").keys == (
        Key(0.0, -5, "minor"),
        Key(0.5, 0, "dorian"),
        Key(1.0, 3),
    )
    assert tune("C", "K:none").keys == ()
    assert tune("C", "K:clef=bass").keys == ()


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C2 C C/ C/2 C// C/4 C3/2 C3/ C/3", [2, 1, 0.5, 0.5, 0.25, 0.25, 1.5, 1.5, 160 / 480]),
        ("C>D C<D", [1.5, 0.5, 0.5, 1.5]),
        ("C>>D C<<<D", [1.75, 0.25, 0.125, 1.875]),
        ("C2>D2", [3, 1]),
        ("(3CDE F", [320 / 480] * 3 + [1]),
        ("(3C2D E", [640 / 480, 320 / 480, 320 / 480]),
        ("(3:2:2C2D E", [640 / 480, 320 / 480, 1]),
        ("(3:2C D E F", [320 / 480] * 3 + [1]),
        ("(3::4C D E F G", [320 / 480] * 4 + [1]),
        ("(2CD E", [1.5, 1.5, 1]),
        ("(4CDEF G", [0.75] * 4 + [1]),
        ("(5CDEFG A", [192 / 480] * 5 + [1]),
        ("(6CDEFGA", [160 / 480] * 6),
        ("C2-C D", [3, 1]),
        ("C4-|C4-|C2 D2", [10, 2]),
        ("C-D D-|D2", [1, 1, 3]),  # what is tied to another pitch is a slur
        ("C-zC", [1, 1]),
        ("C -|-C", [2]),
    ],
)
def test_lengths(music: str, expected: list[float]) -> None:
    assert [length for _, length in played(music)] == pytest.approx(expected, abs=1e-12)


def test_a_quintuplet_in_a_compound_metre_takes_three() -> None:
    assert [length for _, length in played("(5CDEFG", "M:6/8\nL:1/8\nK:C")] == [144 / 480] * 5


def test_the_unit_of_length() -> None:
    assert played("C", "M:4/4\nK:C") == [(60, 0.5)]
    assert played("C", "M:2/4\nK:C") == [(60, 0.25)], "shorter than three quarters of a whole note"
    assert played("C", "M:3/4\nK:C") == [(60, 0.5)]
    assert played("C", "K:C") == [(60, 0.5)]
    assert played("C[L:1/16]C\nL:1/2\nC", "L:1/4\nK:C") == [(60, 1.0), (60, 0.25), (60, 2.0)]
    assert played("C", "L:1\nK:C") == [(60, 4.0)]


def test_rests_and_chords() -> None:
    notes = tune("C z D x2 [EG]2 Z c y d").parts[0].notes
    assert notes == (
        Note(0.0, 1.0, 60),
        Note(2.0, 1.0, 62),
        Note(5.0, 2.0, 64),
        Note(5.0, 2.0, 67),
        Note(11.0, 1.0, 72),
        Note(12.0, 1.0, 74),
    )
    assert tune("[C2E4]D").parts[0].notes == (Note(0.0, 2.0, 60), Note(0.0, 4.0, 64), Note(2.0, 1.0, 62))
    assert tune("[C-E]2[CF]").parts[0].notes == (Note(0.0, 2.0, 64), Note(0.0, 3.0, 60), Note(2.0, 1.0, 65))
    assert tune("[CE]-[CE]").parts[0].notes == (Note(0.0, 2.0, 60), Note(0.0, 2.0, 64))
    assert pitches("[^F!trill!A]F") == [66, 69, 66]


def test_two_voices_in_a_bar() -> None:
    assert tune("C|D2E2 & G4|F").parts[0].notes == (
        Note(0.0, 1.0, 60),
        Note(1.0, 2.0, 62),
        Note(1.0, 4.0, 67),
        Note(3.0, 2.0, 64),
        Note(5.0, 1.0, 65),
    )


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C|D:|E", "CDCDE"),
        ("|:C|D:|E|F:|G", "CDCDEFEFG"),
        ("C|:D:|E", "CDDE"),
        ("C::D:|", "CCDD"),
        ("C:||:D:|E", "CCDDE"),
        ("C:|:D:|E", "CCDDE"),
        ("|::C::|D", "CCCD"),
        ("|:C|1D:|2E|F", "CDCEF"),
        ("|:C|[1D:|[2E||F:|", "CDCEFF"),
        ("|:C [1D:| [2E|]F", "CDCEF"),
        ("C|1D:|2E||F|1G:|2A|]B", "CDCEFGFAB"),
        ("|:C|1,3D:|2E:|4F|G", "CDCECDCFG"),
        ("|:C|1-3D:|4E|]F", "CDCDCDCEF"),
        ("|:C|1D:|2E:|F", "CDCEF"),
        ("C||D:|E", "CDDE"),  # from the last double bar line on
        ("|:C||D:|E", "CDCDE"),  # unless it says from where
        ("C|]D:|", "CDD"),
        ("C:|D:|E:|", "CCDDEE"),
        ("|:C2 D|E:|", "CDECDE"),
        ("C|\n|:D|\n:|E", "CDDE"),
        ("|:C", "C"),
    ],
)
def test_repeats(music: str, expected: str) -> None:
    assert letters(music) == expected


@pytest.mark.parametrize(
    ("order", "music", "expected"),
    [
        ("ABA", "P:A\nC|\nP:B\nD|", "CDC"),
        ("A2B", "P:A\nC|\nP:B\nD|", "CCD"),
        ("(AB)2A", "P:A\nC|\nP:B\nD|", "CDCDC"),
        ("((A)2.B)2", "P:A\nC|\nP:B\nD|", "CCDCCD"),
        ("AB", "P:A\nC:|\nP:B\nD|1E:|2F|", "CCDEDF"),
        ("AB", "G|\nP:A\nC|\nP:B\nD|", "GCD"),
        ("BA", "[P:A]C|[P:B]D|", "DC"),
        ("AA", "C|D|", "CD"),
    ],
)
def test_the_order_of_parts(order: str, music: str, expected: str) -> None:
    assert letters(music, f"M:4/4\nL:1/4\nP:{order}\nK:C") == expected
    assert letters(music, f"M:4/4\nL:1/4\nY:{order}\nK:C") == expected


def test_parts_without_an_order_are_played_as_they_stand_and_begin_repeats() -> None:
    assert letters("P:A\nC|D|\nP:B\nE|F:|") == "CDEFEF"
    found = from_abc("X:1\nL:1/4\nP:ABC\nK:C\nP:A\nC|\nP:B\nD|\n")
    assert found.remarks == ("Part C, which is to be played, is not there.",)


def test_metres_and_the_pickup() -> None:
    assert (tune("G|CDEF|GABc|").pickup, tune("CDEF|GABc|").pickup) == (1.0, 0.0)
    assert tune("CDEF|", "M:C|\nL:1/4\nK:C").time_signatures == (TimeSignature(0.0, 2, 2),)
    assert tune("CDEF|", "M:C\nL:1/4\nK:C").time_signatures == (TimeSignature(0.0, 4, 4),)
    assert tune("CDEF|", "M:(2+3)/8\nL:1/4\nK:C").time_signatures == (TimeSignature(0.0, 5, 8),)
    assert tune("CDEF|", "M:none\nL:1/4\nK:C").time_signatures == tune("CDEF|", "L:1/4\nK:C").time_signatures == ()
    changed = tune("|:G|CDEF|[M:2/4]CD|[M:4/4]CDE:|")
    assert changed.pickup == 1.0
    assert changed.time_signatures == (
        TimeSignature(0.0, 4, 4),
        TimeSignature(5.0, 2, 4),
        TimeSignature(7.0, 4, 4),
        TimeSignature(15.0, 2, 4),
        TimeSignature(17.0, 4, 4),
    )


def test_a_repeat_sign_within_a_bar_begins_none_and_a_short_bar_is_reported() -> None:
    assert tune("G|CDEF|GAB:|G|CDEF|CDEF|").time_signatures == (TimeSignature(0.0, 4, 4),)
    assert tune("CDEF|GAB|CDEF|GABc|").time_signatures == (TimeSignature(0.0, 4, 4), TimeSignature(7.0, 4, 4))


def test_what_stands_after_the_last_note_comes_back() -> None:
    late = Score(
        (Part("", (Note(0.0, 3.0, 60),)),),
        time_signatures=(TimeSignature(0.0, 4, 4), TimeSignature(4.0, 3, 4)),
        chords=(Chord(5.0, "G"),),
    )
    for score in (late, replace(late, chords=()), replace(late, keys=(Key(0.0, 0), Key(6.0, 1)))):
        assert from_abc(to_abc(score)).score == score


@pytest.mark.parametrize(
    ("field", "tempo"),
    [
        ("1/4=100", 100.0),
        ("1/8=100", 50.0),
        ("3/8=40", 60.0),
        ('"Allegro" 1/4=132', 132.0),
        ('1/2=60 "slow"', 120.0),
        ("1/4 3/8=40", 100.0),
        ("1/4=97.5", 97.5),
        ("90", 90.0),
        ('"Allegro"', 120.0),
        ("1/4=0", 120.0),
        ("1/4=999999", 999999.0),
        ("nonsense=fast", 120.0),
    ],
)
def test_tempi(field: str, tempo: float) -> None:
    assert tune("C", f"L:1/4\nQ:{field}\nK:C").tempo == tempo


def test_chord_symbols_fermatas_and_words() -> None:
    found = from_abc(
        'X:1\nL:1/4\nK:C\n"Am7"C"D/f+"D"^slow"E"Fine"F|"N.C."!fermata!G2 HA "(E7)"[ce]2|!trill!.~uC\nw:la la\n'
    )
    assert found.score.chords == (
        Chord(0.0, "Am7"),
        Chord(1.0, "D/F#"),
        Chord(4.0, "N.C."),
        Chord(7.0, "(E7)"),
    )
    assert found.score.fermatas == (4.0, 6.0)
    assert found.remarks == ("Words above the notes left out.", "The words were left out.")


def test_what_is_left_out_is_said_once() -> None:
    found = from_abc("X:1\nQ:1/4=90\nK:C\n{ag}C{/f}D!D.C.!E?F*|>C C,,,,,,,\nQ:1/4=80\n")
    assert [note.pitch for note in found.score.notes] == [60, 62, 64, 65, 60]
    assert found.remarks == (
        "Grace notes left out.",
        "Da capo, dal segno and coda are not played: the music goes on as it stands.",
        "'?' was not understood and left out.",
        "'*' was not understood and left out.",
        "'>' was not understood and left out.",
        "Notes beyond MIDI's pitches left out.",
        "A change of tempo left out: the first holds.",
    )


def test_voices() -> None:
    found = from_abc(
        'X:1\nM:4/4\nL:1/4\nV:S name="Soprano"\nV:B clef=bass octave=-1\nV:3 nm=Third\nK:C\n'
        "%%MIDI program 19\n[V:S]CDEF|GABc|\n[V:B]%%a comment\nC4|G4|\nV:3\n%%MIDI program 1 7\nz8|\n"
        "V:S\nC\nV:B\nC|\nV:3\nz"
    )
    assert [(part.name, part.program) for part in found.score.parts] == [("Soprano", 19), ("B", 19), ("Third", 7)]
    assert [len(part.notes) for part in found.score.parts] == [9, 3, 0]
    assert found.score.parts[1].notes[0] == Note(0.0, 4.0, 48)
    assert found.remarks == ()


def test_voices_with_repeats_and_parts_each_for_itself() -> None:
    both = from_abc("X:1\nL:1/4\nP:ABA\nK:C\nV:1\nP:A\nC:|\nV:2\nE:|\nP:B\nV:1\nD|\nV:2\nF|\n").score
    assert [[note.pitch for note in part.notes] for part in both.parts] == [[60, 60, 62, 60, 60], [64, 64, 65, 64, 64]]
    apart = from_abc("X:1\nL:1/4\nP:ABA\nK:C\nV:1\nP:A\nC|\nP:B\nD|\nV:2\nP:A\nE|\nP:B\nF|\n").score
    assert [[note.pitch for note in part.notes] for part in apart.parts] == [[60, 62, 60], [64, 65, 64]]


def test_voices_of_other_lengths_are_reported() -> None:
    assert from_abc("X:1\nL:1/4\nK:C\nV:1\nCD\nV:2\nE\n").remarks == (
        "The voices are not equally long: 2, 1 quarter notes.",
    )


def test_a_book_of_tunes() -> None:
    text = (
        '%abc-2.1\nM:3/4\nL:1/4\n\nX:1\nT:One\nK:G\nF|% a comment with | and \\"\nfree ends\n\nnot music: C D E\n\n'
        "X: 2\nT:T\\'wo &amp; \\% \\\nT:other\nR:jig\nM:6/8\nK:D\nC \\\n+:D\nD|\\\nF\n\nX:3\nK:C\n\n"
    )
    sources = tune_sources(text)
    assert len(sources) == 3
    one, two = read_tune(sources[0]), read_tune(sources[1])
    assert (one.number, one.score.title, one.score.time_signatures[0]) == ("1", "One", TimeSignature(0.0, 3, 4))
    assert (two.number, two.score.title, two.fields["R"]) == ("2", "Tẃo & % \\", "jig")
    with pytest.raises(DataError, match="there are no notes in it"):
        read_tune(sources[2])
    assert from_abc(text).remarks[-1] == "The file holds 3 tunes: the first was read."


def test_texts_of_old_files() -> None:
    assert text_of("T:Möwe".encode("latin-1")) == text_of("T:Möwe".encode()) == "T:Möwe"
    assert text_of(b"\xef\xbb\xbfX:1") == "X:1"


def test_a_fragment_without_a_number() -> None:
    assert [note.pitch for note in from_abc("K:D\nFF").score.notes] == [66, 66]


def test_any_damage_is_a_reading_or_one_message() -> None:
    draw, refused = random.Random(0), 0
    whole = 'X:1\nM:6/8\nL:1/8\nQ:1/4=90\nP:AB\nV:1 name="a"\nV:2\nK:D\n'
    whole += '[V:1][P:A]|:c>d"G"(3efg|[1[CE-]2 & z4:|[2!fermata!A||\nV:2\nZ2'
    for _ in range(300):
        text = list(whole)
        for _ in range(draw.randint(1, 8)):
            place = draw.randrange(len(text))
            text[place : place + draw.randint(0, 2)] = draw.choice('CgzX|:[]()123/<>-"!{}^_=\n,&~HZKMLQVP%\\+. 0')
        try:
            to_midi(from_abc("".join(text)).score)
        except DataError:
            refused += 1
    assert 20 < refused < 280


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no tune in ABC: a tune begins with a line such as X:1"),
        ("Dear Sir,\nno music.", "no tune in ABC"),
        ("X:1\nT:t\nK:C\n", "there are no notes in it"),
        ("X:1\nK:C\nz4|", "there are no notes in it"),
        ("X:1\nM:7\nK:C\nC", "line 2: M:7 is no time signature; it should be such as M:6/8"),
        ("X:1\nM:4/5\nK:C\nC", "line 2: M:4/5 is no time signature"),
        ("X:1\nM:0/4\nK:C\nC", "line 2: M:0/4 is no time signature"),
        ("X:1\nL:2\nK:C\nC", "line 2: L:2 is no length"),
        ("X:1\nL:1/0\nK:C\nC", "line 2: L:1/0 is no length"),
        ("X:1\nK:G#\nC", "line 2: a key of 8 sharps in mode 'major'"),
        ("X:1\nK:C\nC|[K:Fb]D", "line 3: a key of -8 sharps"),
        ("X:1\nP:A(B\nK:C\nC", r"line 2: P:A\(B is no order of parts"),
        ("X:1\nP:(((A99)99)99)99\nK:C\nC", r"plays more than 1000 parts"),
        ("X:1\nP:A999\nK:C\nP:A\n" + "|:" * 40 + "C::|" * 200, "its parts and repeats play more than 20000 bars"),
    ],
)
def test_damaged_tunes(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_abc(text)
