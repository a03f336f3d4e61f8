"""Sound from a file, standard input or memory as one mono waveform, whole or in blocks.

soundfile decodes and soxr resamples. Whatever cannot be used is a `DataError` of one line that names the source.
"""

from crnn_audio.audio.reading import AudioInfo, Blocks, blocks, inspect, read
from crnn_audio.audio.resampling import resample, resampler
from crnn_audio.audio.sound import Loss, OnLoss, Sound, opened
from crnn_audio.audio.source import Readable, Source, name_of

__all__ = [
    "AudioInfo",
    "Blocks",
    "Loss",
    "OnLoss",
    "Readable",
    "Sound",
    "Source",
    "blocks",
    "inspect",
    "name_of",
    "opened",
    "read",
    "resample",
    "resampler",
]
