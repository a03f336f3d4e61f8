"""The one loader: reads the cuts of planned batches, ahead of their use, in worker processes.

What a batch holds is a function of the plan alone: every random number is keyed by seed, epoch and cut id, so the
number of workers changes nothing but speed. Batches come through pipes: PyTorch's way through shared memory waits for
ever where a container has too little of it, or a limit of file sizes or open files is met.
"""

import ctypes
import io
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import queues
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, PlannedCut, key, part
from crnn_audio.console import report
from crnn_audio.errors import CrnnAudioError, DataError, RunError
from crnn_audio.features.augment import perturbed_length, speed_perturb
from crnn_audio.features.distort import Distortion
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch

AHEAD = 4
"""Batches that each worker reads ahead."""


class Cuts(Dataset[SpeechBatch | CrnnAudioError]):
    """A manifest's cuts and their token ids; indexed by (epoch, planned batch).

    Args:
        distortion: what is done to each waveform, after the change of its speed.
    """

    def __init__(
        self,
        cuts: Sequence[Cut],
        targets: Sequence[Sequence[int]],
        *,
        sample_rate: int,
        seed: int,
        distortion: Distortion | None = None,
    ) -> None:
        self.cuts = cuts
        self.targets = targets
        self.sample_rate = sample_rate
        self.seed = seed
        self.distortion = distortion

    def __getitem__(self, item: tuple[int, Batch]) -> SpeechBatch | CrnnAudioError:
        """The batch, or the error that a person should see: handed over whole, which a raised one would not be."""
        epoch, planned = item
        try:
            return self._read(epoch, planned)
        except CrnnAudioError as error:
            return error

    def _read(self, epoch: int, planned: Batch) -> SpeechBatch:
        waveforms = [self._waveform(epoch, entry) for entry in planned]
        cut_ids = tuple(self.cuts[entry.index].id for entry in planned)
        return SpeechBatch(
            audio=pad_waveforms(waveforms, self.sample_rate),
            targets=pad_tokens([self.targets[entry.index] for entry in planned]),
            cut_ids=cut_ids,
            keys=tuple(key(self.seed, epoch, cut_id) for cut_id in cut_ids),
            epoch=epoch,
        )

    def _waveform(self, epoch: int, entry: PlannedCut) -> np.ndarray:
        cut = self.cuts[entry.index]
        start, duration = (0.0, None) if cut.is_whole else (cut.start, cut.duration)
        try:
            waveform, _ = audio.read(cut.recording.path, self.sample_rate, start=start, duration=duration)
        except DataError as error:
            raise DataError(f"cut {cut.id!r}: {error}") from None
        waveform = speed_perturb(waveform, entry.speed)
        if self.distortion is None:
            return waveform
        return self.distortion(waveform, np.random.default_rng(key(self.seed, epoch, cut.id, "distortion")))

    def num_samples(self, index: int, speed: float) -> int:
        """Samples that a cut will have when it is played at that speed; its file is not read."""
        cut, rate = self.cuts[index], self.cuts[index].recording.sample_rate
        native = round((cut.start + cut.duration) * rate) - round(cut.start * rate)
        resampled = max((2 * native * self.sample_rate + rate) // (2 * rate), 1)  # as audio.resample rounds
        return perturbed_length(resampled, speed)


def batches(
    cuts: Cuts, planned: Iterable[tuple[int, Batch]], *, workers: int = 0, pin_memory: bool = False
) -> Iterator[SpeechBatch]:
    """The batches of a plan in its order.

    A worker that dies (for want of memory, or in a library: one was seen to in some thousand forks) has a successor,
    which goes on at the batch that is missing; those that were read ahead are then read one by one. Where no worker can
    be started, this process reads, and says so.

    Raises:
        DataError: a file of the batch cannot be read; with the cut and the reason. Or two workers died of one batch.
    """
    plan, done, doubtful = list(planned), 0, 0
    while done < len(plan):
        try:
            for item in _loader(cuts, plan[done : done + 1 if done < doubtful else None], workers, pin_memory):
                done += 1
                loaded = item.unpacked() if isinstance(item, Packed) else item
                if isinstance(loaded, CrnnAudioError):
                    raise loaded
                yield loaded
        except OSError as error:
            if not workers:
                raise
            report(NO_WORKERS.format(workers=workers, reason=error.strerror or error))
            workers = 0
            _forget(error)
        except RuntimeError as error:
            if not is_death(error):
                raise
            if done < doubtful:
                raise DataError(_fatal([cuts.cuts[entry.index].id for entry in plan[done][1]], error)) from None
            doubtful = done + workers * AHEAD


NO_WORKERS = (
    "data.workers={workers}: processes that read ahead cannot be started ({reason}). This one reads by itself, which "
    "is slower. In a container, give more shared memory (docker run --shm-size=1g); or set data.workers=0."
)


def _forget(error: OSError) -> None:
    """Lets go of the half-made iterator of a loader, which would print that it cannot end itself."""
    usual, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    error.__traceback__ = None
    sys.unraisablehook = usual


class Packed:
    """A batch or an error on its way from a worker: bytes, which need no shared memory and no open files."""

    def __init__(self, item: SpeechBatch | CrnnAudioError) -> None:
        held = io.BytesIO()
        _Pickler(held, protocol=5).dump(item)
        self.content = held.getvalue()

    def unpacked(self) -> SpeechBatch | CrnnAudioError:
        """What was packed."""
        return pickle.loads(self.content)  # type: ignore[no-any-return]

    def pin_memory(self) -> SpeechBatch | CrnnAudioError:
        """Unpacked into memory that a GPU copies from by itself; a thread of the loader calls this."""
        item = self.unpacked()
        return item.pin_memory() if isinstance(item, SpeechBatch) else item


class _Pickler(pickle.Pickler):
    """Takes tensors as arrays, which is quicker than PyTorch's way."""

    def reducer_override(self, item: object) -> Any:
        return (torch.from_numpy, (item.numpy(),)) if isinstance(item, Tensor) else NotImplemented


@dataclass(frozen=True)
class _PackedCuts(Dataset[Packed]):
    """The cuts as workers hand them over."""

    cuts: Cuts

    def __getitem__(self, item: tuple[int, Batch]) -> Packed:
        return Packed(self.cuts[item])


def is_death(error: RuntimeError) -> bool:
    """Whether it is PyTorch's word that a worker died; it may come at any time from when it did."""
    return str(error).startswith("DataLoader worker")


def _fatal(cut_ids: Sequence[str], error: RuntimeError) -> str:
    return (
        f"Two processes died that read these cuts: {', '.join(map(repr, cut_ids))} ({_reason(error)}). Leave out the "
        "one that is damaged (data.workers=0 stops at it), or see that there is memory for data.batch_seconds."
    )


def _reason(error: RuntimeError) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")


@contextmanager
def report_worker_deaths() -> Iterator[None]:
    """Reports in a line that a worker died while the batch before was in use.

    Raises:
        RunError: one did.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_death(error):
            raise
        advice = "The same call goes on from the last checkpoint. If it comes again, take fewer data.workers"
        raise RunError(f"A process that reads ahead died ({_reason(error)}). {advice}.") from error


def _loader(
    cuts: Cuts, planned: list[tuple[int, Batch]], workers: int, pin_memory: bool
) -> DataLoader[SpeechBatch | CrnnAudioError | Packed]:
    return DataLoader(
        _PackedCuts(cuts) if workers else cuts,
        sampler=planned,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_begin_worker,
        prefetch_factor=AHEAD if workers else None,
        generator=torch.Generator(),
        pin_memory=pin_memory,
    )


def _begin_worker(worker: int) -> None:
    """Lets a worker end where it would live on for seconds and hold its dead parent's connections, or be waited for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    # or what cannot be handed over would be left out without a word, and waited for
    queues.Queue._on_queue_feeder_error = staticmethod(_exit)  # type: ignore[attr-defined]


def _exit(error: Exception, item: object) -> None:
    os._exit(1)


@dataclass(frozen=True)
class SpeechFeed:
    """A training split as the loop reads it: the parts of each global batch, from any step of any epoch on.

    Args:
        plan: the global batches of an epoch.
        accumulate: parts that each batch is split into.
        count: how many there are, where that is quicker to count than to plan.
        workers: processes that read ahead.
        rank: of the `ranks` that share each batch, whose parts these are.
    """

    cuts: Cuts
    plan: Callable[[int], list[Batch]]
    accumulate: int = 1
    workers: int = 0
    pin_memory: bool = False
    rank: int = 0
    ranks: int = 1
    count: Callable[[int], int] | None = None

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        return self.count(epoch) if self.count else len(self.plan(epoch))

    def steps(self, epoch: int, start: int) -> Iterator[list[SpeechBatch]]:
        """This rank's parts of each global batch, from step `start` on; none where others have all of its cuts."""
        count = self.accumulate * self.ranks
        mine = range(self.rank, count, self.ranks)
        parts = [
            [piece for index in mine if (piece := part(batch, index, count))] for batch in self.plan(epoch)[start:]
        ]
        planned = [(epoch, piece) for pieces in parts for piece in pieces]
        loaded = batches(self.cuts, planned, workers=self.workers, pin_memory=self.pin_memory)
        for pieces in parts:
            yield [next(loaded) for _ in pieces]


def pad_waveforms(waveforms: Sequence[np.ndarray], sample_rate: int) -> AudioBatch:
    """Waveforms of any lengths as one batch."""
    return AudioBatch(_pad([torch.from_numpy(wave) for wave in waveforms]), _lengths(waveforms), sample_rate)


def pad_tokens(targets: Sequence[Sequence[int]]) -> TokenBatch:
    """Token ids of any lengths as one batch."""
    return TokenBatch(_pad([torch.tensor(ids, dtype=torch.long) for ids in targets]), _lengths(targets))


def _pad(items: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(items, batch_first=True)


def _lengths(items: Sequence[np.ndarray] | Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor([len(item) for item in items])
