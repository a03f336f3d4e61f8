"""From a recipe to a finished run directory, in one call that can be stopped and repeated at any moment."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from crnn_audio import build, files, hardware, runs
from crnn_audio.batching import loader
from crnn_audio.config.schema import Recipe
from crnn_audio.console import ProgressBar
from crnn_audio.errors import enough_memory
from crnn_audio.runs import Run
from crnn_audio.training import checkpoint, lock, loop, optim, ready, start
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.diagnostics import Log
from crnn_audio.training.display import Display, Silence
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import Ranks, joined
from crnn_audio.training.ready import METRICS, Beginning, PlannedFeed, Ready, Task
from crnn_audio.training.start import Say

OPTIMIZER_FIELDS = {"name", "lr", "weight_decay", "betas", "momentum", "nesterov"}


@dataclass(frozen=True)
class Trained:
    """How a call of `train` ended; `score` is the best on dev, by `metric` such as "wer", a fraction or in nats.

    Of several `processes` that train together, each gives the same, but for `leads`: the first tells.
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
    leads: bool = True


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    minutes: float | None = None,
    recipe_path: str | None = None,
    say: Say | None = None,
) -> Trained:
    """Trains a recipe into the run directory `out`, going on by itself where an unfinished run left off.

    Under torchrun its processes share each batch; together they train as one does.

    Args:
        minutes: stop cleanly with a checkpoint after that long; the same call goes on.
        recipe_path: the file that the recipe came from, noted in the run so that its scores can be recorded.
        say: told in a line what is going on besides the progress display; by default standard error.

    Raises:
        RecipeError, DataError, RunError: something to mend, said in the message.
    """
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    path = Path(out)
    with joined(recipe.device) as ranks, lock.alone(path) if ranks.leads else nullcontext():
        say = (say or _say) if ranks.leads else _in_silence
        device = ranks.device(recipe.device)
        with ranks.in_turn():
            run = start.reopened(path, recipe) if runs.is_run(path) else None
            if run and run.finished:
                say(f"{path}: this run was finished before; train into another --out to train again.")
                return _as_it_ended(run, ranks)
            precision, lack = hardware.precision(device, recipe.precision)
            if lack:
                say(lack)
            num_threads = build.threads(run.recipe.threads if run else recipe.threads, ranks.local_count)
            torch.set_num_threads(num_threads)
            prepared = ready.ready(
                recipe, Beginning(path, run, recipe_path, num_threads, device, precision, ranks, say)
            )
        ranks.agree(prepared.seen, "training data")
        prepared.task.mixed = not ranks.any(precision == "float32")
        advice = "lower the size of a batch, raise data.accumulate or take a smaller model"
        with enough_memory(advice), loader.deaths_told():
            return _trained(prepared, ranks, deadline, say)


def _as_it_ended(run: Run, ranks: Ranks) -> Trained:
    facts = run.facts
    return Trained(
        path=run.path,
        finished=True,
        interrupted=False,
        steps=facts["steps"],
        epochs=facts["epochs"],
        train_seconds=facts["train_seconds"],
        score=facts["best_dev"],
        metric=METRICS[run.recipe.task.kind],
        processes=ranks.count,
        leads=ranks.leads,
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _in_silence(line: str) -> None:
    """Of several processes only the first speaks."""


def _trained(prepared: Ready, ranks: Ranks, deadline: float | None, say: Say) -> Trained:
    run, task, feed = prepared.run, prepared.task, prepared.feed
    recipe, options = run.recipe, _options(run.recipe)
    optimizer = optim.build_optimizer(task.model, **recipe.optim.model_dump(include=OPTIMIZER_FIELDS))
    average = optim.AveragedWeights(task.model, recipe.optim.ema) if recipe.optim.ema else None
    progress = Progress(threads=torch.get_num_threads())
    checkpoint_path = run.path / "checkpoint.safetensors"
    if checkpoint_path.exists():
        progress = checkpoint.load(checkpoint_path, task.model, optimizer, average)
        say(f"{run.path}: going on after step {progress.step}, epoch {progress.epoch + 1} of {options.max_epochs}.")
    ranks.agree((progress.step, progress.epoch), "checkpoints")
    if ranks.count > 1:
        say(f"{run.path}: {ranks.count} processes train together.")
    total = _total_steps(feed, options.max_epochs, ranks)
    with _interruptible(say) as interrupted, _display(prepared, total, options, progress, ranks) as display:
        progress = loop.train(
            task,
            feed,
            optimizer,
            average,
            progress,
            options,
            total_steps=total,
            device=next(task.model.parameters()).device,
            judge=prepared.judge,
            keep_best=lambda: run.save_weights("best", checkpoint.weights(task.model)),
            checkpoint_path=checkpoint_path,
            observer=display,
            stop=lambda: interrupted.requested or (deadline is not None and time.monotonic() > deadline),
            ranks=ranks,
        )
    if progress.finished and ranks.leads:
        _finish(run, task, average, progress, ranks.count)
    return Trained(
        path=run.path,
        finished=progress.finished,
        interrupted=ranks.any(interrupted.requested),
        steps=progress.step,
        epochs=progress.epoch,
        train_seconds=progress.train_seconds,
        score=progress.best_score,
        metric=METRICS[recipe.task.kind],
        processes=ranks.count,
        leads=ranks.leads,
    )


def _total_steps(feed: PlannedFeed, epochs: int, ranks: Ranks) -> int:
    """Steps of all epochs, which most schedules of the learning rate need from the start."""
    total = 0
    with ProgressBar(quiet=not ranks.leads) as progress:
        for epoch in range(epochs):
            total += feed.num_steps(epoch)
            progress("planning epochs", epoch + 1, epochs)
    return total


def _display(prepared: Ready, total: int, options: Options, progress: Progress, ranks: Ranks) -> Display | Silence:
    if not ranks.leads:
        return Silence()
    path = prepared.run.path
    log = Log(path / "log.jsonl")
    log.cut_back(progress.step, progress.epoch)
    files.remove_partials(path)
    return Display(
        log,
        path,
        total_steps=total,
        max_epochs=options.max_epochs,
        start_step=progress.step,
        unit=prepared.unit,
    )


def _options(recipe: Recipe) -> Options:
    fields = recipe.optim.model_dump() | recipe.train.model_dump() | {"seed": recipe.seed}
    return Options(**{name: fields[name] for name in Options.__match_args__ if name in fields})


def _finish(run: Run, task: Task, average: optim.AveragedWeights | None, progress: Progress, processes: int) -> None:
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
        )


class Interruption:
    """Whether Ctrl-C or a termination signal has come; a second one stops at once."""

    def __init__(self, say: Say) -> None:
        self.requested = False
        self.say = say
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
            self.say(line)
        except RuntimeError:  # the signal came while another line was being written
            os.write(2, f"{line}\n".encode())


@contextmanager
def _interruptible(say: Say) -> Iterator[Interruption]:
    """Lets the loop end a step before it stops; does nothing outside the main thread."""
    interruption = Interruption(say)
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
