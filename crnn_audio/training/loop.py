"""The one training loop: batch, loss, backward, clip, step, log; now and then judge and save.

It knows no audio and no music: a `Task` has a loss and a judge, a `Feed` has batches. Several parts of one global batch
may follow one another (accumulation), and several processes may share it (ranks).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch.optim import Optimizer

from crnn_audio.tasks.judging import Judgement
from crnn_audio.training import checkpoint, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import ALONE, Ranks
from crnn_audio.training.step import StepReport, Task, TrainingBatch, take_step


@runtime_checkable
class Feed(Protocol):
    """Where batches come from; a pure function of epoch and position, so that a run can go on anywhere."""

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[TrainingBatch]]:
        """The parts of each global batch of an epoch that are this process's, from step `start` on."""
        ...


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
    judge: Callable[[int], Judgement] | None,
    keep_best: Callable[[], None],
    checkpoint_path: Path,
    observer: Observer,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> Progress:
    """Trains from where `progress` stands until the last epoch, early stopping, or `stop()`; always saves at the end.

    Of several processes the first alone judges and saves; all stop where one of them is told to. `judge` is told how
    many epochs have passed.

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
            report = take_step(task, parts, carries, waited, optimizer, progress, options, device, ranks)
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


def _due(options: Options, progress: Progress, since_saved: float) -> bool:
    if options.checkpoint_steps:
        return progress.step % options.checkpoint_steps == 0
    return since_saved > options.checkpoint_seconds


def _evaluate(
    judge: Callable[[int], Judgement],
    average: optim.AveragedWeights | None,
    progress: Progress,
    options: Options,
    keep_best: Callable[[], None],
    observer: Observer,
) -> None:
    if average:
        average.swap()
    judgement = judge(progress.epoch)
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
