"""The notes of a MIDI file's tracks, as parts; and in words what of them a part cannot hold."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from crnn_audio.symbolic.midi.events import META, Event, Events
from crnn_audio.symbolic.parsed import plural
from crnn_audio.symbolic.score import Note, Part
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER

TRACK_NAME, LYRIC = 0x03, 0x05
DRUMS = 9
"""The channel of the drums, whose pitches are no pitches (the tenth, as musicians count)."""
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
PEDAL, CENTRE = 64, b"\x00\x40"
SILENCING = (120, *range(123, 128))
"""Controllers that end all notes of a channel: all sound off, all notes off, and the modes, which imply it."""
STRIKE, RELEASE, SILENCE = 0, 1, 2


def read_parts(events: Events) -> tuple[tuple[Part, ...], list[str]]:
    """A part for each channel with notes of each track, in order, and remarks; drums are left out."""
    programs = _first_programs(events)
    lost: Counter[str] = Counter()
    parts = []
    for track in events.tracks:
        channels = _sounding(track, lost)
        several = len(events.tracks) == 1 and len(channels) > 1  # then the name is the piece's
        name = "" if several else name_of(track)
        for channel, notes in sorted(channels.items()):
            if channel == DRUMS:
                lost["drums"] += len(notes)
                continue
            program = _program(track, channel, programs, lost)
            parts.append(Part(name, _notes(notes, events.division), program))
    return tuple(parts), [*_on_notes(lost), *_on_expression(events)]


def rounded(tick: int, division: int) -> int:
    """A tick of the file as the nearest of ours."""
    return round(tick * TICKS_PER_QUARTER / division)


def text(data: bytes) -> str:
    """A name or a marker: UTF-8, or else Latin-1, as older programs write."""
    try:
        return data.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return data.decode("latin-1").strip("\0 ")


def name_of(track: tuple[Event, ...]) -> str:
    """A track's name; empty if it has none."""
    return next((text(event.data) for event in track if (event.status, event.kind) == (META, TRACK_NAME)), "")


def _notes(spans: list[tuple[int, int, int]], division: int) -> tuple[Note, ...]:
    """Sorted, each at least a tick long."""
    ours = [(rounded(start, division), rounded(stop, division), pitch) for start, stop, pitch in spans]
    return tuple(
        Note(start / TICKS_PER_QUARTER, max(stop - start, 1) / TICKS_PER_QUARTER, pitch)
        for start, stop, pitch in sorted(ours)
    )


def _sounding(track: tuple[Event, ...], lost: Counter[str]) -> dict[int, list[tuple[int, int, int]]]:
    """Start, end and pitch, in the file's ticks, of the notes of each channel."""
    strikes: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for event in track:
        kind, channel = event.status & 0xF0, event.status & 0x0F
        if kind in (NOTE_ON, NOTE_OFF):
            pitch, velocity = event.data
            what = STRIKE if kind == NOTE_ON and velocity else RELEASE
            strikes.setdefault(channel, {}).setdefault(pitch, []).append((event.tick, what))
        elif kind == CONTROL and event.data[0] in SILENCING:
            for every in strikes.get(channel, {}).values():
                every.append((event.tick, SILENCE))
    found = {
        channel: [
            (start, stop, pitch)
            for pitch, every in pitches.items()
            for start, stop in _spans(every, track[-1].tick, lost)
        ]
        for channel, pitches in strikes.items()
    }
    return {channel: notes for channel, notes in found.items() if notes}


def _spans(strikes: Sequence[tuple[int, int]], end: int, lost: Counter[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each note of one pitch, up to the end of the track.

    A release ends the earlier of two. Where releases are missing, a note ends where the next one begins.
    """
    begun, stretch = 0, list[tuple[int, int]]()
    for tick, what in strikes:
        stretch.append((tick, what))
        begun = {STRIKE: begun + 1, RELEASE: max(begun - 1, 0), SILENCE: 0}[what]
        if not begun:
            yield from _released(stretch)
            stretch = []
    yield from _restruck(stretch, end, lost)


def _released(stretch: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    begun = deque[int]()
    for tick, what in stretch:
        if what == STRIKE:
            begun.append(tick)
        for _ in range(min(len(begun), {STRIKE: 0, RELEASE: 1, SILENCE: len(begun)}[what])):
            yield begun.popleft(), tick


def _restruck(stretch: Sequence[tuple[int, int]], end: int, lost: Counter[str]) -> Iterator[tuple[int, int]]:
    begun: int | None = None
    for tick, what in stretch:
        if what == STRIKE and tick == begun:
            continue  # the same note twice, with one release
        if begun is not None:
            yield begun, tick
            lost["restruck"] += what == STRIKE
        begun = tick if what == STRIKE else None
    if begun is not None:
        yield begun, end
        lost["endless"] += 1


def _first_programs(events: Events) -> dict[int, int]:
    """By channel: what is chosen in one track holds for the channel in every other one that chooses nothing."""
    found: dict[int, int] = {}
    for track in events.tracks:
        for event in track:
            if event.status & 0xF0 == PROGRAM:
                found.setdefault(event.status & 0x0F, event.data[0])
    return found


def _program(track: tuple[Event, ...], channel: int, elsewhere: dict[int, int], lost: Counter[str]) -> int:
    """The one in force at the first note."""
    program, begun = None, False
    for event in track:
        if event.status == NOTE_ON | channel:
            begun = True
        elif event.status == PROGRAM | channel:
            lost["programs"] += begun and event.data[0] != program
            program = event.data[0] if program is None or not begun else program
    return elsewhere.get(channel, 0) if program is None else program


def _on_notes(lost: Counter[str]) -> list[str]:
    said = {
        "drums": f"{plural(lost['drums'], 'note')} of drums left out: they have no pitch.",
        "endless": f"{plural(lost['endless'], 'note')} without an end: made to last as long as the track.",
        "restruck": f"{plural(lost['restruck'], 'note')} struck again before an end: made to end there.",
        "programs": f"{plural(lost['programs'], 'change')} of instrument left out: a part keeps its first.",
    }
    return [sentence for what, sentence in said.items() if lost[what]]


def _on_expression(events: Events) -> list[str]:
    every = [event for track in events.tracks for event in track]
    velocities = {event.data[1] for event in every if event.status & 0xF0 == NOTE_ON and event.data[1]}
    pedals = sum(event.status & 0xF0 == CONTROL and event.data[0] == PEDAL for event in every)
    bends = sum(event.status & 0xF0 == BEND and event.data != CENTRE for event in every)
    words = any((event.status, event.kind) == (META, LYRIC) for event in every)
    said = {
        "How loud each note is was left out.": len(velocities) > 1,
        f"{plural(pedals, 'movement')} of the pedal left out.": pedals,
        f"{plural(bends, 'bend')} of the pitch left out.": bends,
        "The words were left out.": words,
    }
    return [sentence for sentence, so in said.items() if so]
