"""What a recipe needs before its first step: a run directory, a task, batches to train on, a pass over dev."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crnn_audio import runs
from crnn_audio.config.schema import Recipe
from crnn_audio.console import ProgressBar
from crnn_audio.hardware import Hardware
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Feed, Initial, ScoreOptions, Task
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.problems.restore import restore
from crnn_audio.runs import Run
from crnn_audio.training import directory
from crnn_audio.training.directory import Report
from crnn_audio.training.ranks import Ranks


@dataclass(frozen=True)
class Place:
    """Where and how a recipe is trained: what the caller of `train` gave, and the run if it is to be resumed."""

    path: Path
    run: Run | None
    recipe_path: str | None
    hardware: Hardware
    ranks: Ranks
    report: Report


@dataclass(frozen=True)
class Setup:
    """What the loop is given; `validate` is a pass over dev after that many epochs, if there is a dev split."""

    run: Run
    recipe: Recipe
    task: Task
    feed: Feed
    validate: Callable[[int], Scores] | None


def set_up(recipe: Recipe, place: Place) -> Setup:
    """Corpus, run directory, initial model and batches of a recipe.

    Raises:
        RecipeError, DataError, RunError: something to fix, named in the message.
    """
    problem, run, ranks, report = PROBLEMS[recipe.task.kind], place.run, place.ranks, place.report
    with ProgressBar(quiet=not ranks.is_main) as progress:
        data = problem.data(recipe, progress)
        initial = _initial(recipe)
        assets = restore(run).assets if run else problem.assets(recipe, data, initial, report)
        feed = problem.feed(recipe, data, assets, ranks.rank, ranks.count)
    if ranks.is_main:
        run = run or directory.create(
            place.path, recipe, assets, place.hardware.threads, place.recipe_path, place.hardware.precision
        )
        for remark in (
            *data.remarks,
            *feed.remarks,
            *directory.list_left_out(run, feed.findings, len(data.items["train"])),
        ):
            report(remark)
    run = run or runs.open_run(place.path)
    restored = restore(run)
    task = restored.new_task(initial)
    task.to(place.hardware.device)
    dev = data.items.get("dev") if "dev" in data.held_out else None

    def validate(epoch: int) -> Scores:
        return problem.scores(task, restored.recipe, restored.assets, dev, ScoreOptions(epoch=epoch))

    return Setup(run, restored.recipe, task, feed, validate if dev else None)


def _initial(recipe: Recipe) -> Initial | None:
    """The trained run that a recipe starts from, if it names one.

    Raises:
        RunError: it cannot be opened, or is of another problem.
    """
    if recipe.init is None:
        return None
    run = runs.open_run(recipe.init)
    run.require(recipe.task.kind)
    restored = restore(run)
    return Initial(run, restored.recipe, restored.assets)
