"""Notes as they were played, against files that are built by hand and read by another library."""

import mido
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import midi, played
from crnn_audio.symbolic.midi import events
from crnn_audio.symbolic.midi.events import META, Event
from crnn_audio.symbolic.played import PlayedNote, window
from crnn_audio.symbolic.score import Note, Part, Score

TEMPO = 0x51


def tempo(tick: int, quarter: float) -> Event:
    return Event(tick, META, round(1e6 * quarter).to_bytes(3, "big"), TEMPO)


def test_tempos_of_any_track_hold_for_all_and_drums_are_kept() -> None:
    about = [tempo(0, 0.5), tempo(200, 1.0)]
    drums = [Event(100, 0x99, bytes([36, 100])), Event(110, 0x99, bytes([36, 0])), Event(300, 0x99, bytes([38, 20]))]
    piano = [Event(0, 0xC0, bytes([4])), Event(0, 0x90, bytes([60, 80])), Event(400, 0x80, bytes([60, 0]))]
    found = played.from_midi(events.build(100, [about, drums, piano]))
    assert found == [
        PlayedNote(0.0, 3.0, 60, 80, 4, False),
        PlayedNote(0.5, 0.55, 36, 100, 0, True),
        PlayedNote(2.0, 2.01, 38, 20, 0, True),  # without an end: as long as its track, a tick at least
    ]


def test_a_release_ends_the_earlier_of_two() -> None:
    track = [Event(tick, status, bytes([60, 90])) for tick, status in ((0, 0x90), (50, 0x90), (100, 0x80), (150, 0x80))]
    found = played.from_midi(events.build(100, [[tempo(0, 1.0)], track]))
    assert [(note.start, note.end) for note in found] == [(0.0, 1.0), (0.5, 1.5)]


def test_a_score_plays_at_its_tempo() -> None:
    score = Score((Part("a", (Note(1.0, 0.5, 64),), 7),), tempo=60.0)
    assert played.from_score(score) == [PlayedNote(1.0, 1.5, 64, program=7)]


def test_a_window_holds_what_begins_in_it() -> None:
    notes = [PlayedNote(0.5, 2.5, 60), PlayedNote(1.0, 1.2, 61), PlayedNote(1.9, 4.0, 62), PlayedNote(2.0, 2.1, 63)]
    found = window(notes, 1.0, 2.0)
    assert [(note.start, note.end, note.pitch) for note in found] == [
        (0.0, pytest.approx(0.2), 61),
        (pytest.approx(0.9), 1.0, 62),
    ]


@pytest.mark.parametrize(("beats", "grid", "step"), [(120.0, None, None), (90.0, None, None), (120.0, 16, 0.125)])
def test_what_is_written_is_read_by_us_and_by_mido(beats: float, grid: int | None, step: float | None) -> None:
    notes = [PlayedNote(0.26, 0.5, 60, 90), PlayedNote(0.26, 0.3, 36, 100, 0, True), PlayedNote(0.5, 0.9, 60, 90)]
    content = played.to_midi(notes, tempo=beats, grid=grid)
    back = played.from_midi(content)
    assert [(one.pitch, one.velocity, one.is_drum) for one in back] == [
        (one.pitch, one.velocity, one.is_drum) for one in sorted(notes)
    ]
    for one, other in zip(back, sorted(notes), strict=True):
        want = other.start if step is None else round(other.start / step) * step
        assert one.start == pytest.approx(want, abs=1e-3)
        assert one.end > one.start
    import io

    file = mido.MidiFile(file=io.BytesIO(content))
    assert sum(one.type == "note_on" for track in file.tracks for one in track) == 3
    assert midi.from_midi(content).score.tempo == beats


def test_a_tempo_that_cannot_be() -> None:
    with pytest.raises(DataError, match="a tempo of 0"):
        played.to_midi([], tempo=0)
