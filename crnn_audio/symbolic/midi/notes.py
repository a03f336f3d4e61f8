"""The notes of a MIDI file's tracks, as parts; and in words what of them a part cannot hold."""

from collections import Counter, deque
from dataclasses import dataclass, field

from crnn_audio.symbolic.midi.events import META, Event, Events
from crnn_audio.symbolic.parsed import plural
from crnn_audio.symbolic.score import Note, Part
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER

TRACK_NAME, LYRIC = 0x03, 0x05
DRUMS = 9
"""The channel of the drums, whose pitches are no pitches (the tenth, as musicians count)."""
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
PEDAL, CENTRE = 64, b"\x00\x40"


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


@dataclass
class _Channel:
    """What has sounded, as start, end and pitch in the file's ticks, and the starts of what sounds, by pitch."""

    done: list[tuple[int, int, int]] = field(default_factory=list)
    open: dict[int, deque[int]] = field(default_factory=dict)


def _sounding(track: tuple[Event, ...], lost: Counter[str]) -> dict[int, list[tuple[int, int, int]]]:
    channels: dict[int, _Channel] = {}
    for event in track:
        kind = event.status & 0xF0
        if kind not in (NOTE_ON, NOTE_OFF):
            continue
        channel = channels.setdefault(event.status & 0x0F, _Channel())
        pitch, velocity = event.data
        if kind == NOTE_ON and velocity:
            channel.open.setdefault(pitch, deque()).append(event.tick)
        elif channel.open.get(pitch):
            channel.done.append((channel.open[pitch].popleft(), event.tick, pitch))
    for channel in channels.values():
        endless = [(start, pitch) for pitch, starts in channel.open.items() for start in starts]
        channel.done += [(start, track[-1].tick, pitch) for start, pitch in endless]
        lost["endless"] += len(endless)
    return {number: channel.done for number, channel in channels.items() if channel.done}


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
