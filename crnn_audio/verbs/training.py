"""Training, and how it ended."""

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
    out: Annotated[Path | None, typer.Option(help="The run directory to make or go on with.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop cleanly after that long; the same call goes on.")
    ] = None,
) -> None:
    """Train a recipe, or go on with an unfinished run.

    Ctrl-C stops after the current step and saves; the same command goes on, to the same bits.
    """
    from crnn_audio.config.kinds import load_recipe
    from crnn_audio.config.load import find

    with _told_once():
        path = find(recipe)
        resolved = load_recipe(path, *(overrides or []))
    out = out or Path("runs") / f"{path.parent.name}-{path.stem}"
    from crnn_audio.training.run import train

    trained = train(resolved, out, minutes=minutes, recipe_path=str(path))
    if trained.leads:
        _tell_how_it_ended(trained, ["train", str(path), "--out", str(out), *(overrides or [])])
    if trained.interrupted:
        raise typer.Exit(130)


@contextmanager
def _told_once() -> Iterator[None]:
    """Of the processes that torchrun starts with the same words, the first of each machine tells what is wrong."""
    try:
        yield
    except CrnnAudioError as error:
        if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("LOCAL_RANK") != "0":
            raise typer.Exit(error.exit_code) from None
        raise


def _tell_how_it_ended(trained: Any, words: list[str]) -> None:
    from crnn_audio.metrics.scores import worded

    score = "" if trained.score is None else f", best dev {worded(trained.metric, trained.score)}"
    done = f"steps {trained.steps}, epochs {trained.epochs}, {_duration(trained.train_seconds)} of training{score}"
    if trained.finished:
        print(f"{trained.path}: finished ({done}).")
        return
    several = ["torchrun", "--standalone", "--nproc-per-node", str(trained.processes), "-m", "crnn_audio"]
    again = shlex.join([*(several if trained.processes > 1 else ["crnn-audio"]), *words])
    report(f"{trained.path}: stopped and saved ({done}). The same command goes on:\n  {again}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
