"""The one loader: reads the cuts of planned batches, ahead of their use, in worker processes.

What a batch holds is a function of the plan alone: every random number is keyed by seed, epoch and cut id, so the
number of workers changes nothing but speed.
"""

import ctypes
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, PlannedCut, key, part
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
    which goes on at the batch that is missing; those that were read ahead are then read one by one.

    Raises:
        DataError: a file of the batch cannot be read; with the cut and the reason. Or two workers died of one batch.
    """
    plan, done, doubtful = list(planned), 0, 0
    while done < len(plan):
        try:
            for item in _loader(cuts, plan[done : done + 1 if done < doubtful else None], workers, pin_memory):
                done += 1
                if isinstance(item, CrnnAudioError):
                    raise item
                yield item
        except RuntimeError as error:
            if not is_death(error):
                raise
            if done < doubtful:
                raise DataError(_fatal([cuts.cuts[entry.index].id for entry in plan[done][1]], error)) from None
            doubtful = done + workers * AHEAD


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
) -> DataLoader[SpeechBatch | CrnnAudioError]:
    return DataLoader(
        cuts,
        sampler=planned,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_end_with_its_parent,
        prefetch_factor=AHEAD if workers else None,
        generator=torch.Generator(),
        pin_memory=pin_memory,
    )


def _end_with_its_parent(worker: int) -> None:
    """Otherwise one whose parent was killed lives on for seconds, and holds its parent's connections open."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


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
