"""One update of the weights, out of the parts of one global batch.

The summed losses of all parts on all processes are divided by the count of the whole, and gradients added up, so that
every process takes the same step.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn
from torch.optim import Optimizer

from crnn_audio.batching.plan import key
from crnn_audio.errors import RunError
from crnn_audio.problems import Task
from crnn_audio.training import optim
from crnn_audio.training.checkpoint import Carries, Progress
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import Ranks


@runtime_checkable
class TrainingBatch(Protocol):
    """What the loop asks of a batch."""

    @property
    def cut_ids(self) -> tuple[str, ...]:
        """Names of what is in it, to tell a person."""

    @property
    def size(self) -> int:
        """What the loss is divided by: utterances for CTC, tokens or frames otherwise."""

    @property
    def amount(self) -> float:
        """How much is in it: seconds of sound, or frames of music."""

    @property
    def padded_amount(self) -> float:
        """The same with padding."""

    def to(self, device: torch.device) -> Any:
        """The same on a device."""


@dataclass(frozen=True)
class StepReport:
    """One update of `processes` together: mean loss, gradient norm before clipping, and where this one's time went."""

    step: int
    epoch: int
    loss: float
    lr: float
    gradient_norm: float
    clipped: bool
    amount: float
    padded_amount: float
    wait_seconds: float
    step_seconds: float
    processes: int = 1


def take_step(
    task: Task,
    parts: Sequence[TrainingBatch],
    carries: Carries,
    waited: float,
    optimizer: Optimizer,
    progress: Progress,
    options: Options,
    device: torch.device,
    ranks: Ranks,
) -> StepReport:
    """Losses of the parts, gradients of all processes, clipping, the optimiser's step; `waited` is for the report.

    Raises:
        RunError: the loss or the gradient is not finite; with the step, the cuts and the first such parameter.
    """
    started = time.perf_counter()
    task.train()
    optimizer.zero_grad(set_to_none=True)
    own_loss = _backward(task, parts, carries, (options.seed, progress.step), device, ranks)
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    ranks.add_gradients(parameters)
    own_amount, own_padded = sum(part.amount for part in parts), sum(part.padded_amount for part in parts)
    total, amount, padded = ranks.all_reduce(own_loss, own_amount, own_padded)
    norm = optim.gradient_norm(parameters)
    if not (torch.isfinite(norm) and torch.isfinite(torch.tensor(total))):
        cuts = ranks.all_gather([cut_id for part in parts for cut_id in part.cut_ids])
        raise RunError(_not_finite(task.model, chain.from_iterable(cuts), total, progress))
    clipped = optim.clip(parameters, norm, clip_norm=options.clip_norm, clip_value=options.clip_value)
    optimizer.step()
    return StepReport(
        step=progress.step,
        epoch=progress.epoch,
        loss=total,
        lr=optimizer.param_groups[0]["lr"],
        gradient_norm=float(norm),
        clipped=clipped,
        amount=amount,
        padded_amount=padded,
        wait_seconds=waited,
        step_seconds=time.perf_counter() - started,
        processes=ranks.count,
    )


def _backward(
    task: Task,
    parts: Sequence[TrainingBatch],
    carries: Carries,
    keys: tuple[int, int],
    device: torch.device,
    ranks: Ranks,
) -> float:
    """The loss of these parts, a share of the global batch's mean; their gradients are in the parameters."""
    (count,) = ranks.all_reduce(sum(part.size for part in parts))
    total = 0.0
    for index, part in enumerate(parts):
        torch.manual_seed(key(*keys, index * ranks.count + ranks.rank))  # a CPU draws from its low 32 bits alone
        loss, carries[index] = task.advance(part.to(device), carries.get(index))
        mean = loss / count
        mean.backward()  # type: ignore[no-untyped-call]
        total += mean.item()
    return total


def _not_finite(model: nn.Module, cut_ids: Iterable[str], loss: float, progress: Progress) -> str:
    broken = (name for name, one in model.named_parameters() if one.grad is not None and not one.grad.isfinite().all())
    return (
        f"step {progress.step} (epoch {progress.epoch + 1}): the loss is {loss:g} and the first parameter whose "
        f"gradient is not finite is {next(broken, 'none')!r}. The cuts of this batch: {', '.join(cut_ids)}. "
        "Nothing of this step was kept; the last checkpoint is from before it. Lower optim.lr or optim.clip_norm, use "
        "float32, or look at these cuts."
    )
