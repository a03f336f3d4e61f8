"""Soundfonts that tests write: presets of recorded waves, in the layout of SoundFont 2 and 3."""

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from crnn_audio.symbolic import soundfont

RATE = 44100
KEYS, VELOCITIES, SAMPLE, LOOPS, ROOT, INSTRUMENT = 43, 44, 53, 54, 58, 41
PERIOD = 100
"""Samples of a wave of the recordings, which is 441 Hz, the pitch of key 69 to a twenty-fifth of a semitone."""


def sine(num_periods: int) -> np.ndarray:
    return np.rint(20000 * np.sin(2 * np.pi * np.arange(num_periods * PERIOD) / PERIOD)).astype("<i2")


def chunk(name: str, content: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def bags(zones: list[list[tuple[int, int]]]) -> tuple[bytes, bytes]:
    """Zones as bags and generators, with the last of each that ends the table."""
    starts = np.cumsum([0, *map(len, zones)])
    bag = b"".join(struct.pack("<HH", start, 0) for start in starts)
    rows = [struct.pack("<Hh", kind, amount) for zone in zones for kind, amount in zone]
    return bag, b"".join(rows) + struct.pack("<Hh", 0, 0)


def write(
    path: Path,
    zones: list,
    *,
    preset: list | None = None,
    recording: np.ndarray | None = None,
    key: int = 69,
    cents: int = 0,
    program: int = 5,
    bank: int = 0,
    compressed: bool = False,
) -> soundfont.SoundFont:
    """A soundfont of one preset of one instrument, whose zones play one recording that loops from 10 waves on.

    Args:
        compressed: as Ogg Vorbis, as version 3 has it.
    """
    samples = sine(40) if recording is None else recording
    pbag, pgen = bags(preset or [[(INSTRUMENT, 0)]])
    ibag, igen = bags(zones)
    headers = [(b"one", program, bank, 0), (b"EOP", 0, 0, len(pbag) // 4 - 1)]
    phdr = b"".join(struct.pack("<20sHHHIII", *header, 0, 0, 0) for header in headers)
    inst = struct.pack("<20sH20sH", b"one", 0, b"EOI", len(zones))
    place = (0, len(samples), 10 * PERIOD, len(samples) - PERIOD)
    content, kind = samples.tobytes() + bytes(92), 1
    if compressed:
        packed = io.BytesIO()
        soundfile.write(packed, samples, RATE, format="OGG", subtype="VORBIS")
        content, kind = packed.getvalue(), 0x11
        place = (0, len(content), *place[2:])
    shdr = struct.pack("<20sIIIIIBbHH", b"one", *place, RATE, key, cents, 0, kind) + bytes(46)
    tables = {"phdr": phdr, "pbag": pbag, "pgen": pgen, "inst": inst, "ibag": ibag, "igen": igen, "shdr": shdr}
    pdta = b"pdta" + b"".join(chunk(name, content) for name, content in tables.items())
    sdta = b"sdta" + chunk("smpl", content)
    info = b"INFO" + chunk("INAM", b"odd")
    body = b"sfbk" + b"".join(chunk("LIST", part) for part in (info, sdta, pdta))
    path.write_bytes(chunk("RIFF", body))
    return soundfont.read(path)
