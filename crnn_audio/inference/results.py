"""Scores that were measured: `results.json` beside the recipes, and every table and line that is made from it.

Nothing here is typed by hand: `evaluate --record` adds a run's score to its recipe's row, and the first line of the
recipe and `recipes/README.md` are written anew from the rows.
"""

import hashlib
import json
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.config import load as recipes
from crnn_audio.config.schema import Recipe
from crnn_audio.errors import DataError, RecipeError, RunError
from crnn_audio.inference.evaluate import Evaluation
from crnn_audio.inference.recognizer import Recognizer

PER_RUN = {"data": {"root", "dev_as_train"}, "device": True, "threads": True, "seed": True}
"""What may differ between runs of one recipe; runs that were trained on dev as well have a row of their own."""

TABLE_HEAD = "| recipe | trained on | split | WER % | CER % | seeds | parameters | minutes | device | commit |"
README_INTRO = """# Recipes

Generated from the `results.json` files by `crnn-audio evaluate RUN --record`; nothing here is typed. WER and CER are
per cent, greedy, without a language model; several seeds give mean and standard deviation. Minutes are those of
training one seed. Failed experiments are in [LOG.md](LOG.md).
"""


def record(recognizer: Recognizer, evaluation: Evaluation, command: str) -> Path:
    """Adds a run's scores to the rows of its recipe, replacing those of the same seed; writes the tables anew.

    Raises:
        RunError: the run was not trained by a recipe of this checkout, or not to its end, or with other settings.
    """
    recipe = recordable(recognizer)
    path = recipe.parent / "results.json"
    rows = _rows(path) if path.exists() else []
    for metric, value in (("wer", evaluation.wer), ("cer", evaluation.cer)):
        _update(rows, _row(recognizer, recipe, evaluation.split, metric, value, command))
    files.write_text(path, json.dumps(rows, indent=1) + "\n")
    write_tables(recipe.parent.parent)
    return path


def recordable(recognizer: Recognizer) -> Path:
    """The recipe under recipes/ that a run stands for.

    Raises:
        RunError: as `record`.
    """
    run = recognizer.run
    name = run.facts.get("recipe")
    if not run.finished:
        raise RunError(f"{run.path}: only a finished run is recorded. Go on with `train` first.")
    if not name or not Path(name).is_file() or Path(name).parts[0] != "recipes":
        raise RunError(f"{run.path}: trained from {name!r}, which is no recipe under recipes/ of this folder.")
    try:
        asked = recipes.load(name).model_dump(exclude=PER_RUN)  # type: ignore[arg-type]
    except RecipeError as error:
        raise RunError(f"{run.path}: its recipe cannot be read any more. {error}") from None
    if asked != run.recipe.model_dump(exclude=PER_RUN):  # type: ignore[arg-type]
        raise RunError(
            f"{run.path}: was trained with other settings than {name} has; a row stands for the recipe as it is."
        )
    return Path(name)


def _row(
    recognizer: Recognizer,
    recipe: Path,
    split: str,
    metric: str,
    value: float,
    command: str,
) -> dict[str, Any]:
    run, facts = recognizer.run, recognizer.run.facts
    return {
        "recipe": str(recipe),
        "settings": _digest(run.recipe),
        "trained_on": "train+dev" if run.recipe.data.dev_as_train else "train",
        "split": split,
        "metric": metric,
        "head": "ctc",
        "cell": run.recipe.model.recurrent.cell,
        "seeds": [run.recipe.seed],
        "values": [value],
        "mean": value,
        "sd": 0.0,
        "parameters": recognizer.task.model.num_parameters,
        "steps": facts.get("steps"),
        "train_seconds": facts.get("train_seconds"),
        "command": f"{facts.get('command')} && {command}",
        "commit": facts.get("commit"),
        "dirty": facts.get("dirty"),
        "device": facts.get("device"),
        "threads": facts.get("threads"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _digest(recipe: Recipe) -> str:
    """Tells two versions of a recipe apart; what may differ between its runs does not count."""
    settings = json.dumps(recipe.model_dump(exclude=PER_RUN, exclude_defaults=True), sort_keys=True)  # type: ignore[arg-type]
    return hashlib.blake2b(settings.encode(), digest_size=6).hexdigest()


def _update(rows: list[dict[str, Any]], new: dict[str, Any]) -> None:
    """Gathers seeds in one row; rows from before the recipe was edited say nothing of it and go."""
    rows[:] = [row for row in rows if row["recipe"] != new["recipe"] or row["settings"] == new["settings"]]
    same = [row for row in rows if identity(row) == identity(new)]
    for row in same:
        rows.remove(row)
        known = dict(zip(row["seeds"], row["values"], strict=True)) | dict(
            zip(new["seeds"], new["values"], strict=True)
        )
        new["seeds"], new["values"] = list(known), list(known.values())
        new["mean"] = statistics.fmean(new["values"])
        new["sd"] = statistics.stdev(new["values"]) if len(known) > 1 else 0.0
    rows.append(new)
    rows.sort(key=identity)


def identity(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What tells one row from another."""
    return row["recipe"], row["trained_on"], row["split"], row["metric"]


def write_tables(folder: Path) -> None:
    """Writes `folder`/README.md and the first line of each recipe with results."""
    rows = [row for path in sorted(folder.glob("*/results.json")) for row in _rows(path)]
    files.write_text(folder / "README.md", readme(rows))
    for name in sorted({row["recipe"] for row in rows}):
        path = folder.parent / name
        if path.is_file():
            files.write_text(
                path, with_first_line(path.read_text(encoding="utf-8"), [r for r in rows if r["recipe"] == name])
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        for row in rows:
            identity(row)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{path}: damaged ({error!r}). Restore it with git.") from None
    return list(rows)


def readme(rows: list[dict[str, Any]]) -> str:
    """The table of all rows."""
    lines = [README_INTRO, TABLE_HEAD, "|---|---|---|--:|--:|--:|--:|--:|---|---|"]
    for row in (row for row in rows if row["metric"] == "wer"):
        twin = [other for other in rows if identity(other) == (*identity(row)[:3], "cer")]
        name = row["recipe"].removeprefix("recipes/")
        lines.append(
            f"| [{name}]({name}) | {row['trained_on']} | {row['split']} | {_rate(row)} "
            f"| {_rate(twin[0]) if twin else ''} | {len(row['seeds'])} | {row['parameters']:,} "
            f"| {row['train_seconds'] / 60:.0f} | {_device(row)} | {row['commit']} |"
        )
    return "\n".join(lines) + "\n"


def with_first_line(text: str, rows: list[dict[str, Any]]) -> str:
    """A recipe whose first line ends with what was measured, on test if it was read."""
    first, _, rest = text.partition("\n")
    described = first.split(" Measured:")[0].split(" Not measured")[0]
    scored = [row for row in rows if row["metric"] == "wer"]
    row = min(scored, key=lambda row: (row["split"] != "test", row["trained_on"] == "train"))
    figures = f"{row['split']} WER {_rate(row)} %"
    seeds = "1 seed" if len(row["seeds"]) == 1 else f"{len(row['seeds'])} seeds"
    return (
        f"{described} Measured: {figures} ({seeds}), {row['train_seconds'] / 60:.0f} minutes on {_device(row)}.\n{rest}"
    )


def _rate(row: dict[str, Any]) -> str:
    return f"{100 * row['mean']:.2f}" + (f" ± {100 * row['sd']:.2f}" if len(row["seeds"]) > 1 else "")


def _device(row: dict[str, Any]) -> str:
    threads = row["threads"]
    return (
        f"{row['device']}, {threads} thread{'s' if threads != 1 else ''}"
        if row["device"] == "cpu"
        else str(row["device"])
    )
