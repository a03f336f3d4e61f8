"""The one training loop: batch, loss, backward, clip, step, log; now and then validate and save.

It knows no audio and no music: a `Task` has a loss, `Batches` are addressable by epoch and step. Several parts of one
global batch may follow one another (accumulation), and several processes may share it (ranks).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch.optim import Optimizer

from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Task
from crnn_audio.training import checkpoint, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import SINGLE, Ranks
from crnn_audio.training.step import StepReport, TrainingBatch, take_step


@runtime_checkable
class Batches(Protocol):
    """Where batches come from; a pure function of epoch and position, so that a run can resume anywhere."""

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[TrainingBatch]]:
        """The parts of each global batch of an epoch that are this process's, from step `start` on."""


@runtime_checkable
class Observer(Protocol):
    """Who follows what happens: the log and the progress bar."""

    def stepped(self, report: StepReport, progress: Progress) -> None:
        """After each update."""

    def validated(self, scores: Scores, progress: Progress, best: bool) -> None:
        """After each pass over dev."""


def train(
    task: Task,
    batches: Batches,
    optimizer: Optimizer,
    average: optim.AveragedWeights | None,
    progress: Progress,
    options: Options,
    *,
    total_steps: int,
    device: torch.device,
    validate: Callable[[int], Scores] | None,
    keep_best: Callable[[Scores], None],
    checkpoint_path: Path,
    observer: Observer,
    stop: Callable[[], bool],
    ranks: Ranks = SINGLE,
) -> Progress:
    """Trains from where `progress` stands until the last epoch, early stopping, or `stop()`; always saves at the end.

    Of several processes the main one alone validates and saves; all stop where one of them is asked to. `validate` is
    called with the number of epochs that have passed.

    Raises:
        RunError: the loss or the gradient is not finite; with the step, the cuts and the first such parameter.
    """

    def save() -> None:
        if ranks.is_main:
            checkpoint.save(checkpoint_path, progress, task.model, optimizer, average, carries)

    carries = checkpoint.load_carries(checkpoint_path) if progress.position else {}
    saved_at = time.monotonic()
    while progress.epoch < options.max_epochs and not progress.finished:
        for parts, waited in _timed(batches.steps(progress.epoch, progress.position)):
            factor = optim.rate_factor(options.schedule, progress.step, total_steps, options.warmup)
            optim.set_rate(optimizer, options.lr * factor * progress.plateau_factor)
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
        if validate and (progress.epoch % options.eval_epochs == 0 or progress.epoch == options.max_epochs):
            if ranks.is_main:
                _validate(validate, average, progress, options, keep_best, observer)
            progress = ranks.broadcast(progress)
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


def _validate(
    validate: Callable[[int], Scores],
    average: optim.AveragedWeights | None,
    progress: Progress,
    options: Options,
    keep_best: Callable[[Scores], None],
    observer: Observer,
) -> None:
    if average:
        average.swap()
    scores = validate(progress.epoch)
    better = scores.better_than(progress.best_score)
    best = better or scores.value == progress.best_score  # of equals the later one, which has learned longer
    progress.worse_evaluations = 0 if better else progress.worse_evaluations + 1
    if best:
        progress.best_score, progress.best_epoch = scores.value, progress.epoch
        keep_best(scores)
    if average:
        average.swap()
    if (
        options.schedule == "plateau"
        and progress.worse_evaluations
        and (progress.worse_evaluations % options.plateau_patience == 0)
    ):
        progress.plateau_factor /= 2
    progress.finished = 0 < options.early_stopping <= progress.worse_evaluations
    observer.validated(scores, progress, best)
