"""The bytes of a MIDI file (Standard MIDI File 1.0) as events, every length checked before it is believed.

Written here because the readers at hand either end the whole process on some damaged files or keep silent about what
they left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from crnn_audio.errors import DataError

META = 0xFF
END_OF_TRACK = 0x2F
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
"""How many bytes follow a channel's message, by the upper half of its status."""


class Event(NamedTuple):
    """What happens at a tick: `status` is that of the message with its channel, or META with its `kind`.

    A tuple, as a file has thousands.
    """

    tick: int
    status: int
    data: bytes
    kind: int = 0


@dataclass(frozen=True)
class Events:
    """A file's tracks, each with its end of track; `division` is how many ticks a quarter note has.

    The tracks of format 2 are `independent` pieces.
    """

    division: int
    tracks: tuple[tuple[Event, ...], ...]
    independent: bool = False


def parse(content: bytes) -> Events:
    """All events of a file of format 0, 1 or 2.

    Raises:
        DataError: it is no MIDI file, is cut short or damaged, or counts time in film frames instead of notes.
    """
    content = _unwrapped(content)
    if content[:4] != b"MThd" or len(content) < 14:
        raise DataError("not a MIDI file: it does not begin with a header of MIDI (MThd and ten more bytes).")
    size, declared, division = (
        int.from_bytes(content[start:stop], "big") for start, stop in ((4, 8), (10, 12), (12, 14))
    )
    if size < 6 or not 0 < division < 0x8000:
        found = "film frames" if division >= 0x8000 else f"a header of {size} bytes and {division} ticks a quarter note"
        raise DataError(f"its time is not counted in quarter notes ({found}). Save it anew from a music program.")
    tracks = [tuple(_events(chunk, number)) for number, chunk in enumerate(_chunks(content, 8 + size), start=1)]
    if len(tracks) < declared:
        raise DataError(f"cut short: it should have {declared} tracks, and {len(tracks)} are there. Fetch it anew.")
    return Events(division, tuple(tracks), independent=content[8:10] == b"\0\2" and len(tracks) > 1)


def _unwrapped(content: bytes) -> bytes:
    """Without the RIFF wrapper that some Windows programs put around a MIDI file."""
    if content[:4] != b"RIFF" or content[8:12] != b"RMID":
        return content
    place = 12
    while place + 8 <= len(content):
        kind, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if kind == b"data":
            return content[place + 8 :]  # its size is often wrong
        place += 8 + size + size % 2
    return content[max(content.find(b"MThd"), 0) :]


def _chunks(content: bytes, place: int) -> Iterator[bytes]:
    """The tracks; chunks of other kinds are skipped, as the standard asks, and so is what is too short for one."""
    while place + 8 <= len(content):
        kind, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "big")
        chunk = content[place + 8 : place + 8 + size]
        if kind == b"MTrk":
            if len(chunk) < size:
                raise DataError(
                    f"cut short: a track at byte {place} should have {size} bytes, and {len(chunk)} are there. "
                    "Fetch it anew."
                )
            yield chunk
        place += 8 + size


def _events(track: bytes, number: int) -> list[Event]:
    try:
        return list(_events_in(track))
    except IndexError:
        raise DataError(f"damaged: track {number} ends in the middle of an event. Fetch it anew.") from None
    except ValueError as error:
        raise DataError(f"damaged: track {number}, {error}. Fetch it anew.") from None


def _events_in(track: bytes) -> Iterator[Event]:
    place, tick, running = 0, 0, 0
    while place < len(track):
        delta, place = _variable(track, place)
        tick += delta
        status = track[place]
        if status >= 0x80:
            place += 1
        elif running:
            status = running  # a message may leave out a status that is the last one's
        else:
            raise ValueError(f"byte {place}: data where a message should begin")
        if status < 0xF0:
            running, kind, size = status, 0, _DATA_BYTES[status >> 4]
        else:
            kind = track[place] if status == META else 0
            size, place = _variable(track, place + (status == META))
        data = track[place : (place := place + size)]
        if len(data) < size:
            raise IndexError
        if status < 0xF0 and not data.isascii():
            raise ValueError(f"byte {place}: a value of {max(data)} where 127 is the highest")
        yield Event(tick, status, data, kind)
        if (status, kind) == (META, END_OF_TRACK):
            return


def _variable(track: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it."""
    number = 0
    for last in range(place, place + 4):
        number = number << 7 | track[last] & 0x7F
        if track[last] < 0x80:
            return number, last + 1
    raise ValueError(f"byte {place}: a number of more than four bytes")


def build(division: int, tracks: Iterable[Iterable[Event]]) -> bytes:
    """A file of format 1; each track's events in order."""
    chunks = [_track(events) for events in tracks]
    header = b"MThd" + b"".join(
        number.to_bytes(size, "big") for number, size in ((6, 4), (1, 2), (len(chunks), 2), (division, 2))
    )
    return header + b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)


def _track(events: Iterable[Event]) -> bytes:
    content, last = bytearray(), 0
    for event in events:
        content += _as_variable(event.tick - last) + bytes([event.status])
        if event.status == META:
            content += bytes([event.kind]) + _as_variable(len(event.data))
        content += event.data
        last = event.tick
    return bytes(content) + bytes([0, META, END_OF_TRACK, 0])


def _as_variable(number: int) -> bytes:
    """The reverse of `_variable`.

    Raises:
        DataError: it needs more than four bytes.
    """
    if number >= 1 << 28:
        raise DataError(f"a silence or a text of {number} is more than a MIDI file can hold (2^28 ticks or bytes).")
    content = [number & 0x7F]
    while number := number >> 7:
        content.insert(0, number & 0x7F | 0x80)
    return bytes(content)
