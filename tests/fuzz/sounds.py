"""Recordings that are damaged, odd or none at all.

Encoders of Ogg draw random numbers and those of MP3 change, so these bytes lie in `sounds/`: `beep()` written by
soundfile as Vorbis, Opus and MP3, and in `long.ogg` three seconds of noise, which fill several pages.
"""

import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.fuzz.mutations import Draw, cut_short, damaged

RATE = 8000
SHORT, LONG = 3200, 24_000
"""Samples of the beep."""
FOLDER = Path(__file__).parent / "sounds"
KEPT = {suffix: (FOLDER / f"beep.{suffix}").read_bytes() for suffix in ("ogg", "opus", "mp3")}
WRITTEN = {
    "wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "aiff": ("AIFF", "PCM_16"), "au": ("AU", "PCM_16"),
    "w64": ("W64", "PCM_16"), "caf": ("CAF", "PCM_16"), "rf64": ("RF64", "PCM_24"),
}  # fmt: skip
PROMISING = ("wav", "flac", "aiff", "ogg")
"""Formats that say how long they are, or where they end, so that it shows when something is missing."""

NUMBERS = (
    0, 1, 2, 3, 4, 6, 7, 8, 15, 16, 17, 24, 32, 64, 80, 85, 255, 256, 1023, 1024, 1025, 7000, 8000, 11025, 16000,
    0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 192000, 1 << 20, 0x7FFF0000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
RATES = (1, 2, 50, 100, 1000, 4000, 7000, 7919, 44100, 192000, 768000, 10_000_000, 2**31 - 1)
CHANNELS = (2, 3, 8, 24, 256, 1024, 1025, 65535)
OTHERS = (
    b"", b"\0", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"%PDF-1.7\n", b"<html><body>404</body></html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", b"zero\n", b"\x89PNG\r\n\x1a\n" * 40,
    b"\0" * 50_000, b"\xff" * 50_000, b"\xff\xfb\x90\x00" * 3000, bytes(range(256)) * 100,
)  # fmt: skip


def beep(samples: int = SHORT) -> np.ndarray:
    """A rising tone, float32."""
    time = np.arange(samples) / RATE
    return (0.4 * np.sin(2 * np.pi * (200 + 700 * time) * time)).astype(np.float32)


def encoded(suffix: str, samples: int = SHORT) -> bytes:
    """The beep as a whole file."""
    if suffix in KEPT:
        return KEPT[suffix] if samples == SHORT else (FOLDER / f"long.{suffix}").read_bytes()
    held = io.BytesIO()
    form, subtype = WRITTEN[suffix]
    soundfile.write(held, beep(samples), RATE, format=form, subtype=subtype)
    return held.getvalue()


def mutated(rng: Draw) -> tuple[str, bytes]:
    """A suffix and the bytes of one recording."""
    make = rng.choice(MAKERS)
    suffix, content = make(rng)
    if rng.random() < 0.05:
        content = rng.choice(OTHERS)
    if rng.random() < 0.15:
        suffix = rng.choice(("wav", "flac", "ogg", "mp3", "raw", "aiff", "txt", "WAV", ""))
    return suffix, content


def truncated(rng: Draw) -> tuple[str, bytes]:
    """A recording of three seconds that was whole and lacks its end, two fifths at most."""
    suffix = rng.choice(PROMISING)
    content = encoded(suffix, LONG)
    return suffix, content[: rng.randrange(len(content) * 3 // 5, len(content) * 99 // 100)]


def any_damage(rng: Draw) -> tuple[str, bytes]:
    suffix = rng.choice((*WRITTEN, *KEPT, "wav", "flac", "ogg", "mp3"))
    return suffix, damaged(rng, encoded(suffix))


def joined(rng: Draw) -> tuple[str, bytes]:
    first, second = rng.choice((*WRITTEN, *KEPT)), rng.choice((*WRITTEN, *KEPT))
    return first, encoded(first) + rng.choice((encoded(second), cut_short(rng, encoded(second))))


def odd_wav(rng: Draw) -> tuple[str, bytes]:
    """A WAV of which one or two fields lie."""
    fields: dict[str, Any] = {}
    for name in rng.sample(("riff", "fmt", "coding", "channels", "rate", "byte_rate", "align", "bits", "data"), 2):
        if not fields or rng.random() < 0.4:
            fields[name] = rng.choice(NUMBERS)
    return "wav", wav(_pcm(beep()), **fields)


def odd_chunks(rng: Draw) -> tuple[str, bytes]:
    """A WAV whose chunks are doubled, missing, of strange names or in another order."""
    pcm = _pcm(beep())
    own = [chunk(b"fmt ", _format()), chunk(b"data", pcm)]
    others = [
        chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0"), chunk(b"JUNK", bytes(rng.choice((0, 1, 27, 4096)))),
        chunk(b"bext", bytes(602)), chunk(b"fact", struct.pack("<I", rng.choice(NUMBERS))), chunk(b"odd ", b"abc"),
        chunk(b"cue ", struct.pack("<I", rng.choice(NUMBERS))), chunk(b"\0\0\0\0", b""), chunk(b"data", b""),
        chunk(b"smpl", bytes(36)), chunk(b"PEAK", struct.pack("<II", 1, 0)), chunk(b"data", pcm[:1000]),
        chunk(b"fmt ", _format(rate=16000)), b"LIST" + struct.pack("<I", rng.choice(NUMBERS)), b"\0",
    ]  # fmt: skip
    chunks = own + rng.sample(others, rng.choice((1, 2, 3)))
    rng.shuffle(chunks)
    body = b"WAVE" + b"".join(chunks[: rng.choice((len(chunks), len(chunks), 2))])
    return "wav", b"RIFF" + struct.pack("<I", len(body)) + body


def odd_samples(rng: Draw) -> tuple[str, bytes]:
    """A WAV of floats, of which some are no numbers or beyond all bounds."""
    samples = beep().astype(rng.choice((np.float32, np.float64)))
    for _ in range(rng.choice((1, 3, 1000))):
        value = rng.choice((math.nan, math.inf, -math.inf, 1e30, -1e38, 1e-42, -0.0, 2.0, 1e300))
        with np.errstate(over="ignore"):
            samples[rng.randrange(len(samples))] = value
    if rng.random() < 0.2:
        samples[:] = rng.choice((math.nan, 0.0, 1e38, 1.0, -1.0, 1e-45))
    width = samples.itemsize
    return "wav", wav(samples.tobytes(), coding=3, bits=8 * width, align=width, byte_rate=RATE * width)


def odd_shape(rng: Draw) -> tuple[str, bytes]:
    """A sound WAV of a rate, a number of channels or a length that hardly anyone has."""
    channels = rng.choice((1, 1, *CHANNELS))
    length = min(rng.choice((0, 1, 2, 160, 399, 3200)), 400_000 // channels)
    samples = np.repeat(beep(length)[:, None], channels, axis=1)
    rate = rng.choice((RATE, *RATES))
    byte_rate, align = min(2 * channels * rate, 2**32 - 1), min(2 * channels, 65535)
    return "wav", wav(_pcm(samples), channels=channels, rate=rate, byte_rate=byte_rate, align=align)


def wav(content: bytes, riff: int | None = None, fmt: int = 16, data: int | None = None, **fields: int) -> bytes:
    """A WAV file with these fields, whether they are true or not."""
    size = len(content) if data is None else data
    body = b"WAVEfmt " + struct.pack("<I", fmt) + _format(**fields) + b"data" + struct.pack("<I", size) + content
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _format(
    coding: int = 1, channels: int = 1, rate: int = RATE, byte_rate: int = 2 * RATE, align: int = 2, bits: int = 16
) -> bytes:
    short = (1 << 16) - 1
    return struct.pack("<HHIIHH", coding & short, channels & short, rate, byte_rate, align & short, bits & short)


def _pcm(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


MAKERS = (any_damage, any_damage, any_damage, odd_wav, odd_wav, odd_chunks, odd_samples, odd_shape, joined)
