"""SoundFont 2 and 3 files: recordings of instruments, and a tone of any pitch and length made of them.

After the SoundFont Technical Specification 2.04 (E-mu, 2006); version 3, of MuseScore, is the same with Ogg Vorbis for
samples. Of a zone are used: ranges of key and velocity, tuning,
loop, attenuation, the envelope of the volume, and the low-pass filter with its envelope. Not used are panning, since a
tone is mono, low-frequency oscillators, modulators and the release, which belongs to who plays.

symusic 0.5.9 brings a synthesiser too, but it does not read a zone's root key (its issue 55): with the soundfont of
pretty_midi most of its instruments are out of tune, the piano by 20 to 27 semitones.
"""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from crnn_audio.errors import DataError

# Generators: what a zone says about its sample, by the specification's numbers.
START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = (
    0,
    1,
    2,
    3,
    4,
    12,
    45,
    50,
)
CUTOFF, RESONANCE, FILTER_BY_ENVELOPE = 8, 9, 11
INSTRUMENT, KEYS, VELOCITIES, ATTENUATION, COARSE_TUNE, FINE_TUNE, SAMPLE, LOOPS, SCALE, ROOT = (
    41, 43, 44, 48, 51, 52, 53, 54, 56, 58
)  # fmt: skip
FILTER_ENVELOPE, VOLUME_ENVELOPE = 25, 33  # then attack, hold, decay and sustain
DEFAULTS = {CUTOFF: 13500, SCALE: 100, ROOT: -1} | {first + step: -12000 for first in (25, 33) for step in range(4)}
NOT_ADDED = {KEYS, VELOCITIES, INSTRUMENT, SAMPLE, LOOPS, ROOT}

HEADERS = {
    "phdr": [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "V12")],
    "inst": [("name", "S20"), ("bag", "<u2")],
    "pbag": [("first", "<u2"), ("mod", "<u2")],
    "pgen": [("kind", "<u2"), ("amount", "<i2")],
    "shdr": [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
             ("rate", "<u4"), ("key", "u1"), ("cents", "i1"), ("link", "<u2"), ("type", "<u2")],
}  # fmt: skip
LIKE = {"ibag": "pbag", "igen": "pgen"}
COMPRESSED = 0x10
"""The bit of a sample's type for Ogg Vorbis: its points are bytes of the file then, and its loop counts from 0."""
BLOCK = 256
"""Samples for which the filter stays as it is."""

Zone = Mapping[int, int]
Waveform = Float32[np.ndarray, " S"]


@dataclass(frozen=True)
class SoundFont:
    """A soundfont: its tables by name, and all its samples in one row, as the bytes of the file.

    `decoded` keeps the samples of version 3 that have been played, by their number.
    """

    tables: Mapping[str, Any]
    samples: Any
    path: Path = Path()
    decoded: dict[int, Any] = field(default_factory=dict)

    def presets(self, bank: int = 0) -> list[int]:
        """The programs of a bank; those of bank 128 are drum kits."""
        headers = self.tables["phdr"][:-1]
        return sorted(headers["program"][headers["bank"] == bank].tolist())

    @property
    def damage(self) -> str:
        """What an error says of a soundfont whose tables contradict each other."""
        return f"{self.path}: a damaged soundfont. Fetch it again."


def read(path: Path) -> SoundFont:
    """A soundfont whose samples stay in the file until they are needed.

    Raises:
        DataError: it is none, or damaged.
        OSError: it cannot be read.
    """
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
        chunks = dict(_chunks(content, 12, len(content)))
        tables = {name: _table(chunks[name], name) for name in (*HEADERS, *LIKE)}
        if len(tables["phdr"]) < 2:
            raise ValueError("no instruments in it")
        return SoundFont(tables, chunks["smpl"], path)
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(f"{path}: not a soundfont that can be read ({error}). Fetch or install it again.") from None


def _chunks(content: Any, start: int, end: int) -> Iterator[tuple[str, Any]]:
    """The chunks of a RIFF file by name, those of its lists too."""
    while start + 8 <= end:
        name = bytes(content[start : start + 4]).decode("latin-1")
        length = int(content[start + 4 : start + 8].view("<u4")[0])
        if name == "LIST":
            yield from _chunks(content, start + 12, start + 8 + length)
        else:
            yield name, content[start + 8 : start + 8 + length]
        end_of_chunk = start + 8 + length
        padded = length % 2 and bytes(content[end_of_chunk : end_of_chunk + 4]) != b"LIST"  # MuseScore leaves it out
        start = end_of_chunk + padded


def _table(chunk: Any, name: str) -> Any:
    return np.frombuffer(chunk.tobytes(), dtype=np.dtype(HEADERS[LIKE.get(name, name)]))


def tone(
    font: SoundFont,
    program: int,
    pitch: int,
    seconds: float,
    sample_rate: int,
    velocity: int = 100,
    bank: int = 0,
) -> Waveform:
    """An instrument's tone, held until its end; silence where it has none of that pitch.

    Args:
        program: a General MIDI instrument, or of bank 128 a drum kit, 0 to 127.
        pitch: MIDI's, 0 to 127.

    Raises:
        DataError: the soundfont is damaged.
    """
    sound = np.zeros(max(math.ceil(seconds * sample_rate), 1), dtype=np.float64)
    try:
        for zone in zones(font, program, pitch, velocity, bank):
            sound += _play(font, zone, pitch, len(sound), sample_rate)
    except (IndexError, ValueError, OverflowError, RuntimeError):  # soundfile's errors are RuntimeErrors
        raise DataError(font.damage) from None
    return sound.astype(np.float32)


def zones(font: SoundFont, program: int, pitch: int, velocity: int, bank: int = 0) -> list[Zone]:
    """What is played together for such a note, everything that a zone says filled in."""
    found: list[Zone] = []
    presets = font.tables["phdr"][:-1]
    for index in np.flatnonzero((presets["program"] == program) & (presets["bank"] == bank))[:1].tolist():
        for preset in _matching(font, "p", index, INSTRUMENT, pitch, velocity):
            added = {kind: amount for kind, amount in preset.items() if kind not in NOT_ADDED}
            for zone in _matching(font, "i", preset[INSTRUMENT], SAMPLE, pitch, velocity):
                whole = {**DEFAULTS, **zone}
                found.append(whole | {kind: whole.get(kind, 0) + amount for kind, amount in added.items()})
    return found


def _matching(font: SoundFont, level: str, index: int, leads_to: int, pitch: int, velocity: int) -> Iterator[Zone]:
    """The zones of a preset ("p") or an instrument ("i") for a note; a first one that leads nowhere is for all."""
    owners, bags, generators = (
        font.tables[name] for name in ("phdr" if level == "p" else "inst", f"{level}bag", f"{level}gen")
    )
    first, last = int(owners[index]["bag"]), int(owners[index + 1]["bag"])
    common: Zone = {}
    for bag in range(first, last):
        rows = generators[bags[bag]["first"] : bags[bag + 1]["first"]]
        zone = dict(zip(rows["kind"].tolist(), rows["amount"].tolist(), strict=True))
        if leads_to not in zone:
            common = zone if bag == first else common
            continue
        zone = {**common, **zone}
        if _within(zone, KEYS, pitch) and _within(zone, VELOCITIES, velocity):
            yield zone


def _within(zone: Zone, kind: int, value: int) -> bool:
    span = zone.get(kind, 0x7F00) & 0xFFFF
    return span & 0xFF <= value <= span >> 8


def _play(font: SoundFont, zone: Zone, pitch: int, length: int, sample_rate: int) -> Float64[np.ndarray, " S"]:
    sample = font.tables["shdr"][zone[SAMPLE]]
    root = zone[ROOT] if zone[ROOT] >= 0 else int(sample["key"])
    cents = (
        (pitch - root) * zone[SCALE] + 100 * zone.get(COARSE_TUNE, 0) + zone.get(FINE_TUNE, 0) + int(sample["cents"])
    )
    places = np.arange(length) * (2 ** (cents / 1200) * int(sample["rate"]) / sample_rate)
    sound = _recorded(font, zone, sample, places)
    level: float = 10 ** (-0.4 * max(zone.get(ATTENUATION, 0), 0) / 200)  # as the EMU8000 and FluidSynth weigh it
    return np.asarray(_filtered(sound, zone, sample_rate) * _volume(zone, length, sample_rate) * level)


def _recorded(font: SoundFont, zone: Zone, sample: Any, places: Float64[np.ndarray, " S"]) -> Float64[np.ndarray, " S"]:
    """The sample between its points, in its loop for as long as it takes."""
    samples, origin, stop = _samples(font, zone[SAMPLE], sample)

    def place(name: str, fine: int, coarse: int) -> int:
        point = {"start": origin, "end": stop}.get(name, int(sample[name]))
        return point + zone.get(fine, 0) + 32768 * zone.get(coarse, 0)

    start, end = place("start", START, START_COARSE), place("end", END, END_COARSE)
    loop, until = place("loop_start", LOOP_START, LOOP_START_COARSE), place("loop_end", LOOP_END, LOOP_END_COARSE)
    places = places + start
    if zone.get(LOOPS, 0) & 1 and loop < until:
        places = np.where(places < until, places, loop + (places - loop) % (until - loop))
    sounding = places < end - 1
    whole = np.where(sounding, places, start).astype(np.int64)
    first = int(whole.min())
    points = np.asarray(samples[first : int(whole.max()) + 2], dtype=np.float64) / 32768
    here, after = points[whole - first], points[whole - first + 1]
    return np.asarray(np.where(sounding, here + (after - here) * (places - np.floor(places)), 0.0))


def _samples(font: SoundFont, number: int, sample: Any) -> tuple[Any, int, int]:
    """The row of samples that a sample lies in, and where it begins and ends there."""
    start, end = int(sample["start"]), int(sample["end"])
    if not sample["type"] & COMPRESSED:
        return font.samples[: len(font.samples) // 2 * 2].view("<i2"), start, end
    if number not in font.decoded:
        import soundfile

        font.decoded[number] = soundfile.read(io.BytesIO(font.samples[start:end].tobytes()), dtype="int16")[0]
    return font.decoded[number], 0, len(font.decoded[number])


def _volume(zone: Zone, length: int, sample_rate: int) -> Float64[np.ndarray, " S"]:
    """It rises in a straight line, holds, and falls by so many decibels a second to where it stays."""
    rise, fall = _stages(zone, VOLUME_ENVELOPE, np.arange(length) / sample_rate)
    decibels = np.minimum(100 * fall, zone.get(VOLUME_ENVELOPE + 4, 0) / 10)
    return np.asarray(rise * 10 ** (-decibels / 20))


def _stages(zone: Zone, first: int, seconds: Any) -> tuple[Any, Any]:
    """Of an envelope, how far it has risen, and how far it would have fallen, both from 0 to 1."""
    delay, attack, hold, decay = (2 ** (zone.get(first + step, -12000) / 1200) for step in range(4))
    rise = np.clip((seconds - delay) / attack, 0, 1)
    return rise, np.clip((seconds - delay - attack - hold) / decay, 0, 1)


def _filtered(sound: Any, zone: Zone, sample_rate: int) -> Float64[np.ndarray, " S"]:
    """Through a low-pass of two poles (Bristow-Johnson's Audio EQ Cookbook), whose cutoff follows its envelope."""
    from scipy.signal import lfilter  # type: ignore[import-untyped]

    if zone[CUTOFF] >= DEFAULTS[CUTOFF]:
        return np.asarray(sound)
    rise, fall = _stages(zone, FILTER_ENVELOPE, np.arange(0, len(sound), BLOCK) / sample_rate)
    envelope = rise * (1 - np.minimum(fall, zone.get(FILTER_ENVELOPE + 4, 0) / 1000))
    hertz = 8.176 * 2 ** ((zone[CUTOFF] + zone.get(FILTER_BY_ENVELOPE, 0) * envelope) / 1200)
    angle = 2 * np.pi * np.minimum(hertz, 0.45 * sample_rate) / sample_rate
    alpha = np.sin(angle) / (2 * 10 ** ((max(zone.get(RESONANCE, 0), 0) / 10 - 3.01) / 20))
    gain, state = 1 - np.cos(angle), np.zeros(2)
    blocks = []
    for index, start in enumerate(range(0, len(sound), BLOCK)):
        above = np.array([gain[index] / 2, gain[index], gain[index] / 2])
        below = np.array([1 + alpha[index], -2 * np.cos(angle[index]), 1 - alpha[index]])
        block, state = lfilter(above, below, sound[start : start + BLOCK], zi=state)
        blocks.append(block)
    return np.concatenate(blocks)
