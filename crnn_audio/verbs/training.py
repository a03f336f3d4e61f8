"""Train, and report the result."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.errors import CrnnAudioError
from crnn_audio.verbs.arguments import Overrides, RecipeArgument


def train(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="The run directory to create or resume (default: runs/CORPUS-RECIPE).")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop with a checkpoint after that long; the same command resumes.")
    ] = None,
) -> None:
    """Train a recipe, or resume an unfinished run.

    Ctrl-C stops after the current step and saves; the same command resumes, to the same bits.
    """
    from crnn_audio.config import load as config
    from crnn_audio.problems import load_recipe

    with _reported_once():
        path = config.find(recipe)
        resolved = load_recipe(path, *(overrides or []))
    out = out or Path("runs") / f"{path.parent.name}-{path.stem}"
    from crnn_audio.training.run import train

    trained = train(resolved, out, minutes=minutes, recipe_path=str(path))
    if trained.is_main:
        _print_result(trained, ["train", str(path), "--out", str(out), *(overrides or [])])
    if trained.interrupted:
        raise typer.Exit(130)


@contextmanager
def _reported_once() -> Iterator[None]:
    """Of the processes that torchrun starts with the same arguments, the first of each machine reports errors."""
    try:
        yield
    except CrnnAudioError as error:
        if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("LOCAL_RANK") != "0":
            raise typer.Exit(error.exit_code) from None
        raise


def _print_result(trained: Any, words: list[str]) -> None:
    from crnn_audio.metrics.scores import worded

    score = "" if trained.score is None else f", best dev {worded(trained.metric, trained.score)}"
    done = f"steps {trained.steps}, epochs {trained.epochs}, {_duration(trained.train_seconds)} of training{score}"
    if trained.finished:
        print(f"{trained.path}: finished ({done}).")
        return
    several = ["torchrun", "--standalone", "--nproc-per-node", str(trained.processes), "-m", "crnn_audio"]
    again = shlex.join([*(several if trained.processes > 1 else ["crnn-audio"]), *words])
    report(f"{trained.path}: stopped and saved ({done}). The same command resumes:\n  {again}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
