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
from crnn_audio.config.schema import Recipe, RollRecipe
from crnn_audio.errors import DataError, RecipeError, RunError
from crnn_audio.inference.evaluate import Evaluation
from crnn_audio.inference.evaluate_events import EventEvaluation
from crnn_audio.inference.evaluate_rolls import RollEvaluation
from crnn_audio.inference.evaluate_text import TextEvaluation
from crnn_audio.inference.load import Model
from crnn_audio.metrics.scores import UNITS

PER_RUN = {"data": {"root", "dev_as_train"}, "device": True, "threads": True, "seed": True}
"""What may differ between runs of one recipe; runs that were trained on dev as well have a row of their own."""

HEADS = {"recognition": "ctc", "next_frame": "sigmoid", "next_token": "chain", "language": "softmax"}
"""The last layer, by kind of task; `joint` where the keys of a frame know of one another."""

TABLE_HEAD = "| recipe | trained on | split | WER % | CER % | seeds | parameters | minutes | device | commit |"
MUSIC_HEAD = "| recipe | cell | head | split | {unit} | seeds | parameters | minutes | device | commit |"
README_INTRO = """# Recipes

Generated from the `results.json` files by `crnn-audio evaluate RUN --record`; nothing here is typed. WER and CER are
per cent, greedy, without a language model; several seeds give mean and standard deviation. Minutes are those of
training one seed. Failed experiments are in [LOG.md](LOG.md).
"""
ROLLS_INTRO = """## What sounds next: piano rolls

Frame negative log-likelihood of piano rolls: the binary cross-entropies of the 88 keys summed, in nats, over all frames
but the first of each piece; at the epoch that is best on dev. With the head `sigmoid` each key is foretold by itself,
with `joint` given the keys below it in its frame. Lower is better.
"""
EVENTS_INTRO = """## What sounds next: notes

Negative log-likelihood in nats of everything that is drawn of a piece, nothing given, over its notes and rests
(melodies) or its voices times sixteenths (chorales), in the key that it stands in. Lower is better.

Of `jsb16` there is a term for each sixteenth and voice, soprano to bass, silence being one of the classes; what tells
the end does not count. Music Transformer's figure is taken to be the mean over such tokens, too. Coconet has the
voices of a sixteenth in an order by chance, averages the probabilities of several orders, and lets silence cost
nothing.
"""
TEXTS_INTRO = """## What comes next: characters and words

Negative log-likelihood in nats of the last tenth of a text, read as one running text, over its characters. So for words
too, whose case and spaces are not foretold, and of those outside the vocabulary only that they are. Lower is better.
"""
MUSIC_INTROS = {"nats_per_frame": ROLLS_INTRO, "nats_per_note": EVENTS_INTRO, "nats_per_character": TEXTS_INTRO}
"""What stands above the table of a metric."""


def record(
    model: Model, evaluation: Evaluation | RollEvaluation | EventEvaluation | TextEvaluation, command: str
) -> Path:
    """Adds a run's scores to the rows of its recipe, replacing those of the same seed; writes the tables anew.

    Raises:
        RunError: the run was not trained by a recipe of this checkout, or not to its end, or with other settings.
    """
    recipe = recordable(model)
    path = recipe.parent / "results.json"
    rows = _rows(path) if path.exists() else []
    for metric, value in evaluation.scores.items():
        _update(rows, _row(model, recipe, evaluation.split, metric, value, command))
    files.write_text(path, json.dumps(rows, indent=1) + "\n")
    write_tables(recipe.parent.parent)
    return path


def recordable(model: Model) -> Path:
    """The recipe under recipes/ that a run stands for.

    Raises:
        RunError: as `record`.
    """
    run = model.run
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
    model: Model,
    recipe: Path,
    split: str,
    metric: str,
    value: float,
    command: str,
) -> dict[str, Any]:
    run, facts = model.run, model.run.facts
    return {
        "recipe": str(recipe),
        "settings": _digest(run.recipe),
        "trained_on": "train+dev" if run.recipe.model_dump()["data"].get("dev_as_train") else "train",
        "split": split,
        "metric": metric,
        "head": _head(run.recipe),
        "cell": run.recipe.model.recurrent.cell,
        "seeds": [run.recipe.seed],
        "values": [value],
        "mean": value,
        "sd": 0.0,
        "parameters": model.task.model.num_parameters,
        "steps": facts.get("steps"),
        "train_seconds": facts.get("train_seconds"),
        "command": f"{facts.get('command')} && {command}",
        "commit": facts.get("commit"),
        "dirty": facts.get("dirty"),
        "device": facts.get("device"),
        "threads": facts.get("threads"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _head(recipe: Recipe) -> str:
    joint = isinstance(recipe, RollRecipe) and recipe.model.head.kind == "nade"
    return "joint" if joint else HEADS[recipe.task.kind]


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
    cells = folder / "cells.json"
    measured = json.loads(cells.read_text(encoding="utf-8")) if cells.exists() else None
    files.write_text(folder / "README.md", readme(rows, measured))
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


def readme(rows: list[dict[str, Any]], cells: Mapping[str, Any] | None = None) -> str:
    """The table of all rows, and what each cell costs, if that was measured."""
    lines = [README_INTRO, TABLE_HEAD, "|---|---|---|--:|--:|--:|--:|--:|---|---|"]
    for row in (row for row in rows if row["metric"] == "wer"):
        twin = [other for other in rows if identity(other) == (*identity(row)[:3], "cer")]
        name = row["recipe"].removeprefix("recipes/")
        lines.append(
            f"| [{name}]({name}) | {row['trained_on']} | {row['split']} | {_rate(row)} "
            f"| {_rate(twin[0]) if twin else ''} | {len(row['seeds'])} | {row['parameters']:,} "
            f"| {row['train_seconds'] / 60:.0f} | {_device(row)} | {row['commit']} |"
        )
    for metric, intro in MUSIC_INTROS.items():
        lines += _music_rows([row for row in rows if row["metric"] == metric], intro, UNITS[metric])
    lines += ["", *cell_table(cells)] if cells else []
    return "\n".join(lines) + "\n"


def _music_rows(rows: list[dict[str, Any]], intro: str, unit: str) -> list[str]:
    if not rows:
        return []
    lines = ["", intro, MUSIC_HEAD.format(unit=unit), "|---|---|---|---|--:|--:|--:|--:|---|---|"]
    for row in rows:
        name = row["recipe"].removeprefix("recipes/")
        lines.append(
            f"| [{name}]({name}) | {row['cell']} | {row['head']} | {row['split']} | {_rate(row)} | {len(row['seeds'])} "
            f"| {row['parameters']:,} | {row['train_seconds'] / 60:.1f} | {_device(row)} | {row['commit']} |"
        )
    return lines


def cell_table(found: Mapping[str, Any]) -> list[str]:
    """What each cell costs at equal parameters, as `python -m tests.bench.cells` measured it."""
    lines = [
        "## What a cell costs",
        "",
        f"At equal parameters, beside the LSTM, measured in turn in one run (`{found['command']}`, {_device(found)}, "
        f"commit {found.get('commit')}): a training step on 16 rows of 64 frames, a generated frame, and what one "
        "running piece remembers.",
        "",
        "| cell | units | layers | parameters | training step | generated frame | bytes of carry |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        lines.append(
            f"| {row['cell']} | {row['hidden_size']} | {row['num_layers']} | {row['parameters']:,} | {row['step']:.2f} "
            f"| {row['frame']:.2f} | {row['carry_bytes']:,} |"
        )
    return lines


def with_first_line(text: str, rows: list[dict[str, Any]]) -> str:
    """A recipe whose first line ends with what was measured, on test if it was read."""
    first, _, rest = text.partition("\n")
    described = first.split(" Measured:")[0].split(" Not measured")[0]
    scored = [row for row in rows if row["metric"] != "cer"]
    row = min(scored, key=lambda row: (row["split"] != "test", row["trained_on"] == "train"))
    metric = row["metric"]
    figures = f"{row['split']} " + (f"{_rate(row)} {UNITS[metric]}" if metric in UNITS else f"WER {_rate(row)} %")
    seeds = "1 seed" if len(row["seeds"]) == 1 else f"{len(row['seeds'])} seeds"
    seconds = row["train_seconds"]
    time = f"{seconds:.0f} seconds"
    if seconds >= 60:
        time = "1 minute" if seconds < 90 else f"{seconds / 60:.0f} minutes"
    return f"{described} Measured: {figures} ({seeds}), {time} on {_device(row)}.\n{rest}"


def _rate(row: dict[str, Any]) -> str:
    factor, digits = (1, 3) if row["metric"] in UNITS else (100, 2)
    spread = f" ± {factor * row['sd']:.{digits}f}" if len(row["seeds"]) > 1 else ""
    return f"{factor * row['mean']:.{digits}f}{spread}"


def _device(row: Mapping[str, Any]) -> str:
    threads = row["threads"]
    return (
        f"{row['device']}, {threads} thread{'s' if threads != 1 else ''}"
        if row["device"] == "cpu"
        else str(row["device"])
    )
