"""From a recipe to a finished run directory, in one call that can be stopped and repeated at any moment."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from crnn_audio import console, files, hardware, runs
from crnn_audio.batching import loader
from crnn_audio.config.schema import Recipe
from crnn_audio.console import ProgressBar
from crnn_audio.errors import RunError, enough_memory
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Batches
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.problems.restore import restore
from crnn_audio.runs import Run
from crnn_audio.training import checkpoint, directory, lock, loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.diagnostics import Log
from crnn_audio.training.directory import Report
from crnn_audio.training.display import Display, NullDisplay
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import Ranks, initialized
from crnn_audio.training.setup import Place, Setup, set_up

OPTIMIZER_FIELDS = {"name", "lr", "weight_decay", "betas", "momentum", "nesterov"}


@dataclass(frozen=True)
class Trained:
    """How a call of `train` ended; `score` is the best on dev, by `metric` such as "wer", a fraction or in nats.

    Of several `processes` that train together, each returns the same, but for `is_main`: the first one reports.
    """

    path: Path
    finished: bool
    interrupted: bool
    steps: int
    epochs: int
    train_seconds: float
    score: float | None
    metric: str
    processes: int = 1
    is_main: bool = True


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    minutes: float | None = None,
    recipe_path: str | None = None,
    report: Report | None = None,
) -> Trained:
    """Trains a recipe into the run directory `out`, and resumes an unfinished run there by itself.

    Under torchrun its processes share each batch; together they train as one does.

    Args:
        minutes: stop cleanly with a checkpoint after that long; the same call resumes.
        recipe_path: the file that the recipe came from, noted in the run so that its scores can be recorded.
        report: called with a line for a person besides the progress display; by default standard error.

    Raises:
        RecipeError, DataError, RunError: something to fix, named in the message.
    """
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    path = Path(out)
    with initialized() as ranks, lock.exclusive(path) if ranks.is_main else nullcontext():
        report = (report or console.report) if ranks.is_main else _quiet
        with ranks.main_first():
            run = directory.reopen(path, recipe) if runs.is_run(path) else None
            if run and run.finished:
                report(f"{path}: this run was finished before; train into another --out to train again.")
                return _finished(run, ranks)
            own = hardware.choose(
                recipe.device,
                recipe.precision,
                run.recipe["threads"] if run else recipe.threads,
                local_rank=ranks.local_rank,
                local_count=ranks.local_count,
                count=ranks.count,
            )
            if own.lack:
                report(own.lack)
            torch.set_num_threads(own.threads)
            setup = set_up(recipe, Place(path, run, recipe_path, own, ranks, report))
        ranks.agree(setup.feed.fingerprint, "training data")
        setup.task.mixed = not ranks.any(own.precision == "float32")
        advice = "lower the size of a batch, raise data.accumulate or take a smaller model"
        with enough_memory(advice), loader.report_worker_deaths():
            return _trained(setup, ranks, deadline, report)


def _finished(run: Run, ranks: Ranks) -> Trained:
    try:
        steps, epochs, seconds, score = (run.facts[name] for name in ("steps", "epochs", "train_seconds", "best_dev"))
    except KeyError as error:
        raise runs.damaged(run.path / "run.json", f"it has no {error}") from None
    return Trained(
        path=run.path,
        finished=True,
        interrupted=False,
        steps=steps,
        epochs=epochs,
        train_seconds=seconds,
        score=score,
        metric=_metric(restore(run).recipe),
        processes=ranks.count,
        is_main=ranks.is_main,
    )


def _quiet(line: str) -> None:
    """Of several processes only the main one reports."""


def _trained(setup: Setup, ranks: Ranks, deadline: float | None, report: Report) -> Trained:
    run, recipe, task, batches = setup.run, setup.recipe, setup.task, setup.feed.batches
    options = _options(recipe)
    optimizer = optim.build_optimizer(task.model, **recipe.optim.model_dump(include=OPTIMIZER_FIELDS))
    average = optim.AveragedWeights(task.model, recipe.optim.ema) if recipe.optim.ema else None
    progress = Progress(threads=torch.get_num_threads())
    checkpoint_path = run.path / "checkpoint.safetensors"
    if checkpoint_path.exists():
        progress = checkpoint.load(checkpoint_path, task.model, optimizer, average)
        report(f"{run.path}: resumed after step {progress.step}, epoch {progress.epoch + 1} of {options.max_epochs}.")
    ranks.agree((progress.step, progress.epoch), "checkpoints")
    if ranks.count > 1:
        report(f"{run.path}: {ranks.count} processes train together.")
    total = _total_steps(batches, options.max_epochs, ranks)
    if progress.step > total or progress.epoch > options.max_epochs:
        raise RunError(
            f"{checkpoint_path}: the checkpoint is damaged (step {progress.step} of {total}, epoch {progress.epoch} of "
            f"{options.max_epochs}). Delete it to train from the start."
        )

    def keep_best(scores: Scores) -> None:
        run.save_weights("best", checkpoint.weights(task.model), scores.kept)

    with _interruptible(report) as interrupted, _display(setup, total, options, progress, ranks) as display:
        progress = loop.train(
            task,
            batches,
            optimizer,
            average,
            progress,
            options,
            total_steps=total,
            device=next(task.model.parameters()).device,
            validate=setup.validate,
            keep_best=keep_best,
            checkpoint_path=checkpoint_path,
            observer=display,
            stop=lambda: interrupted.requested or (deadline is not None and time.monotonic() > deadline),
            ranks=ranks,
        )
    if progress.finished and ranks.is_main:
        _finish(setup, average, progress, ranks.count)
    return Trained(
        path=run.path,
        finished=progress.finished,
        interrupted=ranks.any(interrupted.requested),
        steps=progress.step,
        epochs=progress.epoch,
        train_seconds=progress.train_seconds,
        score=progress.best_score,
        metric=_metric(recipe),
        processes=ranks.count,
        is_main=ranks.is_main,
    )


def _total_steps(batches: Batches, epochs: int, ranks: Ranks) -> int:
    """Steps of all epochs, which most schedules of the learning rate need from the start."""
    total = 0
    with ProgressBar(quiet=not ranks.is_main) as bar:
        for epoch in range(epochs):
            total += batches.num_steps(epoch)
            bar("planning epochs", epoch + 1, epochs)
    return total


def _display(setup: Setup, total: int, options: Options, progress: Progress, ranks: Ranks) -> Display | NullDisplay:
    if not ranks.is_main:
        return NullDisplay()
    path = setup.run.path
    log = Log(path / "log.jsonl")
    log.cut_back(progress.step, progress.epoch)
    files.remove_partials(path)
    return Display(
        log,
        path,
        total_steps=total,
        max_epochs=options.max_epochs,
        start_step=progress.step,
        unit=setup.feed.unit,
    )


def _metric(recipe: Recipe) -> str:
    return recipe.task.metric or PROBLEMS[recipe.task.kind].METRIC


def _options(recipe: Recipe) -> Options:
    fields = recipe.optim.model_dump() | recipe.train.model_dump() | {"seed": recipe.seed}
    return Options(**{name: fields[name] for name in Options.__match_args__ if name in fields})


def _finish(setup: Setup, average: optim.AveragedWeights | None, progress: Progress, processes: int) -> None:
    run, task = setup.run, setup.task
    if average:
        average.swap()
    run.save_weights("last", checkpoint.weights(task.model))
    with runs.writing(run.path):
        run.set_state(
            "finished",
            steps=progress.step,
            epochs=progress.epoch,
            train_seconds=round(progress.train_seconds, 1),
            best_epoch=progress.best_epoch,
            best_dev=progress.best_score,
            threads=progress.threads,
            processes=processes,
            device=device_name(next(task.model.parameters()).device),
            processor=hardware.processor(),
            precision="bf16" if task.mixed else "float32",
            torch=torch.__version__,
        )


class Interruption:
    """Whether Ctrl-C or a termination signal has come; a second one stops at once."""

    def __init__(self, report: Report) -> None:
        self.requested = False
        self.report = report
        self.process = os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal; one that comes to a process which reads ahead is for its parent."""
        if os.getpid() != self.process:
            return
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        line = "\nStopping after this step; once more stops at once."
        try:
            self.report(line)
        except RuntimeError:  # the signal came while another line was being written
            os.write(2, f"{line}\n".encode())


@contextmanager
def _interruptible(report: Report) -> Iterator[Interruption]:
    """Lets the loop end a step before it stops; does nothing outside the main thread."""
    interruption = Interruption(report)
    try:
        before = {number: signal.signal(number, interruption) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        yield interruption
        return
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def device_name(device: torch.device) -> str:
    """What a score was made on: "cpu", or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
