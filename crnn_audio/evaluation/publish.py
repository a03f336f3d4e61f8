"""A finished run made small enough to ship: half-precision weights, no training state, and a model card.

The copy is a run directory like any other. It is scored as the file that ships, not as the run it came from.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crnn_audio import files, runs
from crnn_audio.config import commands
from crnn_audio.config import load as config
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation import cards
from crnn_audio.evaluation.evaluate import recipe_for, score
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Data, ScoreOptions
from crnn_audio.problems.restore import Restored, load, restore
from crnn_audio.runs import Run


@dataclass(frozen=True)
class Published:
    """A copy that is ready to ship: its folder, the bytes of all its files, its scores by split.

    `weights` are those that it got: the "best" on dev or the "last".
    """

    path: Path
    num_bytes: int
    scores: tuple[Scores, ...]
    weights: str


def publish(
    model: str | Path,
    out: str | Path,
    *,
    splits: tuple[str, ...] | None = None,
    root: str | Path | None = None,
    weights: str = "best",
    progress: Progress | None = None,
) -> Published:
    """Copies a finished run into the new folder `out`, small, scores the copy and writes its model card, README.md.

    Args:
        splits: those to score it on; by default dev, if the run was not trained on it, and test, if there is one.
        root: where the corpus lies, if not where the run's recipe or the environment says.
        weights: "best" on dev, or "last" of training.

    Raises:
        RunError: the run is not finished, or `out` exists.
        DataError: its corpus cannot be had, or has no such split.
    """
    run = runs.open_run(model)
    if not run.finished:
        raise RunError(f"{run.path}: only a finished run is published. Go on with `train` first.")
    out = Path(out)
    if os.path.lexists(out):
        raise RunError(f"{out}: exists. Choose another --out, or remove it.")
    restored = restore(run)
    recipe = recipe_for(restored, root=root)
    data = restored.problem.data(recipe, progress)
    splits = _held_out(data, recipe.data.name) if splits is None else splits
    with _beside(out) as partial:
        copy = _copied(restored, partial, weights)
        scores = _scored(copy, recipe, data, splits, out)
    num_bytes = sum(file.stat().st_size for file in out.iterdir())
    return Published(out, num_bytes, scores, copy.facts.get("weights", "best"))


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place once it is whole; what a killed call left of one is removed.

    Raises:
        RunError: it cannot be made.
    """
    partial = out.with_name(f".{files.shortened(out.name, 16)}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        with runs.writing(out):
            partial.rename(out)
    except RunError as error:
        raise RunError(str(error).replace(str(partial), str(out))) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _held_out(data: Data, corpus: str) -> tuple[str, ...]:
    found = tuple(split for split in data.held_out if data.items.get(split))
    if not found:
        why = "neither a dev nor a test split" if not data.items.get("dev") else "no test split, and dev was trained on"
        raise DataError(f"{corpus}: {why}, so there is nothing to score the copy on.")
    return found


def _copied(restored: Restored, out: Path, weights: str) -> Run:
    run, recipe = restored.run, restored.recipe
    typed = run.facts.get("command")
    try:
        command = commands.portable_command(typed, recipe) if typed else None
    except ValueError as error:
        raise runs.damaged(run.path / "run.json", f"its command is none: {error}") from None
    return runs.small_copy(run, out, config.dump(commands.portable(recipe)), restored.assets, command, weights)


def _scored(copy: Run, recipe: Any, data: Data, splits: tuple[str, ...], out: Path) -> tuple[Scores, ...]:
    """The scores of the copy, which are noted in it and in its card; `out` is what it will be called."""
    opened, restored = load(copy.path, device="cpu"), restore(copy)
    options = ScoreOptions(num_generated=0)
    found = [score(opened, restored, recipe, data, split, options) for split in splits]
    scores = tuple(replace(one, run=str(out), corpus=commands.from_here(one.corpus)) for one in found)
    noted = [{name: value for name, value in one.as_json().items() if name != "run"} for one in scores]
    copy.set_state("finished", scores=noted)
    with runs.writing(copy.path):
        files.write_text(copy.path / "README.md", cards.write(opened, restored, scores, out.resolve().name))
    return scores
