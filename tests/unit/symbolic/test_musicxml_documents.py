"""MusicXML as people have it: packed by others, in other encodings, with cue notes, and beyond all bounds."""

import io
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import files
from crnn_audio.symbolic.midi import from_midi, to_midi
from crnn_audio.symbolic.musicxml import from_musicxml, to_musicxml, to_mxl
from crnn_audio.symbolic.score import Chord, Note, Part, Score
from tests.shared_cases import case

pytest.importorskip("music21")
ABOUT = "META-INF/container.xml"
REPEAT = '<barline location="right"><repeat direction="backward" times="{}"/></barline>'
MIDDLE_C = "<pitch><step>C</step><octave>4</octave></pitch>"
SECONDS = 20
"""Of computing for what takes one, and took minutes or all of the memory."""


def note(pitch: str = MIDDLE_C, duration: object = 4, before: str = "") -> str:
    return f"<note>{before}{pitch}<duration>{duration}</duration><voice>1</voice></note>"


def score(*notes: str, divisions: object = 4, beats: object = 4, more: str = "", title: str = "t") -> str:
    time = f"<time><beats>{beats}</beats><beat-type>4</beat-type></time>"
    return (
        f"<score-partwise><movement-title>{title}</movement-title>"
        '<part-list><score-part id="P1"><part-name>V</part-name></score-part></part-list><part id="P1">'
        f'<measure number="1"><attributes><divisions>{divisions}</divisions>{more}{time}</attributes>'
        f"{''.join(notes)}</measure></part></score-partwise>"
    )


def pitch(step: str, octave: int, alter: str = "") -> str:
    altered = f"<alter>{alter}</alter>" if alter else ""
    return f"<pitch><step>{step}</step>{altered}<octave>{octave}</octave></pitch>"


def packed(inside: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in inside.items():
            archive.writestr(name, text)
    return content.getvalue()


def container(*names: str, about: str = "") -> str:
    files = "".join(f'<rootfile full-path="{name}"{about}/>' for name in names)
    return f'<container xmlns="urn:x"><rootfiles>{files}</rootfiles></container>'


def pitches(content: bytes) -> list[int]:
    return [note.pitch for note in from_musicxml(content).score.notes]


def test_the_container_names_the_score() -> None:
    draft, right = score(note(pitch("D", 4))), score(note())
    assert pitches(packed({ABOUT: container("z/b.xml"), "a.xml": draft, "z/b.xml": right})) == [60]
    assert pitches(packed({ABOUT: container("b"), "a.xml": draft, "b": right})) == [60]
    assert pitches(packed({ABOUT: container("gone.xml"), "a.xml": right})) == [60]
    assert pitches(packed({ABOUT: "<contai", "a.xml": right})) == [60]
    second = '<rootfile full-path="a.xml" media-type="application/vnd.recordare.musicxml+xml"/></rootfiles>'
    two = container("x.pdf", about=' media-type="application/pdf"').replace("</rootfiles>", second)
    assert pitches(packed({ABOUT: two, "x.pdf": "%PDF", "b.xml": draft, "a.xml": right})) == [60]


def test_forks_of_macos_are_no_scores() -> None:
    assert pitches(packed({"__MACOSX/._a.xml": b"\0\5", "__MACOSX/a.xml": b"\0", "a.xml": score(note())})) == [60]
    with pytest.raises(DataError, match="a packed file without a score in MusicXML"):
        from_musicxml(packed({"z/._a.xml": score(note())}))


def test_a_damaged_package_is_refused_or_read() -> None:
    whole = bytearray(to_mxl(Score((Part("", (Note(0.0, 1.0, 60),)),))))
    for place in range(0, len(whole), 7):
        damaged = bytes(whole[:place]) + bytes([whole[place] ^ 0x55]) + bytes(whole[place + 1 :])
        with suppress(DataError):
            from_musicxml(damaged)


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("UTF-16", "Tränen"), ("UTF-16LE", "Tränen"), ("UTF-16BE", "Tränen"), ("ISO-8859-1", "Tränen"),
        ("windows-1252", "Tränen…"), ("Shift_JIS", "さくら"), ("EUC-JP", "さくら"), ("GB18030", "茉莉花"),
        ("koi8-r", "Калинка"), ("UTF-8", "さくら"), ("US-ASCII", "tears"),
    ],
)  # fmt: skip
def test_encodings_as_declared(encoding: str, title: str, tmp_path: Path) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?>\n{score(note(), title=title)}'.encode(encoding)
    assert from_musicxml(document).score.title == title
    (tmp_path / "x.bin").write_bytes(document)
    assert files.load(tmp_path / "x.bin").score.title == title
    assert from_musicxml(packed({"a.xml": document})).score.title == title


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b'<?xml version="1.0"?><score-partwise>\xe4', "it is not in the encoding 'utf-8', as it says"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "it declares the encoding 'klingon', which is not known"),
        (b'<?xml version="1.0" encoding="base64"?><a/>', "it declares the encoding 'base64', which is not known"),
        (b'<?xml version="1.0" encoding="punycode"?><a/>', "it is not in the encoding 'punycode', as it says"),
        (b"<score-partwise><part-list/></score-partwise>", "there are no parts in it"),
        (b"<score-partwise><part id='P1'/></score-partwise>", "there are no notes in it"),
        (score("<forward><duration>-8</duration></forward>", note()).encode(), "begins at quarter -2"),
        (b"<opus/>", "not MusicXML: its outermost element is 'opus', not 'score-partwise'"),
        (b"<!DOCTYPE a [<!ENTITY b 'cc'>]><a>&b;</a>", "it declares entities, which MusicXML has none of"),
    ],
)
def test_documents_that_are_refused(document: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_musicxml(document)


def test_cue_notes_do_not_sound() -> None:
    cue = note(pitch("A", 5), 8, "<cue/>")
    found = from_musicxml(score(cue, note(pitch("B", 5), 8, "<cue/><chord/>"), note(duration=8)).encode())
    assert found.score.parts[0].notes == (Note(2.0, 2.0, 60),)
    assert found.remarks == ("2 cue notes left out: they show what others play.",)
    with pytest.raises(DataError, match=r"there are no notes in it. 1 cue note left out"):
        from_musicxml(score(cue).encode())


def test_what_has_no_semitone_is_said() -> None:
    found = from_musicxml(score(note(pitch("C", 4, "0.5")), note(pitch("D", 4, "-1")), note(pitch("C", 20))).encode())
    assert [one.pitch for one in found.score.notes] == [61, 61]
    assert set(found.remarks) == {
        "1 note between two semitones rounded to the nearest.",
        "1 note beyond MIDI's pitches left out.",
    }
    drum = "<unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>"
    with pytest.raises(DataError, match=r"there are no notes in it. 1 note of drums left out: they have no pitch."):
        from_musicxml(score(note(drum)).encode())


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (score(note(), REPEAT.format(10**8)), "a repeat or an ending that is played 100000000 times; there may be 99"),
        (score(note(duration=10**12)), "<duration> of 1e.12; there may be 10000000"),
        (score(note(duration=10**7)), "a note of 2.5e.06 quarter notes; there may be 1000"),
        (score(note(), beats=10**8), "<beats> of 1e.08; there may be 255"),
        (score(note(), more="<staves>100000000</staves>"), "<staves> of 1e.08; there may be 64"),
        (score(*["<note/>"] * 5000, REPEAT.format(99)), "1 measures and 5000 notes, some of which may be played 99"),
        (score(note()).replace("</part>", '<measure number="2"/>' * 5000 + "</part>"), "5001 measures and 1 notes"),
    ],
)  # fmt: skip
def test_bounds(document: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_musicxml(document.encode())


def test_within_bounds() -> None:
    assert len(from_musicxml(score(note(), REPEAT.format(3)).encode()).score.notes) == 3
    assert from_musicxml(score(note(duration=4000)).encode()).score.end == 1000.0
    words = "<direction><direction-type><words>123456789012</words></direction-type></direction>"
    assert from_musicxml(score(words, note()).encode()).score.notes


def test_large_documents() -> None:
    begun = time.process_time()
    comment = f"<!--{'x' * 20_000_000}-->{score(note())}"
    assert from_musicxml(packed({"a.xml": comment})).score.notes
    with pytest.raises(DataError, match="a document of more than 64 MB is too large to be read"):
        from_musicxml(packed({"a.xml": f"<!--{'x' * 64_000_000}-->{score(note())}"}))
    with pytest.raises(DataError, match="more than 6000000 tags"):
        from_musicxml(score(note(), "<a/>" * 6_000_001).encode())
    assert time.process_time() - begun < SECONDS


def test_control_characters_are_not_written(tmp_path: Path) -> None:
    words = "A\0B\x0bC\x1bD\ufffe\ud800E"
    piece = Score((Part(words, (Note(0.0, 1.0, 60),)),), title=words, chords=(Chord(0.0, "C\x01m"),))
    found = from_musicxml(to_musicxml(piece)).score
    assert (found.title, found.parts[0].name, found.parts[0].notes) == ("ABCDE", "ABCDE", piece.parts[0].notes)
    for suffix in files.FORMS:
        files.save(piece, tmp_path / f"x{suffix}")
        assert files.load(tmp_path / f"x{suffix}").score.parts[0].notes == piece.parts[0].notes


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files._WRITERS, ".musicxml", lambda *_: b"<score-partwise")
    with pytest.raises(DataError, match=r"x\.musicxml: not MusicXML that can be read"):
        files.save(Score((Part("", (Note(0.0, 1.0, 60),)),)), tmp_path / "x.musicxml")
    assert not list(tmp_path.iterdir())


def test_midi_in_riff() -> None:
    content = to_midi(Score((Part("", (Note(0.0, 1.0, 60),)),)))
    about = b"LIST" + (14).to_bytes(4, "little") + b"INFOINAM" + b"\0\0\0\0MT" + b"odd " + b"\5\0\0\0MThd!\0"
    wrapped = b"RIFF\0\0\0\0RMID" + about + b"data" + len(content).to_bytes(4, "little") + content
    assert from_midi(wrapped).score == from_midi(b"RIFF\0\0\0\0RMID" + content).score == from_midi(content).score
    riff = case("music_riff_info_names_mthd") / "riff_info.rmi"
    assert [(one.start, one.pitch) for one in files.load(riff).score.notes] == [(0.0, 60), (1.0, 62)]


def test_files_that_were_reported() -> None:
    for path in sorted(case("music_mxl_container").glob("*.mxl")):
        found = files.load(path).score
        assert (found.title, found.notes) == ("Right", [Note(0.0, 4.0, 79)])
    folder = case("music_musicxml_silent_changes")
    assert files.load(folder / "cue.musicxml").score.notes == [Note(4.0, 4.0, 60)]
    assert files.load(folder / "microtone.musicxml").remarks == (
        "2 notes between two semitones rounded to the nearest.",
    )
    with pytest.raises(DataError, match=r"there are no notes in it. 1 note of drums left out: they have no pitch."):
        files.load(folder / "unpitched.musicxml")
    for path in sorted(case("music_abc_title_injects_music").glob("*.mid")):
        piece = from_midi(path.read_bytes()).score
        assert from_musicxml(to_musicxml(piece)).score.parts[0].notes == piece.parts[0].notes
