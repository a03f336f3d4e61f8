"""Problems of the data, reported before training starts: which cut, why, and what to do.

Reading every file is slow, so `unreadable` remembers what it found by each file's size and time of change.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.decoding.greedy import needed_frames
from crnn_audio.errors import DataError

TOLERATED_FRACTION = 0.01
"""Fraction of a training split that may be left out; above it, training refuses."""


def cache_of(corpus: str) -> Path:
    """Where `unreadable` remembers what it found in a corpus."""
    return Path("data/.checked") / f"{corpus}.json"


@dataclass(frozen=True)
class Finding:
    """Something wrong with one cut, and what to do about it."""

    cut_id: str
    problem: str

    def __str__(self) -> str:
        return f"cut {self.cut_id!r}: {self.problem}"


class Adjusted:
    """Collects the cuts of files whose level or channels are changed when they are read, and how."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def __call__(self, cut: Cut, how: str) -> None:
        """One more."""
        self.found[cut.id] = how

    def lines(self) -> tuple[str, ...]:
        """A line that counts them and describes the first; none where there are none."""
        if not self.found:
            return ()
        cut_id, how = next(iter(self.found.items()))
        count = "1 recording is" if len(self.found) == 1 else f"{len(self.found)} recordings are"
        return (f"{count} adjusted when read, such as {cut_id!r}: {how}.",)


def unreadable(
    cuts: Sequence[Cut],
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_adjusted: Adjusted | None = None,
) -> list[Finding]:
    """Cuts whose audio is missing, damaged, silent throughout or shorter than in the manifest; decodes every file.

    Args:
        cache: a JSON file that remembers results between calls; made where it is missing.
        progress: called with how many of how many files are done.
        on_adjusted: called with each cut of a file whose level or channels are changed when it is read, and how.
    """
    known = remembered(cache)
    findings = []
    for index, cut in enumerate(cuts):
        path = cut.recording.path
        marks = stamp(cut.recording)
        entry = known.get(str(path))
        if not isinstance(entry, list) or marks is None or entry[:-2] != marks:
            adjusted = list[audio.Adjustment]()
            problem = _problem(cut, adjusted.append)
            entry = [*(marks or []), "; ".join(remark for one in adjusted for remark in one.remarks), problem]
            known[str(path)] = entry
        if entry[-1]:
            findings.append(Finding(cut.id, str(entry[-1])))
        elif entry[-2] and on_adjusted:
            on_adjusted(cut, str(entry[-2]))
        if progress:
            progress(index + 1, len(cuts))
    remember(cache, known)
    return findings


def _problem(cut: Cut, on_adjustment: audio.OnAdjustment) -> str | None:
    if files.endless(cut.recording.path):
        return f"{cut.recording.path}: {files.ENDLESS}."
    try:
        waveform, sample_rate = audio.read(cut.recording.path, on_adjustment=on_adjustment)
    except DataError as error:
        return str(error)
    expected, found = cut.recording.duration, len(waveform) / sample_rate
    if abs(found - expected) > 0.01:
        return f"{cut.recording.path} holds {found:.2f} s, but the manifest has {expected:.2f} s. Prepare it again."
    if not waveform.any():
        return f"{cut.recording.path} is digital silence from start to end. Record it again or drop the cut."
    return None


def stamp(recording: Recording) -> list[int] | None:
    """What a finding depends on: the state of the file, and its entry in the manifest."""
    try:
        status = recording.path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, recording.num_samples, recording.sample_rate]


def remembered(cache: Path | None) -> dict[str, Any]:
    """What a cache holds; nothing where it is missing or damaged."""
    try:
        return files.read_json_object(cache, ValueError) if cache else {}
    except ValueError:
        return {}


def remember(cache: Path | None, known: dict[str, Any]) -> None:
    """Writes a cache, if it can be written."""
    if cache is None:
        return
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(cache, json.dumps(known))
    except OSError:
        return  # a cache that cannot be written only costs the time to check again


def empty(cuts: Sequence[Cut]) -> list[Finding]:
    """Cuts without a transcript."""
    return [
        Finding(cut.id, "its transcript is empty. Write what is said in it, or drop the cut.")
        for cut in cuts
        if not cut.text.strip()
    ]


def infeasible(
    cuts: Sequence[Cut], targets: Sequence[Sequence[int]], num_frames: Sequence[int], subsampling_factor: int
) -> list[Finding]:
    """Cuts with too few frames for their tokens, so that no CTC path exists and their loss would be infinite.

    Args:
        num_frames: each cut's frames out of the model, at the fastest speed it may be played at.
    """
    return [
        Finding(
            cut.id,
            f"{len(tokens)} tokens with {needed - len(tokens)} repeats need at least {needed} frames after subsampling "
            f"by {subsampling_factor}, but it has {available}. Lower the subsampling factor or drop the cut (`prepare "
            "folder` does with --leave-out).",
        )
        for cut, tokens, available in zip(cuts, targets, num_frames, strict=True)
        if (needed := needed_frames(tokens)) > available
    ]


def unknown_symbols(cuts: Sequence[Cut], unknown: Callable[[str], set[str]]) -> list[Finding]:
    """Cuts whose transcripts hold symbols that the vocabulary lacks, which can never be recognised."""
    return [
        Finding(cut.id, f"its transcript has {', '.join(map(repr, sorted(symbols)))}, unknown to the vocabulary.")
        for cut in cuts
        if (symbols := unknown(cut.text))
    ]


def too_long(cuts: Sequence[Cut], slowest: float, budget: float) -> list[Finding]:
    """Cuts that do not fit in a batch by themselves, played at the slowest speed."""
    return [
        Finding(
            cut.id,
            f"{cut.duration / slowest:.1f} s at its slowest is more than data.batch_seconds ({budget:g}). Raise that, "
            "or cut it shorter.",
        )
        for cut in cuts
        if cut.duration / slowest > budget
    ]


def refuse_if_many(
    findings: Sequence[Finding], total: int, source: str, *, tolerated: float = TOLERATED_FRACTION
) -> None:
    """Stops where more than the tolerated fraction of a split is unusable.

    Raises:
        DataError: names the first of them.
    """
    unusable = len({finding.cut_id for finding in findings})
    if unusable <= tolerated * total:
        return
    shown = [f"  {finding}" for finding in findings[:10]] + (["  ..."] if len(findings) > 10 else [])
    raise DataError("\n".join([f"{source}: {unusable} of {total} cuts cannot be used", *shown]))
