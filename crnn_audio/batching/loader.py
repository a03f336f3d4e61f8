"""The one loader: reads the cuts of planned batches, ahead of their use, in worker processes.

What a batch holds is a function of the plan alone: every random draw is keyed by seed, epoch and cut id, so the number
of workers changes nothing but speed.
"""

import ctypes
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, PlannedCut, key, part
from crnn_audio.errors import CrnnAudioError, DataError
from crnn_audio.features.augment import perturbed_length, speed_perturb
from crnn_audio.features.distort import Distortion
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch


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

    Raises:
        DataError: a file of the batch cannot be read; with the cut and the reason.
    """
    loader = DataLoader(
        cuts,
        sampler=list(planned),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_end_with_its_parent,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),
        pin_memory=pin_memory,
    )
    for item in loader:
        if isinstance(item, CrnnAudioError):
            raise item
        yield item


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
        count: how many there are, where that is quicker told than planned.
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
            [share for index in mine if (share := part(batch, index, count))] for batch in self.plan(epoch)[start:]
        ]
        planned = [(epoch, share) for shares in parts for share in shares]
        loaded = batches(self.cuts, planned, workers=self.workers, pin_memory=self.pin_memory)
        for shares in parts:
            yield [next(loaded) for _ in shares]


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
