"""ABC as people write it: what is text and not music, fields that change the notes, and damage that takes time."""

import time

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import files
from crnn_audio.symbolic.abc import from_abc, text_of, to_abc, tune_sources
from crnn_audio.symbolic.midi import from_midi
from crnn_audio.symbolic.score import Chord, Note, Part, Score
from tests.shared_cases import case

HEAD = "X:1\nT:t\nM:4/4\nL:1/8\n"
TUNE = f"{HEAD}K:C\nCDEF GABc|]\n"
SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
IN_D = [62, 64, 66, 67, 69, 71, 73, 74]
SECONDS = 20
"""Of computing for what takes a second; it took minutes or never ended."""


def pitches(text: str) -> list[int]:
    return [note.pitch for note in from_abc(text).score.parts[0].notes]


@pytest.mark.parametrize(
    "before",
    [
        "Collected by John Doe, a fiddler. Great bag\n\n",
        "My tune book\nABC edition\n\n",
        "A bag of\n",  # no empty line between
        "Feed a cab\n\nA: bad\ngaff\n\n",
        "%%begintext\nA bad day, Ed.\n\nFeed a cab\n%%endtext\n",
        "M:3/4\nFeed a cab\n\n",
    ],
)
def test_text_before_the_first_tune_is_no_music(before: str) -> None:
    found = from_abc(before + TUNE)
    assert [note.pitch for note in found.score.notes] == SCALE
    assert [one.start for one in found.score.time_signatures] == [0.0]
    assert [one.start for one in found.score.keys] == [0.0]
    assert found.remarks == ()


def test_text_in_the_head_of_a_tune_is_no_music() -> None:
    history = from_abc(f"{HEAD}H:It was made\nby Ed, a bad egg\nin a cab\nK:D\nDEFG ABcd|]\n")
    assert ([note.pitch for note in history.score.notes], history.remarks) == (IN_D, ())
    stray = from_abc(f"{HEAD}by Ed, a bad egg\nK:D\nDEFG ABcd|]\n")
    assert [note.pitch for note in stray.score.notes] == IN_D
    assert stray.remarks == ("Text before the key (K:) left out: music begins after it.",)
    assert pitches(f"{HEAD}CDEF GABc|]\n") == SCALE, "a tune without any key"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("K:C\nCDEF GABc|\n%%begintext\nA bad day, Ed.\n%%endtext\nc8|]\n", [*SCALE, 72]),
        ("%%begintext\nFeed a cab\n%%endtext\nK:D\nDEFG ABcd|]\n", IN_D),
        ("K:C\n%%beginps\ngsave\n%%endps\nCDEF GABc|\n%%text a bad day\n%%center a cab\n", SCALE),
        ("K:C\nCDEF GABc|\n%%begintext\nA bad egg\n\nX:2\nT:u\nK:C\nc\n", SCALE),  # nothing ends it
    ],
)
def test_typeset_text_is_no_music(body: str, expected: list[int]) -> None:
    assert pitches(HEAD + body) == expected


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\v", "\f", "\x1c", "\x1d", "\x1e"])
def test_only_newlines_end_a_line(sign: str) -> None:
    assert pitches(f"X:1\nT:Wait{sign} and bed\nM:4/4\nL:1/8\nK:C\nCDEF GABc|{sign}\nc8|]\n") == [*SCALE, 72]


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_newlines_of_every_system(end: str) -> None:
    assert pitches(TUNE.replace("\n", end)) == SCALE


def test_windows_characters() -> None:
    assert from_abc(text_of(b"X:1\nT:Wait\x85 and bed\nK:C\nC|]")).score.title == "Wait… and bed"


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\r", "\n", "\r\n", "\v", "\f", "\0", "\x1c", "\ud800"])
def test_no_text_ends_its_line(sign: str) -> None:
    """Whatever a title, a name or a chord holds, the notes that are written are those that are read."""
    words = f"Wait{sign}CDEF|{sign}X:2{sign}K:G [K:D] [V:2] %x"
    part = Part(words, (Note(0.0, 1.0, 60), Note(1.0, 1.0, 65)))
    written = to_abc(Score((part, part), title=words, chords=(Chord(0.0, words),)))
    (source,) = tune_sources(text_of(written.encode()))
    assert len(source.lines) == len(written.split("\n")) - 1
    found = from_abc(written).score
    assert [one.notes for one in found.parts] == [part.notes] * 2
    assert found.title == found.parts[1].name == " ".join(words.replace(sign, " " * len(sign)).split(" "))


def test_what_is_in_quotation_marks_is_no_field() -> None:
    assert pitches('X:1\nL:1/4\nK:C\n"^see [K:D]"C F|"[V:2]"G\n') == [60, 65, 67]


@pytest.mark.parametrize(
    ("key", "remark"),
    [
        ("g", "K:g was read as G major; a key begins with a capital letter."),
        ("Es", "'Es' in the key K:Es was not understood."),
        ("E flat", "'flat' in the key K:E flat was not understood."),
        ("perc", "A clef is that of drums (perc): its notes were read as notes of a pitch."),
        ("C clef=perc", "A clef is that of drums (perc): its notes were read as notes of a pitch."),
        ("C shift=CD", "shift= was passed over: the notes are read as they are written."),
        ("Efoo", "'Efoo' in the key K:Efoo was not understood."),
    ],
)
def test_a_key_that_is_not_understood_is_said(key: str, remark: str) -> None:
    assert remark in from_abc(f"X:1\nL:1/4\nK:{key}\nC\n").remarks


@pytest.mark.parametrize(
    "key",
    ["", "none", "C", "C clef=bass octave=-1", "Bb Dorian treble-8", "bass", "D exp ^f", "G ^c_b", "em", "HP",
     "Am transpose=2", "A mixolydian =g clef=alto middle=d"],
)  # fmt: skip
def test_keys_that_are_understood_are_not_remarked_upon(key: str) -> None:
    remarks = from_abc(f"X:1\nL:1/4\nK:{key}\nC\n").remarks
    assert set(remarks) <= {"Accidentals that a key names by itself are in the notes, but not in the key."}


def test_midi_transpose() -> None:
    """Values by abc2midi."""
    assert pitches("X:1\nL:1/4\nK:C\n%%MIDI transpose 2\nCD|\n%%MIDI transpose -12\nC|\n%%MIDI rtranspose 1\nC|\n") == [
        62, 64, 48, 49
    ]  # fmt: skip
    both = from_abc("X:1\nL:1/4\n%%MIDI transpose 2\nK:C\nV:1\nC|\nV:2 transpose=1\nC|\nV:1\nD\n").score
    assert [[note.pitch for note in part.notes] for part in both.parts] == [[62, 64], [63]]
    one = from_abc("X:1\nL:1/4\nK:C\nV:1\nC|\nV:2\nI:MIDI transpose 2\nC|\nV:1\nD\n").score
    assert [[note.pitch for note in part.notes] for part in one.parts] == [[60, 62], [62]]


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("%%MIDI drum dz 76", "%%MIDI drum was passed over: the notes are read as they are written."),
        ("%%MIDI channel 10", "%%MIDI channel 10 was passed over: the notes are read as they are written."),
        ("m: ~G = {A}G{F}G", "Macros (m:) are not played: their signs were read as they stand."),
        ("s: !f! * *", "Lines of symbols (s:) left out."),
    ],
)
def test_what_would_change_the_music_and_is_not_read_is_said(line: str, remark: str) -> None:
    assert from_abc(f"X:1\nL:1/4\nK:C\nC\n{line}\nD\n").remarks == (remark,)


def test_letters_for_decorations() -> None:
    assert from_abc("X:1\nL:1/4\nU:T=!fermata!\nK:C\nC TD HE\n").score.fermatas == (1.0, 2.0)
    assert from_abc("X:1\nL:1/4\nU: H = !trill!\nK:C\nC TD HE\n").score.fermatas == ()


def test_music_before_the_first_voice_is_one_of_its_own() -> None:
    found = from_abc("X:1\nL:1/4\nP:AB\nK:C\nP:A\nM:3/4\nCDE|\nV:1\nGAB|\nV:2\nc3|\n")
    assert [[note.pitch for note in part.notes] for part in found.score.parts] == [[60, 62, 64], [67, 69, 71], [72]]
    assert [part.notes[0].start for part in found.score.parts] == [0.0, 0.0, 0.0]
    assert "The music before the first V: was read as a voice of its own." in found.remarks
    declared = from_abc("X:1\nL:1/4\nV:1 name=flute\nV:2\nK:C\nCDE|\nV:2\nG3|\n")
    assert [(part.name, len(part.notes)) for part in declared.score.parts] == [("flute", 3), ("", 1)]
    assert declared.remarks == ()


BOMBS = {
    "chords": "[" + '"a[' * 4000,
    "an open chord": "[" + "C" * 4000,
    "open brackets": "[" * 50_000,
    "open braces": "{" * 50_000,
    "open fields": "[K:" * 20_000,
    "names of chords": '"G' + "mamino" * 20_000 + '!"C',
    "a setting": "V:1 " + "a" * 50_000,
    "parts": "P:A\nC|\n" * 1000,
    "time signatures": "[M:3/4]C|[M:4/4]D|" * 500,
    "going on": "CDEF\n" * 500 + "+:C\n" * 2000,
    "double bars": "|:" + "C||" * 1000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_damage_takes_no_time(what: str) -> None:
    begun = time.process_time()
    assert from_abc(f"{HEAD}K:C\nC|\n{BOMBS[what]}\nC\n").score.notes
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(
    ("music", "message"),
    [
        ("C" + ":" * 100 + "|", "line 6: a repeat sign of 100 colons; a strain is played 99 times at most."),
        ("|:" + "C" * 3000 + ":" * 40 + "|", "its parts and repeats play more than 100000 notes."),
        ("".join(f"C/{99_991 - 2 * one}" for one in range(20)), "fractions too odd to be added"),
        ("".join(f"V:{one}\nC|\n" for one in range(201)), "it has 201 voices; there may be 200."),
    ],
)  # fmt: skip
def test_music_without_measure_is_refused(music: str, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        from_abc(f"{HEAD}K:C\n{music}\n")


def test_numbers_of_any_size() -> None:
    """Python refuses to read a whole number of more than 4,300 digits."""
    nines = "9" * 5000
    assert from_abc(f"X:1\nT:&#{nines};\nK:C\nC|[{nines} D (3:{nines}:2CDE\n").score.notes
    for field in (f"M:{nines}/4", f"L:1/{nines}", f"P:(A){nines}"):
        with pytest.raises(DataError, match="line 2: "):
            from_abc(f"X:1\n{field}\nK:C\nC")
    with pytest.raises(DataError, match="1001 lines before the first tune hold for all of them; there may be 1000"):
        tune_sources("M:4/4\n" * 1001 + "\n" + TUNE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("music_abc_free_text_is_music/begintext.abc", [*SCALE, 72]),
        ("music_abc_free_text_is_music/begintext_head.abc", IN_D),
        ("music_abc_free_text_is_music/header_text.abc", SCALE),
        ("music_abc_free_text_is_music/header_text2.abc", SCALE),
        ("music_abc_hp/hp.abc", [67, 69, 71, 73, 74, 76, 78, 79, 81]),
        ("music_abc_key_not_understood/key_Emi.abc", [60, 62, 64, 66, 67, 69, 71, 72]),
        ("music_abc_key_not_understood/key_em.abc", [60, 62, 64, 66, 67, 69, 71, 72]),
        ("music_abc_line_ends/cp1252_dots.abc", SCALE),
        ("music_abc_line_ends/ff.abc", [*SCALE, 72]),
    ],
)
def test_files_that_were_reported(name: str, expected: list[int]) -> None:
    folder, _, file = name.partition("/")
    found = files.load(case(folder) / file).score
    assert [note.pitch for note in found.notes] == expected
    assert found.notes[0].start == 0.0
    assert [one.start for one in found.keys] == [0.0]


def test_files_that_took_minutes() -> None:
    begun = time.process_time()
    for name in ("hang1.abc", "hang2.abc"):
        assert files.load(case("music_abc_regex_hang") / name).score.notes
    assert time.process_time() - begun < SECONDS


def test_titles_that_became_music() -> None:
    for path in sorted(case("music_abc_title_injects_music").glob("*.mid")):
        score = from_midi(path.read_bytes()).score
        assert [part.notes for part in from_abc(to_abc(score)).score.parts] == [part.notes for part in score.parts]
