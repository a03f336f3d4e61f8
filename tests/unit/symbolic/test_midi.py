"""MIDI files: exact round trips, other readers' eyes, and files that are damaged."""

import io
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mido
import pytest
import symusic
from hypothesis import given, settings

from crnn_audio.errors import DataError
from crnn_audio.symbolic.midi import from_midi, to_midi
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature
from tests.shared_cases import case
from tests.unit.symbolic.made_scores import scores

TUNE = Score(
    (
        Part("Flöte", (Note(0.0, 1.0, 67), Note(1.0, 0.5, 67), Note(1.5, 2.0, 69)), 73),
        Part("Bass", (Note(0.5, 3.0, 43), Note(0.5, 3.0, 55)), 32),
    ),
    title="Lied",
    tempo=97.5,
    time_signatures=(TimeSignature(0.0, 3, 4), TimeSignature(3.5, 2, 4)),
    keys=(Key(0.0, -1, "dorian"), Key(1.0, 3, "minor")),
    pickup=0.5,
    chords=(Chord(0.5, "Gm"),),
    fermatas=(1.5,),
)


# What checks types in the tests draws from `random`, inside strategies too.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


@settings(max_examples=80, deadline=None)
@given(scores())
def test_a_score_comes_back_from_its_midi(score: Score) -> None:
    found = from_midi(to_midi(score))
    assert found.score == score
    assert found.remarks == ()


def messages(*tracks: list, kind: int = 1, ticks: int = 480) -> bytes:
    """A file as mido writes it."""
    made = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    made.tracks.extend(mido.MidiTrack(track) for track in tracks)
    content = io.BytesIO()
    made.save(file=content)
    return content.getvalue()


def on(pitch: int, time: int = 0, channel: int = 0, velocity: int = 64) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time, channel=channel)


def off(pitch: int, time: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


TONE = [on(60), off(60, 480)]


def test_what_mido_reads() -> None:
    read = mido.MidiFile(file=io.BytesIO(to_midi(TUNE)), charset="utf-8")
    assert (read.type, read.ticks_per_beat) == (1, 480)
    assert [track.name for track in read.tracks] == ["Lied", "Flöte", "Bass"]
    about = {(event.type, getattr(event, "text", None)) for event in read.tracks[0]}
    assert {("set_tempo", None), ("time_signature", None), ("key_signature", None), ("marker", "fermata")} <= about
    tempo = next(event.tempo for event in read.tracks[0] if event.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(97.5, abs=1e-4)
    time, strikes = 0, []
    for event in read.tracks[1]:
        time += event.time
        if event.type in ("note_on", "note_off"):
            strikes.append((time, event.type[5:], event.note))
    assert strikes == [
        *((0, "on", 67), (480, "off", 67), (480, "on", 67)),  # a release before a strike, or the strike would be mute
        *((720, "off", 67), (720, "on", 69), (1680, "off", 69)),
    ]
    assert read.length == pytest.approx(TUNE.seconds, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(scores())
def test_what_symusic_reads(score: Score) -> None:
    read = symusic.Score.from_midi(to_midi(score))
    assert sum(len(track.notes) for track in read.tracks) == len(score.notes)
    for part, track in zip(score.parts, read.tracks, strict=True):
        found = sorted((note.time, note.duration, note.pitch) for note in track.notes)
        assert found == [(round(n.start * 480), round(n.duration * 480), n.pitch) for n in part.notes]
        assert (track.program, track.is_drum) == (part.program, False)
    assert [(m.numerator, m.denominator) for m in read.time_signatures] == [
        (m.beats, m.beat_type) for m in score.time_signatures
    ]


EVERY = """
import sys
from pathlib import Path
import symusic
from crnn_audio.symbolic.midi import from_midi, to_midi
for path in map(Path, sys.stdin.read().split()):
    read, other = from_midi(path.read_bytes()), symusic.Score(path)
    again = from_midi(to_midi(read.score)).score
    counts = [len(read.score.notes), sum(len(track.notes) for track in other.tracks)]
    if again != read.score or read.remarks or counts[0] != counts[1]:
        print(path, again == read.score, read.remarks, counts)
print("done")
"""


def test_every_file_of_nottingham(corpus) -> None:
    """Each is read, equal after a round trip, and has as many notes as symusic finds; in a process of its own, as what
    checks shapes in the tests makes a thousand files slow. Of a tune's three files one holds the other two, of which
    every sixteenth is taken."""
    folder = corpus("nottingham") / "MIDI"
    parts = [sorted((folder / name).glob("*.mid"))[::16] for name in ("melody", "chords")]
    paths = [*sorted(folder.glob("*.mid")), *parts[0], *parts[1]]
    assert len(paths) == 1034 + 65 + 64
    child = subprocess.run(
        [sys.executable, "-c", EVERY], input="\n".join(map(str, paths)), capture_output=True, text=True, check=True
    )
    assert child.stdout == "done\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a MIDI file"),
        (b"MThd", "not a MIDI file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "not a MIDI file"),
        (messages(TONE)[:-6], "cut short: a track at byte 14 should have 13 bytes, and 7 are there"),
        (messages(TONE)[:14], "cut short: it should have 1 tracks, and 0 are there"),
        (messages(TONE, TONE)[:40], "cut short"),
        (messages([]), "there are no notes in it"),
        (messages([mido.MetaMessage("set_tempo", tempo=500000)]), "there are no notes in it"),
        (messages([on(40, channel=9), off(40, 9, channel=9)]), "there are no notes in it. 1 note of drums left out"),
        (
            messages(TONE)[:12] + b"\xe7\x28" + messages(TONE)[14:],
            "not counted in quarter notes .film frames",
        ),
        (
            messages(TONE)[:12] + b"\0\0" + messages(TONE)[14:],
            "quarter notes .a header of 6 bytes and 0",
        ),
        (messages(TONE)[:23] + b"\x10" + messages(TONE)[24:], "damaged: track 1, byte 1: data where a message"),
        (messages(TONE)[:24] + b"\xbc" + messages(TONE)[25:], "damaged: track 1, byte 4: a value of 188"),
        (messages(TONE)[:26] + b"\xff" * 9, "damaged: track 1, byte .: a number of more than four bytes"),
    ],
)
def test_damaged_files(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_midi(content)


def test_any_damage_is_a_reading_or_one_message() -> None:
    """On some of these files other readers end the process."""
    draw, whole = random.Random(0), to_midi(TUNE)
    refused = 0
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            found = from_midi(bytes(content[: draw.randint(0, len(content))] if draw.random() < 0.2 else content))
            to_midi(found.score)
        except DataError:
            refused += 1
    assert 300 < refused < 1400


def test_a_name_in_latin_1_and_a_riff_wrapper() -> None:
    named = messages([mido.MetaMessage("track_name", name="Flöte"), *TONE], TONE)
    assert from_midi(named).score.parts[0].name == "Flöte"
    assert from_midi(b"RIFF\x40\0\0\0RMIDdata\x38\0\0\0" + named).score == from_midi(named).score


def test_of_a_riff_file_the_chunk_of_data_is_read() -> None:
    words = b"LIST\x16\0\0\0INFOINAM\x09\0\0\0MThd song\0"
    tune = messages([on(60), off(60, 480), on(62), off(62, 480)])
    wrapped = b"RIFF\x80\0\0\0RMID" + words + b"data\x2c\0\0\0" + tune
    assert spans(wrapped) == spans(tune) == [(0, 1, 60), (1, 2, 62)]
    assert spans((case("music_riff_info_names_mthd") / "riff_info.rmi").read_bytes()) == [(0, 1, 60), (1, 2, 62)]


def test_a_release_ends_the_earlier_strike() -> None:
    read = from_midi(messages([on(60), on(60, 100), off(60, 100), off(60, 100)])).score
    assert read.parts[0].notes == (Note(0.0, 200 / 480, 60), Note(100 / 480, 200 / 480, 60))


def spans(content: bytes) -> list[tuple[float, float, int]]:
    return [(note.start, note.end, note.pitch) for note in from_midi(content).score.notes]


def control(number: int, time: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=number, value=0, time=time, channel=channel)


def end(time: int) -> mido.MetaMessage:
    return mido.MetaMessage("end_of_track", time=time)


def test_a_note_without_an_end_lasts_to_the_end_of_its_track() -> None:
    found = from_midi(messages([on(60), on(62, 480), on(64, 480), end(480)]))
    assert [(note.start, note.end, note.pitch) for note in found.score.notes] == [(0, 3, 60), (1, 3, 62), (2, 3, 64)]
    assert found.remarks == ("3 notes without an end: made to last as long as the track.",)
    assert spans((case("music_midi_end_of_track") / "no_off.mid").read_bytes()) == [(0, 3, 60), (1, 3, 62), (2, 3, 64)]


def test_a_note_that_is_struck_again_ends_there_where_releases_are_missing() -> None:
    found = from_midi(messages([on(60), off(60, 480), on(60), on(60, 480), on(60, 480), off(60, 480), end(480)]))
    assert [(note.start, note.end) for note in found.score.notes] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert found.remarks == ("2 notes struck again before an end: made to end there.",)


def test_a_note_that_is_struck_twice_at_once_with_one_release_is_one_note() -> None:
    assert spans(messages([on(60), on(60), off(60, 480), end(480)])) == [(0, 1, 60)]
    assert spans(messages([on(60), on(60), off(60, 480), off(60), end(480)])) == [(0, 1, 60)] * 2


@pytest.mark.parametrize("number", [120, 123, 124, 127])
def test_what_silences_a_channel_ends_its_notes(number: int) -> None:
    content = messages([on(60), on(64), on(67, channel=1), control(number, 480), off(67, 480, channel=1), end(480)])
    assert spans(content) == [(0, 1, 60), (0, 1, 64), (0, 2, 67)]
    assert from_midi(content).remarks == ()


def test_of_independent_pieces_the_first_with_notes_is_read() -> None:
    silent, first, second = [end(0)], [on(60), off(60, 480)], [on(72), off(72, 960)]
    found = from_midi(messages(silent, first, second, kind=2))
    assert [note.pitch for note in found.score.notes] == [60]
    assert found.remarks == ("of 3 independent pieces (MIDI format 2) the first with notes is read.",)


def metre(beats: int, beat_type: int, time: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("time_signature", numerator=beats, denominator=beat_type, time=time)


@pytest.mark.parametrize(
    ("written", "kept", "pickup"),
    [
        ([(1, 4, 0), (3, 4, 480)], [(0, 3, 4)], 1.0),
        ([(1, 8, 0), (6, 8, 240)], [(0, 6, 8)], 0.5),
        ([(1, 4, 0), (3, 4, 480), (2, 4, 1440)], [(0, 3, 4)], 1.0),
        ([(1, 4, 0), (3, 4, 480), (4, 4, 1440)], [(0, 3, 4), (4, 4, 4)], 1.0),
        ([(4, 4, 0), (3, 4, 1920)], [(0, 4, 4), (4, 3, 4)], 0.0),
        ([(2, 4, 0), (3, 4, 1920)], [(0, 2, 4), (4, 3, 4)], 0.0),
    ],
)
def test_a_short_first_bar_is_a_pickup(written: list, kept: list, pickup: float) -> None:
    about = [metre(*one) for one in written]
    score = from_midi(messages(about, [on(60), off(60, 2879)])).score
    assert [(one.start, one.beats, one.beat_type) for one in score.time_signatures] == kept
    assert score.pickup == pickup


def test_a_short_first_bar_that_is_no_pickup_comes_back() -> None:
    score = replace(TUNE, time_signatures=(TimeSignature(0.0, 1, 4), TimeSignature(1.0, 3, 4)), pickup=0.0)
    assert from_midi(to_midi(score)).score == score


def test_the_pickup_that_musescore_writes() -> None:
    score = from_midi((case("music_midi_musescore_pickup") / "ms_pickup.mid").read_bytes()).score
    assert (score.time_signatures, score.pickup) == ((TimeSignature(0.0, 3, 4),), 1.0)


def test_one_part_a_channel_and_what_is_left_out() -> None:
    read = from_midi(
        messages(
            [
                mido.MetaMessage("track_name", name="All"),
                mido.Message("program_change", program=7),
                mido.Message("program_change", program=9, channel=2),
                mido.Message("pitchwheel", pitch=0),
                on(60, velocity=10),
                on(64, channel=2),
                on(40, channel=9),
                mido.Message("pitchwheel", pitch=99),
                mido.Message("control_change", control=64, value=127),
                mido.MetaMessage("lyrics", text="la"),
                mido.MetaMessage("set_tempo", tempo=400000),
                off(60, 480),
                mido.MetaMessage("set_tempo", tempo=600000),
                mido.Message("program_change", program=8),
                on(62),
                off(62, 480),
                off(40, channel=9),
            ],
            kind=0,
        )
    )
    assert read.score.parts == (
        Part("", (Note(0.0, 1.0, 60), Note(1.0, 1.0, 62)), 7),
        Part("", (Note(0.0, 2.0, 64),), 9),
    )
    assert (read.score.title, read.score.tempo) == ("All", 150.0)
    assert read.remarks == (
        "1 note of drums left out: they have no pitch.",
        "1 note without an end: made to last as long as the track.",
        "1 change of instrument left out: a part keeps its first.",
        "How loud each note is was left out.",
        "1 movement of the pedal left out.",
        "1 bend of the pitch left out.",
        "The words were left out.",
        "1 change of tempo left out: the first, 150 quarter notes a minute, holds.",
    )


def test_other_grids_are_rounded_to_ours_and_no_note_is_lost() -> None:
    read = from_midi(messages([on(60), off(60, 341), on(62, 0), off(62, 342), on(64), off(64, 0)], ticks=1024)).score
    assert read.parts[0].notes == (
        Note(0.0, 160 / 480, 60),
        Note(160 / 480, 160 / 480, 62),
        Note(320 / 480, 1 / 480, 64),
    )


@pytest.mark.parametrize("tempo", [4.0, 60.0, 97.5, 110.0, 123.456, 300.0])
def test_a_tempo_comes_back_as_it_was_meant(tempo: float) -> None:
    assert from_midi(to_midi(Score((Part("", (Note(0.0, 1.0, 60),)),), tempo=tempo))).score.tempo == tempo


@pytest.mark.parametrize("words", ["pickup no", "pickup 1/0", "pickup -1", "key of life", "chords", "Verse"])
def test_markers_of_others_mean_nothing(words: str) -> None:
    read = from_midi(messages([mido.MetaMessage("marker", text=words), *TONE]))
    assert read.score == Score((Part("", (Note(0.0, 1.0, 60),)),))


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            Score((Part("alto", (Note(2.0, 1.0, 128),)),)),
            "alto: a note of pitch 128 at quarter 2; MIDI's pitches are 0",
        ),
        (Score((Part("", (Note(-1.0, 1.0, 60),)),)), "part 1: a note of pitch 60 begins at quarter -1"),
        (Score((Part("", (Note(0.0, 0.0, 60),)),)), "begins at quarter 0 and lasts 0"),
        (Score((Part("", (), 128),)), "instrument 128"),
        (Score((), tempo=0.0), "a tempo of 0"),
        (Score((), time_signatures=(TimeSignature(0.0, 0, 4),)), "a time signature of 0/4"),
        (Score((), fermatas=(-1.0,)), "at quarter -1"),
        (Score((), pickup=-1.0), "a pickup of -1"),
    ],
)
def test_what_no_piece_can_be(score: Score, message: str) -> None:
    with pytest.raises(DataError, match=message):
        to_midi(score)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    """The metre of each track is the same one, and given once."""
    made = symusic.Score(960)
    track = symusic.Track(name="Lead", program=5)
    track.notes.append(symusic.Note(960, 480, 61, 99))
    made.tracks.append(track)
    made.time_signatures.extend([symusic.TimeSignature(0, 6, 8), symusic.TimeSignature(0, 6, 8)])
    made.tempos.append(symusic.Tempo(0, qpm=90))
    made.dump_midi(tmp_path / "x.mid")
    read = from_midi((tmp_path / "x.mid").read_bytes()).score
    assert read == Score(
        (Part("Lead", (Note(1.0, 0.5, 61),), 5),), tempo=90.0, time_signatures=(TimeSignature(0.0, 6, 8),), title="Lead"
    )
