"""The processes that train one model together, as torchrun starts them; of a single process every method is trivial.

Each computes its share of every global batch, and gradients are summed, so that each takes the same step. The sum has
the same order in every step, so that a run which is resumed with as many processes keeps its bits.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.rendezvous import rendezvous

from crnn_audio.batching import plan
from crnn_audio.errors import CrnnAudioError, RunError

T = TypeVar("T")
CPU = torch.device("cpu")
TIMEOUT = timedelta(hours=12)
"""How long a process waits for the main one, which may download a corpus; a process that dies is noticed at once."""
TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """Which of `count` processes this is, and which of the `local_count` on this machine.

    Every process calls each method that talks to the others, in the same order.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    store: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which alone writes, validates and reports."""
        return self.rank == 0

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """The main process runs the block, then the others, which find what it has made."""
        if not self.is_main:
            self.all_reduce(0)
        yield
        if self.is_main:
            self.all_reduce(0)

    def all_reduce(self, *values: float) -> list[float]:
        """The sum of each value over all processes."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        with self._together():
            dist.all_reduce(total)
        return [float(one) for one in total]

    def any(self, asked: bool) -> bool:
        """Whether it is true in one of them."""
        return self.all_reduce(asked)[0] > 0

    def broadcast(self, value: T) -> T:
        """The value of the main process."""
        return self._of(0, value)

    def all_gather(self, value: T) -> list[T]:
        """The value of each process, by rank."""
        return [self._of(rank, value) for rank in range(self.count)]

    def agree(self, value: object, what: str) -> None:
        """Makes sure that all processes have the same value.

        Raises:
            RunError: they do not.
        """
        if len(set(self.all_gather(plan.key(value)))) > 1:
            raise RunError(f"the {self.count} processes see different {what}. All need the same folders.")

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums the gradients in one call; a process without any, whose share was empty, counts as zeros."""
        if self.count == 1:
            return
        first = parameters[0]
        has = torch.tensor([float(one.grad is not None) for one in parameters]).to(first)
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
        flat = torch.cat([*(one.flatten() for one in gradients), has])
        with self._together():
            dist.all_reduce(flat)
        *summed, had = torch.split(flat, [*(one.numel() for one in parameters), len(parameters)])
        for one, gradient, count in zip(parameters, summed, had.tolist(), strict=True):
            one.grad = gradient.view_as(one) if count else None

    def is_first_to_report(self) -> bool:
        """Whether no other process has reported why the run ends."""
        if self.store is None:
            return True
        try:
            return bool(self.store.add("crnn_audio/reported", 1) == 1)
        except RuntimeError:  # it died with the process that kept it
            return True

    def _of(self, rank: int, value: T) -> T:
        if self.count == 1:
            return value
        box = [value]
        with self._together():
            dist.broadcast_object_list(box, src=rank, device=CPU)
        return box[0]

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError:
            raise RunError(
                f"another of the {self.count} processes that train together has died, so the others end too. The last "
                "checkpoint is whole: the same command goes on from it, with as many processes as you like."
            ) from None


SINGLE = Ranks()


@contextmanager
def initialized() -> Iterator[Ranks]:
    """Connects the processes that torchrun has started; without torchrun there is a single one.

    When something goes wrong, one process reports it; the others end with an exit code alone.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 or not all(name in os.environ for name in TORCHRUN):
        yield SINGLE
        return
    rank, count, local_rank, local_count = (int(os.environ[name]) for name in TORCHRUN[:4])
    store, _, _ = next(rendezvous("env://", rank, count, timeout=TIMEOUT))
    ranks = Ranks(rank, count, local_rank, local_count, store)
    try:
        _connect(ranks)
        yield ranks
    except Exception as error:
        if ranks.is_first_to_report():
            raise
        raise SystemExit(error.exit_code if isinstance(error, CrnnAudioError) else 1) from None
    dist.destroy_process_group()


def _connect(ranks: Ranks) -> None:
    """Gradients go from GPU to GPU, everything else through the CPU."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=ranks.store, rank=ranks.rank, world_size=ranks.count, timeout=TIMEOUT)
