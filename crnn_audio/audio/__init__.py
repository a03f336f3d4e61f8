"""Sound from a file, standard input or memory as one mono waveform, whole or in blocks.

soundfile decodes, or PyAV where the extra `media` is installed, and soxr resamples. Whatever cannot be used is a
`DataError` of one line that names the source.
"""

from crnn_audio.audio.levels import Adjustment
from crnn_audio.audio.reading import AudioInfo, Blocks, blocks, estimated_seconds, inspect, read
from crnn_audio.audio.resampling import resample, resampler
from crnn_audio.audio.sound import Loss, OnAdjustment, OnLoss, Sound, opened
from crnn_audio.audio.source import Readable, Source, name_of, rereadable

READABLE = frozenset(
    ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph .voc".split()
)
"""Suffixes of recordings that soundfile reads."""

SUFFIXES = READABLE | frozenset(".m4a .mp4 .aac .wma .webm .mkv .mov .amr .3gp .ape .wv".split())
"""Suffixes of recordings, readable here or not; files with other suffixes are ignored."""

__all__ = [
    "READABLE",
    "SUFFIXES",
    "Adjustment",
    "AudioInfo",
    "Blocks",
    "Loss",
    "OnAdjustment",
    "OnLoss",
    "Readable",
    "Sound",
    "Source",
    "blocks",
    "estimated_seconds",
    "inspect",
    "name_of",
    "opened",
    "read",
    "rereadable",
    "resample",
    "resampler",
]
