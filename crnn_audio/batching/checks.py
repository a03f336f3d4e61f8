"""Problems of the data, reported before training starts: which cut, why, and what to do.

Reading every file is slow, so `unreadable` reads them in several processes, and remembers what it found by each file's
size and time of change; what it found before an interruption too.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.decoding.greedy import needed_frames
from crnn_audio.errors import DataError

TOLERATED_FRACTION = 0.01
"""Fraction of a training split that may be left out; above it, training refuses."""


MANY = 64
"""Files for each process that reads them; fewer are read at once."""
SECONDS = 5.0
"""Between two times that a growing cache is kept."""


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
    known, memory = remembered(cache), Memory(cache)
    pending = _pending(cuts, known)
    examined = _examined(list(pending.values()))
    findings = []
    try:
        for index, cut in enumerate(cuts):
            path = str(cut.recording.path)
            if path in pending:
                del pending[path]
                known[path] = [*(stamp(cut.recording) or []), *next(examined)]
            remark, problem = known[path][-2:]
            if problem:
                findings.append(Finding(cut.id, str(problem)))
            elif remark and on_adjusted:
                on_adjusted(cut, str(remark))
            if progress:
                progress(index + 1, len(cuts))
            memory.grow(known)
    finally:
        examined.close()
        memory.keep(known)
    return findings


def _pending(cuts: Sequence[Cut], known: Mapping[str, Any]) -> dict[str, Cut]:
    """The first cut of each file of which nothing is known, or that has changed since, by the file's path."""
    found: dict[str, Cut] = {}
    for cut in cuts:
        path, marks = str(cut.recording.path), stamp(cut.recording)
        entry = known.get(path)
        if not isinstance(entry, list) or marks is None or entry[:-2] != marks:
            found.setdefault(path, cut)
    return found


def _examined(cuts: Sequence[Cut]) -> Generator[tuple[str, str | None], None, None]:
    """What is done to each file's level and channels when it is read, and what is wrong with it; in their order.

    Many files are read by as many processes as there are cores, where processes can be forked.

    Raises:
        DataError: one of them was killed.
    """
    processes = min(len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1, len(cuts) // MANY)
    if processes < 2:
        yield from map(_examine, cuts)
        return
    pool = ProcessPoolExecutor(processes, get_context("fork"), initializer=_deaf)
    try:
        yield from pool.map(_examine, cuts, chunksize=16)
    except BrokenProcessPool:
        raise DataError("a process that read recordings was killed, perhaps for lack of memory. Repeat it.") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _deaf() -> None:
    """Ctrl-C stops the main process, which stops the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _examine(cut: Cut) -> tuple[str, str | None]:
    adjusted = list[audio.Adjustment]()
    problem = _problem(cut, adjusted.append)
    return "; ".join(remark for one in adjusted for remark in one.remarks), problem


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


class Memory:
    """Keeps a cache while it grows, so that an interruption loses little; as rarely as its writing is slow."""

    def __init__(self, cache: Path | None) -> None:
        self.cache = cache
        self.due = time.monotonic() + SECONDS

    def grow(self, known: dict[str, Any]) -> None:
        """Keeps it, if that is due."""
        if time.monotonic() >= self.due:
            self.keep(known)

    def keep(self, known: dict[str, Any]) -> None:
        """Keeps it now."""
        began = time.monotonic()
        remember(self.cache, known)
        now = time.monotonic()
        self.due = now + max(SECONDS, 20 * (now - began))


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
    """Cuts without a transcript, of which it is not known either what they mean."""
    return [
        Finding(cut.id, "its transcript is empty. Write what is said in it, or drop the cut.")
        for cut in cuts
        if not cut.text.strip() and cut.label is None
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
