"""The one training loop: batch, loss, backward, clip, step, log; now and then judge and save.

It knows no audio and no music: a `Task` has a loss and a judge, a `Feed` has batches. Several parts of one global batch
may follow one another (accumulation), and several processes may share it (ranks); the summed losses are divided by the
count of the whole, and gradients added up, so that every process takes the same step.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from crnn_audio.batching.plan import key
from crnn_audio.errors import RunError
from crnn_audio.tasks.judging import Judgement
from crnn_audio.training import checkpoint, optim
from crnn_audio.training.checkpoint import Carries, Progress
from crnn_audio.training.ranks import ALONE, Ranks


@runtime_checkable
class TrainingBatch(Protocol):
    """What the loop asks of a batch."""

    @property
    def cut_ids(self) -> tuple[str, ...]:
        """Names of what is in it, to tell a person."""
        ...

    @property
    def size(self) -> int:
        """What the loss is divided by: utterances for CTC, tokens or frames otherwise."""
        ...

    @property
    def amount(self) -> float:
        """How much is in it: seconds of sound, or frames of music."""
        ...

    @property
    def padded_amount(self) -> float:
        """The same with padding."""
        ...

    def to(self, device: torch.device) -> Any:
        """The same on a device."""
        ...


@runtime_checkable
class Task(Protocol):
    """What the loop asks of a task: a network, and a loss summed over a batch's items.

    Where sequences are longer than a batch, the state that they go on with is handed from batch to batch.
    """

    @property
    def model(self) -> nn.Module:
        """Whose weights move."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Training or judging mode."""
        ...

    def advance(self, batch: Any, carry: Any) -> tuple[Tensor, Any]:
        """The loss summed over the batch's items, with gradient, and the carry for the batch after it, or None.

        `carry` is that of the batch before it; None at the beginning of an epoch.
        """
        ...


@runtime_checkable
class Feed(Protocol):
    """Where batches come from; a pure function of epoch and position, so that a run can go on anywhere."""

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[TrainingBatch]]:
        """The parts of each global batch of an epoch that are this process's, from step `start` on."""
        ...


@dataclass(frozen=True)
class Options:
    """How to train; the meaning of each is in the recipe's schema."""

    max_epochs: int
    lr: float
    schedule: str
    warmup: float
    plateau_patience: int
    clip_norm: float | None
    clip_value: float | None
    eval_epochs: int
    early_stopping: int
    checkpoint_steps: int
    seed: int
    checkpoint_seconds: float = 120.0


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


@runtime_checkable
class Observer(Protocol):
    """Who is told what happens: the log and the progress bar."""

    def stepped(self, report: StepReport, progress: Progress) -> None:
        """After each update."""
        ...

    def judged(self, judgement: Judgement, progress: Progress, best: bool) -> None:
        """After each pass over dev."""
        ...


def train(
    task: Task,
    feed: Feed,
    optimizer: Optimizer,
    average: optim.AveragedWeights | None,
    progress: Progress,
    options: Options,
    *,
    total_steps: int,
    device: torch.device,
    judge: Callable[[], Judgement] | None,
    keep_best: Callable[[], None],
    checkpoint_path: Path,
    observer: Observer,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> Progress:
    """Trains from where `progress` stands until the last epoch, early stopping, or `stop()`; always saves at the end.

    Of several processes the first alone judges and saves; all stop where one of them is told to.

    Raises:
        RunError: the loss or the gradient is not finite; with the step, the cuts and the first such parameter.
    """

    def save() -> None:
        if ranks.leads:
            checkpoint.save(checkpoint_path, progress, task.model, optimizer, average, carries)

    carries = checkpoint.load_carries(checkpoint_path) if progress.position else {}
    saved_at = time.monotonic()
    while progress.epoch < options.max_epochs and not progress.finished:
        for parts, waited in _timed(feed.steps(progress.epoch, progress.position)):
            share = optim.rate_share(options.schedule, progress.step, total_steps, options.warmup)
            optim.set_rate(optimizer, options.lr * share * progress.plateau_factor)
            report = _step(task, parts, carries, waited, optimizer, progress, options, device, ranks)
            if average:
                average.update(progress.step)
            progress.step += 1
            progress.position += 1
            progress.train_seconds += report.step_seconds + waited
            observer.stepped(report, progress)
            if ranks.any(stop()):
                save()
                return progress
            if _due(options, progress, time.monotonic() - saved_at):
                save()
                saved_at = time.monotonic()
        progress.epoch, progress.position = progress.epoch + 1, 0
        carries.clear()
        if judge and (progress.epoch % options.eval_epochs == 0 or progress.epoch == options.max_epochs):
            if ranks.leads:
                _evaluate(judge, average, progress, options, keep_best, observer)
            progress = ranks.told(progress)
        progress.finished = progress.finished or progress.epoch == options.max_epochs
        save()
        saved_at = time.monotonic()
    return progress


def _timed(steps: Iterator[Sequence[TrainingBatch]]) -> Iterator[tuple[Sequence[TrainingBatch], float]]:
    while True:
        started = time.perf_counter()
        parts = next(steps, None)
        if parts is None:
            return
        yield parts, time.perf_counter() - started


def _step(
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
    started = time.perf_counter()
    task.train()
    optimizer.zero_grad(set_to_none=True)
    own_loss = _backward(task, parts, carries, (options.seed, progress.step), device, ranks)
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    ranks.add_gradients(parameters)
    own_amount, own_padded = sum(part.amount for part in parts), sum(part.padded_amount for part in parts)
    total, amount, padded = ranks.sums(own_loss, own_amount, own_padded)
    norm = optim.gradient_norm(parameters)
    if not (torch.isfinite(norm) and torch.isfinite(torch.tensor(total))):
        cuts = ranks.gathered([cut_id for part in parts for cut_id in part.cut_ids])
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
    (count,) = ranks.sums(sum(part.size for part in parts))
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


def _due(options: Options, progress: Progress, since_saved: float) -> bool:
    if options.checkpoint_steps:
        return progress.step % options.checkpoint_steps == 0
    return since_saved > options.checkpoint_seconds


def _evaluate(
    judge: Callable[[], Judgement],
    average: optim.AveragedWeights | None,
    progress: Progress,
    options: Options,
    keep_best: Callable[[], None],
    observer: Observer,
) -> None:
    if average:
        average.swap()
    judgement = judge()
    better = progress.best_score is None or judgement.score < progress.best_score
    best = better or judgement.score == progress.best_score  # of equals the later one, which has learned longer
    progress.worse_evaluations = 0 if better else progress.worse_evaluations + 1
    if best:
        progress.best_score, progress.best_epoch = judgement.score, progress.epoch
        keep_best()
    if average:
        average.swap()
    if (
        options.schedule == "plateau"
        and progress.worse_evaluations
        and (progress.worse_evaluations % options.plateau_patience == 0)
    ):
        progress.plateau_factor /= 2
    progress.finished = 0 < options.early_stopping <= progress.worse_evaluations
    observer.judged(judgement, progress, best)
