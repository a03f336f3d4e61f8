"""Music files by what they hold and what they are called; nothing is lost in silence."""

import json
from pathlib import Path

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.differences import differences
from crnn_audio.symbolic.files import FORMS, load, save
from crnn_audio.symbolic.midi import to_midi
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature

SCORE = Score(
    (Part("one", (Note(0.0, 1.0, 60), Note(1.0, 3.0, 62))), Part("two", (Note(0.0, 4.0, 48),), 32)),
    title="t",
    time_signatures=(TimeSignature(0.0, 4, 4),),
    keys=(Key(0.0, 2),),
    chords=(Chord(1.0, "D"),),
    fermatas=(1.0,),
)


@pytest.mark.parametrize("suffix", [*FORMS, ".MID", ".Abc"])
def test_every_format_holds_a_plain_piece(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    assert save(SCORE, path) == ()
    found = load(str(path))
    assert (found.score, found.remarks) == (SCORE, ())
    assert [one.name for one in tmp_path.iterdir()] == [path.name], "no temporary file is left"


@pytest.mark.parametrize("suffix", [".mid", ".abc", ".musicxml", ".mxl", ".json"])
def test_what_a_file_holds_counts_more_than_its_name(tmp_path: Path, suffix: str) -> None:
    save(SCORE, tmp_path / f"x{suffix}")
    for name in ("x.bin", "x.mid", "x.abc"):
        (tmp_path / f"x{suffix}").rename(tmp_path / name)
        assert load(tmp_path / name).score == SCORE
        suffix = Path(name).suffix


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"  \n\n", "the file is empty"),
        (bytes(range(256)) * 9, "."),
        ("Dear Sir, here is no music.\n".encode("utf-16"), "."),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "."),
    ],
)
def test_rubbish_under_the_name_of_music(tmp_path: Path, suffix: str, content: bytes, message: str) -> None:
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(DataError, match=rf"x{suffix}: .*{message}"):
        load(tmp_path / f"x{suffix}")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.mid: cannot be read \(No such file"):
        load(tmp_path / "absent.mid")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory"):
        load(tmp_path)
    (tmp_path / "x.wav").write_bytes(b"RIFF\x10\0\0\0WAVEfmt ")
    with pytest.raises(DataError, match=r"x\.wav: not music that can be read, which is MIDI, ABC, MusicXML or JSON"):
        load(tmp_path / "x.wav")
    (tmp_path / "x.mid").write_bytes(to_midi(SCORE)[:-20])
    with pytest.raises(DataError, match=r"x\.mid: cut short"):
        load(tmp_path / "x.mid")
    (tmp_path / "x.json").write_text('{"parts": [')
    with pytest.raises(DataError, match=r"x\.json: not JSON that can be read"):
        load(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"parts": ' + "[" * 100_000)
    with pytest.raises(DataError, match=r"x\.json: not JSON that can be read"):
        load(tmp_path / "x.json")
    (tmp_path / "x.abc").write_text("X:1\nM:17\nK:C\nC")
    with pytest.raises(DataError, match=r"x\.abc: line 2: M:17 is no time signature"):
        load(tmp_path / "x.abc")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for name in ("x.wav", "x"):
        with pytest.raises(DataError, match=r"x.*: its name should say what to write: MIDI, ABC"):
            save(SCORE, tmp_path / name)
    with pytest.raises(DataError, match=r"x\.mid: cannot be written \(No such file"):
        save(SCORE, tmp_path / "absent" / "x.mid")
    with pytest.raises(DataError, match=r"x\.abc: there are no notes to write"):
        save(Score((Part("", ()),)), tmp_path / "x.abc")
    assert save(Score(()), tmp_path / "x.json") == ()
    (tmp_path / "old.abc").write_text("as it was")
    with pytest.raises(DataError, match=r"old\.abc: part 1: a note of pitch 300"):
        save(Score((Part("", (Note(0.0, 1.0, 300),)),)), tmp_path / "old.abc")
    assert (tmp_path / "old.abc").read_text() == "as it was"


def test_what_a_format_cannot_hold_is_reported(tmp_path: Path) -> None:
    tangled = Score(
        (
            Part("long\nname", (Note(0.0, 4.0, 60), Note(1.0, 1.0, 60))),
            Part("", (Note(0.0, 1.0, 62),)),
        ),
        tempo=123.4567891,
        time_signatures=(TimeSignature(0.0, 3, 3),),
        fermatas=(0.5,),
    )
    assert save(tangled, tmp_path / "x.mid") == (
        "The tempo cannot be kept exactly in MIDI.",
        "The time signatures cannot be kept exactly in MIDI.",
        "long\nname: 2 notes cannot be kept exactly in MIDI: begun or ended otherwise there.",
    )
    assert save(tangled, tmp_path / "x.json") == ()
    plain = Score(tangled.parts, fermatas=(0.5,))
    assert save(plain, tmp_path / "x.abc") == (
        "The fermatas cannot be kept exactly in ABC.",
        "long\nname: its name cannot be kept exactly in ABC.",
        "long\nname: 1 note cannot be kept exactly in ABC: begun or ended otherwise there.",
    )
    assert save(Score((*SCORE.parts, Part("silent", ()))), tmp_path / "y.mid") == (
        "3 parts, 1 of which had no notes, became 2 in MIDI.",
    )


def test_losses_of_each_kind() -> None:
    other = Score((Part("uno", (Note(0.0, 1.0, 60),)), Part("two", (Note(0.0, 4.0, 48),) * 2)), pickup=1.0)
    assert differences(SCORE, SCORE, "X") == []
    assert differences(SCORE, other, "X") == [
        *(f"The {what} cannot be kept exactly in X." for what in ("title", "time signatures", "keys", "pickup")),
        *(f"The {what} cannot be kept exactly in X." for what in ("chord symbols", "fermatas")),
        "one: its name cannot be kept exactly in X.",
        "one: 1 note cannot be kept exactly in X: begun or ended otherwise there.",
        "two: its instrument cannot be kept in X.",
        "two: 1 notes became 2 in X.",
    ]


def test_json_is_text_that_people_can_read(tmp_path: Path) -> None:
    save(Score((Part("Flöte", (Note(0.0, 1.0, 60),)),)), tmp_path / "x.json")
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert "Flöte" in text
    assert json.loads(text)["parts"][0]["notes"] == [{"start": 0.0, "duration": 1.0, "pitch": 60}]
