"""From a run directory back to its recipe, its assets and its model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crnn_audio import hardware, runs
from crnn_audio.config import load as config
from crnn_audio.config.schema import Recipe
from crnn_audio.errors import CrnnAudioError, OldRecipeError, RunError, enough_memory
from crnn_audio.problems import Initial, Problem, Task, parts
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.runs import Run


@dataclass(frozen=True)
class Restored:
    """A run with the meaning that its problem gives it."""

    run: Run
    problem: Problem
    recipe: Any
    assets: Any

    def new_task(self, initial: Initial | None = None) -> Task:
        """The model and its loss with initial weights: those of the seed, or of a trained run where it has them.

        Raises:
            RunError: the recipe or the assets are damaged, or the weights do not fit.
        """
        with _rebuilding(self.run):
            task = self.problem.task(self.recipe, self.assets)
        if initial is None:
            return task
        trained = Restored(initial.run, self.problem, initial.recipe, initial.assets).weights()
        own = task.model.state_dict()
        with torch.no_grad():
            for name, weight in own.items():  # what belongs to new tokens stays as it was initialised
                weight[tuple(slice(size) for size in trained[name].shape)].copy_(trained[name])
        return task

    def weights(self, which: str = "best") -> dict[str, Tensor]:
        """The "best" or "last" weights, which are those of its recipe's model.

        Raises:
            RunError: the recipe, the assets or the weights are damaged.
        """
        with _rebuilding(self.run), parts.outlined():
            outline = self.problem.task(self.recipe, self.assets).model.state_dict()
        return self.run.weights(which, {name: tuple(weight.shape) for name, weight in outline.items()})

    def task(self, which: str, device: str) -> Task:
        """The model and its loss, with the "best" or "last" weights.

        Raises:
            RunError: the recipe, the assets or the weights are damaged.
        """
        weights = self.weights(which)
        task = self.new_task()
        task.model.load_state_dict(weights)
        chosen = hardware.choose(device, "bf16", 0)
        task.mixed = task.mixed and chosen.precision == "bf16"
        task.to(chosen.device)
        return task


def restore(run: Run) -> Restored:
    """The recipe and the assets of a run.

    Raises:
        RunError: its problem is unknown, its recipe is of an earlier version, or the recipe or an asset is damaged.
    """
    kinds: dict[str, type[Recipe]] = {kind: problem.Recipe for kind, problem in PROBLEMS.items()}
    try:
        recipe = config.loads(run.text, (), kinds, source=str(run.path / "recipe.yaml"))
    except OldRecipeError as error:
        raise RunError(
            f"{run.path}: trained by an earlier version, with other names of fields. Change them in its recipe.yaml as "
            f"listed here, or train again.\n{error}"
        ) from None
    except CrnnAudioError as error:
        if run.kind not in PROBLEMS:
            raise RunError(
                f"{run.path}: a model for task {run.kind!r}, which this version does not know; it knows "
                f"{', '.join(PROBLEMS)}. Update crnn_audio, or train again."
            ) from None
        raise RunError(f"{run.path}: damaged. {error}") from None
    problem = PROBLEMS[run.kind]
    return Restored(run, problem, recipe, problem.Assets.from_folder(run.path, recipe))


def load(model: str | Path, *kinds: str, device: str = "auto", weights: str = "best") -> Any:
    """Opens a trained model by the path of its run directory or by its name in the zoo.

    Args:
        model: a folder that `train` made, or a bare name such as "an4".
        kinds: the problems that it may be of; any by default.
        device: "auto", "cpu" or "cuda".
        weights: "best" on dev, or "last" of training.

    Returns:
        A `Recognizer`, a `Predictor` of piano rolls, a `Composer` or a `LanguageModel`, by its problem.

    Raises:
        RunError: it is missing, unfinished without weights, damaged, from a newer version, or of another problem.
    """
    run = runs.open_run(model)
    restored = restore(run)
    if kinds:
        run.require(*kinds)
    task = restored.task(weights, device)
    return restored.problem.opened(run, restored.recipe, restored.assets, task)


@contextmanager
def _rebuilding(run: Run) -> Iterator[None]:
    """Turns what prevents the making of a run directory's model into a RunError about it."""
    try:
        with enough_memory("the recipe in it is damaged, or this machine is too small"):
            yield
    except CrnnAudioError as error:
        raise RunError(f"{run.path}: {error}") from None
