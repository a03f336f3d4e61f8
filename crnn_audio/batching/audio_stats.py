"""Statistics of a cut's audio: loudness, clipping, gaps without any sound, and a digest to find copies.

Decoding a corpus takes long, so results are cached by each file's size and time of change, as `checks` does.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from crnn_audio import audio
from crnn_audio.batching import checks
from crnn_audio.batching.manifests import Cut
from crnn_audio.errors import DataError

FULL_SCALE = 0.999
"""From here on a sample is at full scale."""
LOUD = 0.1
"""Below this peak nothing counts as clipped: a few steps of a quantiser have flat tops by nature."""
FLAT = 3
"""Samples in a row at the peak that are a clipped top."""
SLICES = 16
"""Pieces of a cut whose loudness is its course."""
SILENCE_DB = -200.0
"""Decibels of digital silence."""


def cache_of(corpus: str) -> Path:
    """Where `measure_cuts` remembers a corpus."""
    return Path("data/.checked") / f"{corpus}-sound.json"


@dataclass(frozen=True)
class AudioStats:
    """One cut's figures.

    `peak` and `loudness` (RMS) are in decibels of full scale, `clipped` is a fraction of the samples, `gap` the seconds
    of the longest run of exact zeros, `digest` the same for the same samples, `course` the loudness of equal slices in
    decibels. `adjustments` say what reading does to its level and channels, after which all but `peak` are taken.
    """

    peak: float
    loudness: float
    clipped: float
    gap: float
    digest: str
    course: tuple[float, ...]
    adjustments: tuple[str, ...] = ()


def measure_cuts(
    cuts: Sequence[Cut], cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> dict[str, AudioStats]:
    """The figures of every cut that can be read, by its id.

    Args:
        cache: a JSON file that remembers results between calls; made where it is missing.
        progress: called with how many of how many cuts are done.
    """
    known, memory = checks.remembered(cache), checks.Memory(cache)
    stats = {}
    for index, cut in enumerate(cuts):
        name = f"{cut.recording.path} {cut.start} {cut.duration}"
        marks = checks.stamp(cut.recording)
        figures = _cached(known.get(name), marks) or _measured(cut)
        if figures:
            known[name] = [marks, astuple(figures)]
            stats[cut.id] = figures
        if progress:
            progress(index + 1, len(cuts))
        memory.grow(known)
    memory.keep(known)
    return stats


def _cached(entry: Any, marks: list[int] | None) -> AudioStats | None:
    try:
        then, (peak, loudness, clipped, gap, digest, course, adjustments) = entry
        if marks is None or then != marks:
            return None
        return AudioStats(peak, loudness, clipped, gap, digest, tuple(course), tuple(adjustments))
    except (TypeError, ValueError):
        return None


def _measured(cut: Cut) -> AudioStats | None:
    start, duration = (0.0, None) if cut.is_whole else (cut.start, cut.duration)
    adjusted = list[audio.Adjustment]()
    try:
        waveform, sample_rate = audio.read(
            cut.recording.path, start=start, duration=duration, on_adjustment=adjusted.append
        )
    except DataError:
        return None  # `checks.unreadable` reports why
    stats = measure(waveform, sample_rate)
    for one in adjusted:
        stats = replace(stats, peak=round(one.peak, 2), adjustments=one.remarks)
    return stats


def measure(waveform: np.ndarray, sample_rate: int) -> AudioStats:
    """The figures of one waveform, shape (S,)."""
    magnitude = np.abs(waveform)
    return AudioStats(
        peak=_decibels(float(magnitude.max())),
        loudness=_loudness(waveform),
        clipped=_clipped(magnitude),
        gap=_longest_run(waveform == 0) / sample_rate,
        digest=hashlib.blake2b(waveform.tobytes(), digest_size=12).hexdigest(),
        course=tuple(_loudness(piece) for piece in np.array_split(waveform, SLICES)),
    )


def _loudness(waveform: np.ndarray) -> float:
    power = float(np.square(waveform, dtype=np.float64).mean()) if waveform.size else 0.0
    return _decibels(power**0.5)


def _decibels(amplitude: float) -> float:
    return round(20 * float(np.log10(amplitude)), 2) if amplitude > 10 ** (SILENCE_DB / 20) else SILENCE_DB


def _clipped(magnitude: np.ndarray) -> float:
    """The fraction of samples in flat tops: at full scale, or exactly at a lower peak, as of a clip turned down."""
    peak = float(magnitude.max())
    if peak < LOUD:
        return 0.0
    top = magnitude >= min(FULL_SCALE, peak)
    lengths = _runs(top)
    return float(lengths[lengths >= FLAT].sum()) / len(magnitude)


def _longest_run(flags: np.ndarray) -> int:
    return int(_runs(flags).max(initial=0))


def _runs(flags: np.ndarray) -> np.ndarray:
    """The lengths of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return edges[1::2] - edges[::2]
