"""Scores that were measured: `results.json` beside the recipes, and every table and line that is made from it.

Nothing here is typed by hand: `evaluate --record` adds a run's score to its recipe's row, and the first line of the
recipe and `recipes/README.md` are written anew from the rows.
"""

import hashlib
import json
import shlex
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.config import commands
from crnn_audio.config.schema import Recipe
from crnn_audio.decoding.options import NONE, SOURCES, DecodingOptions, plain_name
from crnn_audio.decoding.options import digest as decoder_digest
from crnn_audio.errors import DataError, RecipeError, RunError
from crnn_audio.evaluation import reproduce, tables
from crnn_audio.evaluation.evaluate import Model
from crnn_audio.evaluation.first_lines import with_first_line
from crnn_audio.evaluation.published import with_results
from crnn_audio.evaluation.rows import identity
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import load_recipe
from crnn_audio.problems.restore import restore

OF_A_RUN = ("commit", "cpu", "precision", "torch")
"""Facts of a row that are a list, one for each seed or fold, where its runs differ in them."""
BESIDE = ("published.json", "cells.json")
"""What else stands in the tables: published figures, and what cells cost."""


def record(model: Model, scores: Scores, weights: str, decoding: DecodingOptions = NONE) -> Path:
    """Adds a run's scores to the rows of its recipe, replacing those of the same seed; writes the tables anew.

    Runs that were trained on dev as well have a row of their own, and so have those that were tested fold by fold.
    And so have those that were decoded with a decoder, one for each. `weights` are those that were scored: "best" or
    "last".

    Raises:
        RunError: the run was not trained by a recipe of this checkout, or not to its end, or with other settings; or
            a file of its decoder lies neither in this folder nor, the same, beside the recipe.
    """
    recipe = recordable(model, decoding)
    decoding = _beside(model, recipe, decoding)
    path = recipe.parent / "results.json"
    rows = _rows(path) if path.exists() else []
    for metric, value in scores.metrics.items():
        _update(rows, _row(model, recipe, scores.split, metric, value, weights, decoding))
    files.write_text(path, json.dumps(rows, indent=1) + "\n")
    write_tables(recipe.parent.parent)
    return path


def recordable(model: Model, decoding: DecodingOptions = NONE) -> Path:
    """The recipe under recipes/ that a run stands for.

    Raises:
        RunError: as `record`.
    """
    run = model.run
    name = run.facts.get("recipe")
    if not run.finished:
        raise RunError(f"{run.path}: only a finished run is recorded. Go on with `train` first.")
    if not isinstance(name, str) or not _is_own(Path(name)):
        raise RunError(f"{run.path}: trained from {name!r}, which is no recipe under recipes/ of this folder.")
    try:
        asked = _settings(load_recipe(name))
    except RecipeError as error:
        raise RunError(f"{run.path}: its recipe cannot be read any more. {error}") from None
    if asked != _settings(restore(run).recipe) | {"precision": asked["precision"]}:
        raise RunError(
            f"{run.path}: was trained with other settings than {name} has; a row stands for the recipe as it is."
        )
    _beside(model, Path(name), decoding)
    return Path(name)


def _flags(model: Model, decoding: DecodingOptions) -> list[str]:
    """The options of the command line that decode a run that its recipe trains in this way."""
    if _is_its_own(model, decoding):
        return []
    return [commands.from_here(word) for word in decoding.flags] or ["--greedy"]


def _is_its_own(model: Model, decoding: DecodingOptions) -> bool:
    """Whether a run has this decoder by its recipe."""
    section = getattr(restore(model.run).recipe, "decoder", None)
    return decoding.identity == (section.options if section else NONE).identity


def _beside(model: Model, recipe: Path, decoding: DecodingOptions) -> DecodingOptions:
    """A decoder with the same files beside the recipe in the place of those that lie in the run or elsewhere.

    Raises:
        RunError: there is no such file.
    """
    if _is_its_own(model, decoding):
        return decoding
    found = dict[str, Any]()
    for name in SOURCES:
        path: Path | None = getattr(decoding, name)
        if path and (path.resolve().is_relative_to(model.run.path.resolve()) or not _is_here(path)):
            found[name] = _same(path, recipe.parent)
    return replace(decoding, **found)


def _same(path: Path, folder: Path) -> Path:
    """The file of a folder that is the same as another one."""
    for one in sorted(folder.iterdir()):
        if one.is_file() and one.stat().st_size == path.stat().st_size and decoder_digest(one) == decoder_digest(path):
            return one
    copied = folder / plain_name(path)
    raise RunError(
        f"{path}: a row's command has to work elsewhere too, where this file is not. Keep it with the recipe "
        f"(`{shlex.join(['cp', str(path), str(copied)])}`), if its licence allows that, and record again."
    )


def _is_here(path: Path) -> bool:
    return path.resolve().is_relative_to(Path.cwd().resolve())


def _row(
    model: Model, recipe: Path, split: str, metric: str, value: float, weights: str, decoding: DecodingOptions
) -> dict[str, Any]:
    restored, facts = restore(model.run), model.run.facts
    trained, asked = restored.recipe, load_recipe(recipe)
    precision = facts.get("precision") or trained.precision
    fold = getattr(trained.data, "fold", None)
    return {
        "recipe": str(recipe),
        "settings": digest(asked),
        "trained_on": "train+dev" if getattr(trained.data, "dev_as_train", False) else "train",
        "split": split,
        "metric": metric,
        "head": model.task.model.head.NAME,
        "cell": trained.model.recurrent.cell,
        "input": restored.problem.inputs(trained),
        "seeds": [trained.seed],
        **({"folds": [fold]} if fold else {}),
        **({"decoder": decoding.identity} if not decoding.is_greedy else {}),
        "values": [value],
        "mean": value,
        "sd": 0.0,
        "parameters": model.task.model.num_parameters,
        "steps": facts.get("steps"),
        "train_seconds": facts.get("train_seconds"),
        "commands": [reproduce.commands(recipe, asked, trained, precision, split, weights, _flags(model, decoding))],
        "commit": facts.get("commit"),
        "dirty": facts.get("dirty"),
        "device": facts.get("device"),
        "cpu": facts.get("processor"),
        "precision": precision,
        "torch": facts.get("torch"),
        "threads": facts.get("threads"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _is_own(path: Path) -> bool:
    """Whether a recipe lies in a folder of recipes/ here, with all links resolved: beside it, results are written."""
    if path.parts[:1] != ("recipes",) or len(path.parts) != 3 or ".." in path.parts or path.suffix != ".yaml":
        return False
    try:
        found = path.resolve(strict=True)
    except (OSError, ValueError):  # not there, or no name of a file
        return False
    return found.is_file() and found.parent.parent == Path("recipes").resolve()


def digest(recipe: Recipe) -> str:
    """Tells two versions of a recipe apart; what may differ between its runs does not count."""
    settings = json.dumps(_settings(recipe, exclude_defaults=True), sort_keys=True)
    return hashlib.blake2b(settings.encode(), digest_size=6).hexdigest()


def _settings(recipe: Recipe, *, exclude_defaults: bool = False) -> dict[str, Any]:
    return recipe.model_dump(exclude=reproduce.OTHER_VERSION, exclude_defaults=exclude_defaults)


def _update(rows: list[dict[str, Any]], new: dict[str, Any]) -> None:
    """Gathers seeds and folds in one row; rows from before the recipe was edited say nothing of it and go."""
    rows[:] = [row for row in rows if row["recipe"] != new["recipe"] or row["settings"] == new["settings"]]
    same = [row for row in rows if identity(row) == identity(new)]
    for row in same:
        rows.remove(row)
        runs = {seed_and_fold: found for old in (row, new) for seed_and_fold, found in _runs(old)}
        new["seeds"] = [seed for seed, _ in runs]
        if "folds" in new:
            new["folds"] = [fold for _, fold in runs]
        new |= {name: [found[name] for found in runs.values()] for name in ("values", "commands")}
        for name in OF_A_RUN:
            found = [one[name] for one in runs.values()]
            new[name] = found[0] if found.count(found[0]) == len(found) else found
        new["mean"] = statistics.fmean(new["values"])
        new["sd"] = statistics.stdev(new["values"]) if len(runs) > 1 else 0.0
    rows.append(new)
    rows.sort(key=identity)


def _runs(row: Mapping[str, Any]) -> Iterator[tuple[tuple[int, int | None], dict[str, Any]]]:
    """Seed and fold of each run of a row, and its value, command and facts."""
    count = len(row["seeds"])
    folds = row.get("folds") or [None] * count
    columns: dict[str, list[Any]] = {"values": row["values"], "commands": row["commands"]}
    for name in OF_A_RUN:
        fact = row.get(name)
        columns[name] = fact if isinstance(fact, list) else [fact] * count
    for number, seed_and_fold in enumerate(zip(row["seeds"], folds, strict=True)):
        yield seed_and_fold, {name: column[number] for name, column in columns.items()}


def write_tables(folder: Path) -> None:
    """Writes `folder`/README.md, the results in the README above it, and the first line of each recipe with results."""
    rows = [row for path in sorted(folder.glob("*/results.json")) for row in _rows(path)]
    published, costs = (_json(path) if path.exists() else None for path in map(folder.joinpath, BESIDE))
    written = [_json(path) for path in sorted(folder.glob("*/written.json"))]
    files.write_text(folder / "README.md", tables.readme(rows, published, costs, written))
    document = folder.parent / "README.md"
    if document.exists() and published:
        files.write_text(document, with_results(files.read_text(document, DataError), rows, published))
    for name in sorted({row["recipe"] for row in rows}):
        path = folder.parent / name
        if path.is_file():
            files.write_text(
                path, with_first_line(files.read_text(path, DataError), [r for r in rows if r["recipe"] == name])
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = _json(path)
    try:
        for row in rows:
            identity(row)
    except (TypeError, KeyError) as error:
        raise DataError(f"{path}: damaged ({error!r}). Restore it with git.") from None
    return list(rows)


def _json(path: Path) -> Any:
    return files.read_json(path, DataError, advice="Restore it with git.")
