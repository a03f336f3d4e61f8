"""From a recipe to a finished run directory, in one call that can be stopped and repeated at any moment."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from crnn_audio import build, files, runs
from crnn_audio.batching import loader, plan
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.schema import Recipe
from crnn_audio.errors import enough_memory
from crnn_audio.runs import Run
from crnn_audio.tasks.judging import RecognitionJudgement, judge_recognition
from crnn_audio.tasks.recognition import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import checkpoint, init, loop, optim, start
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.diagnostics import Log
from crnn_audio.training.display import Display, Preparing
from crnn_audio.training.start import Say

OPTIMIZER_FIELDS = {"name", "lr", "weight_decay", "betas", "momentum", "nesterov"}


@dataclass(frozen=True)
class Trained:
    """How a call of `train` ended; `score` is the best dev word error rate, a fraction."""

    path: Path
    finished: bool
    interrupted: bool
    steps: int
    epochs: int
    train_seconds: float
    score: float | None


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    minutes: float | None = None,
    recipe_path: str | None = None,
    say: Say | None = None,
) -> Trained:
    """Trains a recipe into the run directory `out`, going on by itself where an unfinished run left off.

    Args:
        minutes: stop cleanly with a checkpoint after that long; the same call goes on.
        recipe_path: the file that the recipe came from, noted in the run so that its scores can be recorded.
        say: told in a line what is going on besides the progress display; by default standard error.

    Raises:
        RecipeError, DataError, RunError: something to mend, said in the message.
    """
    say = say or _say
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    path = Path(out)
    device = build.device(recipe.device)
    run = start.reopened(path, recipe) if runs.is_run(path) else None
    if run and run.finished:
        say(f"{path}: this run was finished before; train into another --out to train again.")
        return _as_it_ended(run)
    num_threads = build.threads(run.recipe.threads if run else recipe.threads)
    torch.set_num_threads(num_threads)
    with Preparing() as preparing:
        splits = build.splits(recipe, preparing)
        training = build.required(splits, "train", recipe.data.name)
        source = init.source(recipe)
        vocabulary = run.vocabulary if run else _vocabulary(recipe, source, training)
        ready, left_out = start.usable(recipe, vocabulary, splits, preparing, say)
        statistics = source.statistics if source else None
        run = run or start.begun(path, recipe, vocabulary, ready, num_threads, recipe_path, say, statistics)
        start.list_left_out(run, left_out, len(training), say)
        task = build.of_run(run)
        if source:
            init.load(source, task.model)
        task.to(device)
    held_out = None if run.recipe.data.dev_as_train else splits.get("dev")
    development = build.cuts(run.recipe, held_out, run.vocabulary) if held_out else None
    with enough_memory("lower data.batch_seconds, raise data.accumulate or take a smaller model"):
        return _trained(run, task, ready, development, device, deadline, say)


def _vocabulary(recipe: Recipe, source: Run | None, training: Sequence[Cut]) -> Vocabulary:
    if source is None:
        return build.vocabulary(recipe.task, training)
    return init.grown(source.vocabulary, (cut.text for cut in training))


def _as_it_ended(run: Run) -> Trained:
    facts = run.facts
    return Trained(
        path=run.path,
        finished=True,
        interrupted=False,
        steps=facts["steps"],
        epochs=facts["epochs"],
        train_seconds=facts["train_seconds"],
        score=facts["best_dev"],
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def judge(task: Recognition, cuts: Cuts, device: torch.device, budget: float, workers: int = 0) -> RecognitionJudgement:
    """One pass over a split."""
    planned = plan.in_order([cut.duration for cut in cuts.cuts], budget=budget)
    batches = loader.batches(cuts, [(0, batch) for batch in planned], workers=workers)
    return judge_recognition(task, (one.to(device) for one in batches), {cut.id: cut.text for cut in cuts.cuts})


def _trained(
    run: Run,
    task: Recognition,
    ready: Cuts,
    development: Cuts | None,
    device: torch.device,
    deadline: float | None,
    say: Say,
) -> Trained:
    recipe = run.recipe
    feed = build.feed(recipe, ready, pin_memory=device.type == "cuda")
    options = _options(recipe)
    optimizer = optim.build_optimizer(task.model, **recipe.optim.model_dump(include=OPTIMIZER_FIELDS))
    average = optim.AveragedWeights(task.model, recipe.optim.ema) if recipe.optim.ema else None
    progress = Progress(threads=torch.get_num_threads())
    checkpoint_path = run.path / "checkpoint.safetensors"
    log = Log(run.path / "log.jsonl")
    if checkpoint_path.exists():
        progress = checkpoint.load(checkpoint_path, task.model, optimizer, average)
        say(f"{run.path}: going on after step {progress.step}, epoch {progress.epoch + 1} of {options.max_epochs}.")
    log.cut_back(progress.step, progress.epoch)
    files.remove_partials(run.path)
    total = sum(feed.num_steps(epoch) for epoch in range(options.max_epochs))
    display = Display(log, run.path, total_steps=total, max_epochs=options.max_epochs, start_step=progress.step)
    with _interruptible() as interrupted, display:
        progress = loop.train(
            task,
            feed,
            optimizer,
            average,
            progress,
            options,
            total_steps=total,
            device=device,
            judge=(lambda: judge(task, development, device, 2 * recipe.data.batch_seconds)) if development else None,
            keep_best=lambda: run.save_weights("best", checkpoint.weights(task.model)),
            checkpoint_path=checkpoint_path,
            observer=display,
            stop=lambda: interrupted.requested or (deadline is not None and time.monotonic() > deadline),
        )
    if progress.finished:
        _finish(run, task, average, progress)
    return Trained(
        path=run.path,
        finished=progress.finished,
        interrupted=interrupted.requested,
        steps=progress.step,
        epochs=progress.epoch,
        train_seconds=progress.train_seconds,
        score=progress.best_score,
    )


def _options(recipe: Recipe) -> loop.Options:
    fields = recipe.optim.model_dump() | recipe.train.model_dump() | {"seed": recipe.seed}
    return loop.Options(**{name: fields[name] for name in loop.Options.__match_args__ if name in fields})


def _finish(run: Run, task: Recognition, average: optim.AveragedWeights | None, progress: Progress) -> None:
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
            device=device_name(next(task.model.parameters()).device),
        )


class Interruption:
    """Whether Ctrl-C or a termination signal has come; a second one stops at once."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        line = "\nStopping after this step; once more stops at once."
        try:
            _say(line)
        except RuntimeError:  # the signal came while another line was being written
            os.write(2, f"{line}\n".encode())


@contextmanager
def _interruptible() -> Iterator[Interruption]:
    """Lets the loop end a step before it stops; does nothing outside the main thread."""
    interruption = Interruption()
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
