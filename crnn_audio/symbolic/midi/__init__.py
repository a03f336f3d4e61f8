"""MIDI files into scores and back.

Chord symbols, fermatas, church modes and pickups, for which MIDI has no words, are written as markers, which any
program shows as text and which are understood when the file is read here.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise

from crnn_audio.errors import DataError
from crnn_audio.symbolic.barlines import short_bars
from crnn_audio.symbolic.bars import needed_time_signatures
from crnn_audio.symbolic.keys import needed_keys, parse_key
from crnn_audio.symbolic.midi import events as midi_events
from crnn_audio.symbolic.midi.events import META, Event, Events
from crnn_audio.symbolic.midi.notes import DRUMS, NOTE_OFF, NOTE_ON, PROGRAM, TRACK_NAME, read_parts, rounded, text
from crnn_audio.symbolic.midi.notes import name_of as name_of_track
from crnn_audio.symbolic.parsed import ParsedScore, plural
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, quarters, ticks
from crnn_audio.symbolic.validation import validate

MARKER, TEMPO, TIME_SIGNATURE, KEY = 0x06, 0x51, 0x58, 0x59
"""Kinds of META events."""
FINEST = 7
"""A time signature counts beats down to the 128th note, 2 to this power."""
SLOWEST = (1 << 24) - 1
"""Microseconds of a quarter note; there is no room for more."""
VELOCITY = 80
"""How loud every note that is written is; 127 is the loudest."""
CHANNELS = [channel for channel in range(16) if channel != DRUMS]


def from_midi(content: bytes) -> ParsedScore:
    """The piece of a MIDI file; times are rounded to the 1/480 of a quarter note that a `Score` keeps.

    A part is a channel of a track. A release of a pitch that was begun twice ends the earlier of the two. Of the
    independent tracks of format 2 the first with notes is the piece.

    Raises:
        DataError: not a MIDI file, damaged or cut short, or without notes.
    """
    events, alone = _one_piece(midi_events.parse(content))
    parts, remarks = read_parts(events)
    remarks = [*alone, *remarks]
    if not parts:
        raise DataError(" ".join(["there are no notes in it.", *remarks]))
    about = sorted((event for track in events.tracks for event in track if event.status == META), key=_when)
    marked = [(quarters(rounded(event.tick, events.division)), text(event.data)) for event in _of(MARKER, about)]
    signatures, pickup = _metre(list(_time_signatures(_of(TIME_SIGNATURE, about), events.division)), marked, parts)
    tempo, said = _tempo(_of(TEMPO, about))
    score = Score(
        parts=parts,
        title=_title(events),
        tempo=tempo,
        time_signatures=signatures,
        keys=needed_keys([*_keys(_of(KEY, about), events.division), *_marked_keys(marked)]),
        pickup=pickup,
        chords=tuple(sorted(Chord(start, words[6:]) for start, words in marked if words.startswith("chord "))),
        fermatas=tuple(sorted({start for start, words in marked if words == "fermata"})),
    )
    end = max(track[-1].tick for track in events.tracks if track)
    return ParsedScore(score, (*remarks, *said), quarters(rounded(end, events.division)))


def _one_piece(events: Events) -> tuple[Events, list[str]]:
    if not events.independent:
        return events, []
    first = next((track for track in events.tracks if any(_strikes(event) for event in track)), events.tracks[0])
    said = f"of {len(events.tracks)} independent pieces (MIDI format 2) the first with notes is read."
    return Events(events.division, (first,)), [said]


def _strikes(event: Event) -> bool:
    return event.status & 0xF0 == NOTE_ON


def _when(event: Event) -> int:
    return event.tick


def _of(kind: int, about: list[Event]) -> list[Event]:
    return [event for event in about if event.kind == kind]


def _title(events: Events) -> str:
    """The name of the first track, where it is not that of a part."""
    first = events.tracks[0]
    alone = len(events.tracks) == 1 or not any(map(_strikes, first))
    return name_of_track(first) if alone else ""


def _tempo(found: list[Event]) -> tuple[float, list[str]]:
    """The first, as the roundest number that means it, and what becomes of the others."""
    lengths = [length for event in found if (length := int.from_bytes(event.data[:3], "big"))]
    if not lengths:
        return 120.0, []  # as the standard has it
    tempo = next(
        (tempo for digits in range(9) if (tempo := round(60e6 / lengths[0], digits)) and _length(tempo) == lengths[0]),
        60e6 / lengths[0],
    )
    changes = sum(one != two for one, two in pairwise(lengths))
    said = f"{plural(changes, 'change')} of tempo left out: the first, {tempo:g} quarter notes a minute, holds."
    return tempo, [said] if changes else []


def _length(tempo: float) -> int:
    return min(round(60e6 / tempo), SLOWEST)


def _time_signatures(found: list[Event], division: int) -> Iterator[TimeSignature]:
    for event in found:
        if len(event.data) >= 2 and event.data[0] and event.data[1] <= FINEST:
            yield TimeSignature(quarters(rounded(event.tick, division)), event.data[0], 1 << event.data[1])


def _metre(
    found: Sequence[TimeSignature], marked: list[tuple[float, str]], parts: Sequence[Part]
) -> tuple[tuple[TimeSignature, ...], float]:
    """The time signatures and the pickup: that of a marker, or a first bar that is short."""
    pickup = next((one for _, words in marked if (one := _pickup(words)) is not None), None)
    if pickup is None:
        needed = needed_time_signatures(found, 0.0)
        found, pickup = short_bars(needed, max(part.end for part in parts))
    return needed_time_signatures(found, pickup), pickup


def _keys(found: list[Event], division: int) -> Iterator[Key]:
    for event in found:
        sharps = int.from_bytes(event.data[:1], "big", signed=True)
        if len(event.data) >= 2 and abs(sharps) <= 7:
            yield Key(quarters(rounded(event.tick, division)), sharps, "minor" if event.data[1] else "major")


def _marked_keys(marked: list[tuple[float, str]]) -> Iterator[Key]:
    for start, words in marked:
        if words.startswith("key "):
            try:
                yield parse_key(words[4:], start)
            except DataError:
                continue  # somebody else's words


def _pickup(words: str) -> float | None:
    if not words.startswith("pickup "):
        return None
    try:
        return quarters(ticks(max(float(Fraction(words[7:])), 0.0)))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None  # somebody else's words


def to_midi(score: Score, loudness: Callable[[int, Note], int] | None = None) -> bytes:
    """A file of format 1: a track with the title, tempo, time signatures, keys and markers, then one for each part.

    Args:
        loudness: the velocity of a note of the part of that number; 80 for all by default.

    Raises:
        DataError: a note, a time signature or a tempo that cannot be.
    """
    validate(score)
    about = sorted([*_about(score), *_markers(score)], key=_when)
    tracks = [
        _track(part, CHANNELS[number % len(CHANNELS)], partial(loudness, number) if loudness else _even)
        for number, part in enumerate(score.parts)
    ]
    return midi_events.build(TICKS_PER_QUARTER, [about, *tracks])


def _about(score: Score) -> Iterator[Event]:
    yield _words(0, score.title, TRACK_NAME)
    yield Event(0, META, _length(score.tempo).to_bytes(3, "big"), TEMPO)
    for one in score.time_signatures:
        power = one.beat_type.bit_length() - 1
        if one.beat_type == 1 << power and power <= FINEST and one.beats < 256:
            yield Event(ticks(one.start), META, bytes([one.beats, power, 24, 8]), TIME_SIGNATURE)
    for key in score.keys:
        minor = key.mode == "minor"
        yield Event(ticks(key.start), META, key.sharps.to_bytes(1, "big", signed=True) + bytes([minor]), KEY)


def _markers(score: Score) -> Iterator[Event]:
    if score.pickup or short_bars(score.time_signatures, score.end)[1]:
        yield _words(0, f"pickup {Fraction(ticks(score.pickup), TICKS_PER_QUARTER)}")
    for key in score.keys:
        if key.mode not in ("major", "minor"):
            yield _words(ticks(key.start), f"key {key}")
    for chord in score.chords:
        yield _words(ticks(chord.start), f"chord {chord.name}")
    for fermata in score.fermatas:
        yield _words(ticks(fermata), "fermata")


def _words(tick: int, words: str, kind: int = MARKER) -> Event:
    return Event(tick, META, words.encode("utf-8", errors="replace"), kind)


def _even(note: Note) -> int:
    return VELOCITY


def _track(part: Part, channel: int, loudness: Callable[[Note], int]) -> list[Event]:
    """Releases come before strikes of the same time, so that a repeated note is not ended by the one before it."""
    notes = []
    for note in part.notes:
        start, stop = ticks(note.start), ticks(note.end)
        notes.append((start, 1, note.pitch, loudness(note)))
        notes.append((max(stop, start + 1), 0, note.pitch, VELOCITY))
    opening = [_words(0, part.name, TRACK_NAME), Event(0, PROGRAM | channel, bytes([part.program]))]
    return opening + [
        Event(tick, (NOTE_ON if strikes else NOTE_OFF) | channel, bytes([pitch, velocity]))
        for tick, strikes, pitch, velocity in sorted(notes)
    ]
