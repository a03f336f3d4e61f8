"""How good a trained model is on a split of a corpus."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DIVERGED, DataError, RunError
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Data, ScoreOptions, Task
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.problems.restore import Restored, load, restore
from crnn_audio.runs import Run


@runtime_checkable
class Model(Protocol):
    """What `load` returns, of any problem."""

    run: Run
    task: Task


def evaluate(
    model: str | Path | Model,
    split: str | None = None,
    *,
    corpus: str | None = None,
    root: str | Path | None = None,
    weights: str = "best",
    options: ScoreOptions | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Scores a model on a split of the corpus that it was trained on, or of another one.

    Args:
        model: a run directory, a name of the zoo, or an open model.
        split: "train", "dev" or "test"; by default test, or dev where there is no test and dev was not trained on.
        corpus: another corpus than the run's own; "manifests" with a `root` for a prepared folder of recordings.
        root: where the corpus lies, if not where the recipe or the environment says.
        weights: "best" on dev, or "last" of training.
        options: a decoder, a distortion of the sound, how many items a generator generates.

    Raises:
        RunError, DataError, RecipeError: the run or the corpus cannot be used.
    """
    opened: Model = load(model, weights=weights) if isinstance(model, str | Path) else model
    restored = restore(opened.run)
    recipe = recipe_for(restored, corpus=corpus, root=root)
    data = restored.problem.data(recipe, progress)
    return score(opened, restored, recipe, data, split or default_split(data), options or ScoreOptions())


def require_options(model: Model, names: Iterable[str]) -> None:
    """Makes sure that scores of a model's kind know these options.

    Raises:
        RunError: they do not know one.
    """
    for name in names:
        if name not in restore(model.run).problem.OPTIONS:
            knows = runs.either([kind for kind, problem in PROBLEMS.items() if name in problem.OPTIONS])
            raise RunError(
                f"{model.run.path}: a model for task {model.run.kind}, where one for {knows} is needed, "
                f"whose scores have the option {name}."
            )


def default_split(data: Data) -> str:
    """Test, or dev where there is no test and dev was not trained on."""
    return "dev" if not data.items.get("test") and data.items.get("dev") and "dev" in data.held_out else "test"


def score(model: Model, restored: Restored, recipe: Any, data: Data, split: str, options: ScoreOptions) -> Scores:
    """The scores of a split of a corpus that was read.

    Raises:
        DataError: there is no such split.
        RunError: the model computes no numbers.
    """
    items, training = required(data.items, split, recipe.data.name), data.items.get("train")
    model.task.eval()
    try:
        found = restored.problem.scores(model.task, recipe, restored.assets, items, replace(options, training=training))
    except RunError as error:
        if str(error) != DIVERGED:
            raise
        raise RunError(f"{model.run.path}: {DIVERGED}") from None
    if found.value != found.value:  # NaN
        raise RunError(f"{model.run.path}: {DIVERGED}")
    return replace(found, run=str(model.run.path), corpus=recipe.data.name, split=split)


def recipe_for(restored: Restored, *, corpus: str | None = None, root: str | Path | None = None) -> Any:
    """The recipe of a run, reading another corpus or its own from `root` if these are given.

    Raises:
        RecipeError: the problem has no corpus of that name.
    """
    if not (corpus or root):
        return restored.recipe
    changes = [f"data.root={json.dumps(str(root))}" if root else "data.root=null"]
    if corpus:
        changes = [f"data.corpus={corpus}", *restored.problem.transfer(restored.recipe, restored.assets), *changes]
    kinds = {restored.run.kind: restored.problem.Recipe}
    return config.loads(config.dump(restored.recipe), changes, kinds, source=str(restored.run.path))


def required(items: Mapping[str, Any], split: str, source: str) -> Any:
    """The items of a split.

    Raises:
        DataError: the corpus has no such split.
    """
    if not items.get(split):
        raise DataError(f"{source}: no split {split!r}; it has {', '.join(name for name in items if items[name])}.")
    return items[split]
