"""Notes as they were played: seconds, velocities and drums, which a `Score` leaves out; of a MIDI file or a score."""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from crnn_audio.errors import DataError
from crnn_audio.symbolic.midi import events as midi_events
from crnn_audio.symbolic.midi.events import META, Event, Events
from crnn_audio.symbolic.midi.notes import DRUMS, NOTE_OFF, NOTE_ON, PROGRAM
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER

TEMPO = 0x51
VELOCITY = 80
"""Of notes of a score, which says nothing of it."""


@dataclass(frozen=True, order=True)
class PlayedNote:
    """A note from `start` to `end` in seconds; `velocity` from 1 to 127; of drums the pitch says which is struck."""

    start: float
    end: float
    pitch: int
    velocity: int = VELOCITY
    program: int = 0
    is_drum: bool = False


def from_midi(content: bytes) -> list[PlayedNote]:
    """All notes of a MIDI file, sorted, at its tempos; the pedal is not played.

    A release ends the earlier of two notes of one pitch; a note without one lasts as long as its track. Of independent
    pieces (format 2) the first is played.

    Raises:
        DataError: not a MIDI file, damaged or cut short.
    """
    events = midi_events.parse(content)
    tracks = events.tracks[:1] if events.independent else events.tracks
    seconds = _clock(events)
    return sorted(note for track in tracks for note in _of_track(track, seconds))


def _clock(events: Events) -> Callable[[int], float]:
    """From a tick to seconds; a tempo of any track holds for all."""
    changes = {0: 500_000}
    for event in sorted(
        (one for track in events.tracks for one in track if one.status == META), key=lambda one: one.tick
    ):
        if event.kind == TEMPO and (length := int.from_bytes(event.data[:3], "big")):
            changes[event.tick] = length
    ticks, times = list(changes), [0.0]
    for before, tick in pairwise(ticks):
        times.append(times[-1] + (tick - before) * changes[before] / 1e6 / events.division)

    def seconds(tick: int) -> float:
        place = bisect_right(ticks, tick) - 1
        return times[place] + (tick - ticks[place]) * changes[ticks[place]] / 1e6 / events.division

    return seconds


def _of_track(track: tuple[Event, ...], seconds: Callable[[int], float]) -> Iterator[PlayedNote]:
    begun: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    programs: dict[int, int] = {}

    def note(channel: int, pitch: int, start: int, velocity: int, end: int) -> PlayedNote:
        drums = channel == DRUMS
        return PlayedNote(
            seconds(start), seconds(max(end, start + 1)), pitch, velocity, programs.get(channel, 0), drums
        )

    for event in track:
        kind, channel = event.status & 0xF0, event.status & 0x0F
        if kind == PROGRAM:
            programs[channel] = event.data[0]
        elif kind == NOTE_ON and event.data[1]:
            begun[channel, event.data[0]].append((event.tick, event.data[1]))
        elif kind in (NOTE_ON, NOTE_OFF) and begun[channel, event.data[0]]:
            yield note(channel, event.data[0], *begun[channel, event.data[0]].popleft(), event.tick)
    for (channel, pitch), strikes in begun.items():
        for start, velocity in strikes:
            yield note(channel, pitch, start, velocity, track[-1].tick)


def from_score(score: Score) -> list[PlayedNote]:
    """The notes of a score at its tempo, sorted."""
    quarter = 60 / score.tempo
    return sorted(
        PlayedNote(note.start * quarter, note.end * quarter, note.pitch, VELOCITY, part.program)
        for part in score.parts
        for note in part.notes
    )


def window(notes: list[PlayedNote], start: float, end: float) -> list[PlayedNote]:
    """The notes that begin in such a span, with times from its start; none goes beyond its end."""
    return [
        PlayedNote(
            note.start - start, min(note.end, end) - start, note.pitch, note.velocity, note.program, note.is_drum
        )
        for note in notes
        if start <= note.start < end
    ]


def to_midi(notes: Sequence[PlayedNote], *, tempo: float = 120.0, grid: int | None = None) -> bytes:
    """A MIDI file of two tracks at most, of pitched notes and of drums, whose times are those of the notes.

    Args:
        tempo: quarter notes a minute.
        grid: the finest note, 16 for sixteenths: starts and ends are moved to the nearest; exact without one.

    Raises:
        DataError: tempo or grid cannot be, or the notes are longer than a MIDI file can hold.
    """
    if not 1 <= tempo <= 1000 or not (grid is None or 1 <= grid <= 4 * TICKS_PER_QUARTER):
        raise DataError(f"a tempo of {tempo:g} and a grid of {grid}; a tempo is 1 to 1000, a grid 1 to 1920.")
    unit = 1 if grid is None else 4 * TICKS_PER_QUARTER / grid

    def tick(seconds: float) -> int:
        return round(round(seconds * tempo / 60 * TICKS_PER_QUARTER / unit) * unit)

    tracks = [[Event(0, META, round(60e6 / tempo).to_bytes(3, "big"), TEMPO)]]
    for is_drum in (False, True):
        events = set[tuple[int, int, int, int]]()
        for note in notes:
            if note.is_drum == is_drum:
                start = tick(note.start)
                events.add((start, 1, note.pitch, note.velocity))
                events.add((max(tick(note.end), start + max(round(unit), 1)), 0, note.pitch, 0))
        channel = DRUMS if is_drum else 0
        track = [
            Event(time, (NOTE_ON if strikes else NOTE_OFF) | channel, bytes([pitch, velocity]))
            for time, strikes, pitch, velocity in sorted(events)
        ]
        tracks += [track] if track else []
    return midi_events.build(TICKS_PER_QUARTER, tracks)
