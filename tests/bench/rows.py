"""Rows of results made again by their recorded commands: `python -m tests.bench.rows recipes/jsb/lstm.yaml --seed 1`.

Each figure is printed beside the recorded one of that seed, and the difference from the row's mean in its standard
deviations. `--sample 5 --epochs 0.1` takes rows at random and trains a tenth of their epochs, which shows that their
commands work. `--table` writes recipes/README.md and the table of the README anew, and trains nothing.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crnn_audio.evaluation import results
from crnn_audio.problems import load_recipe

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]


def main() -> None:
    asked = options()
    rows = [row for path in sorted(ROOT.glob("recipes/*/results.json")) for row in json.loads(path.read_text())]
    if asked.table:
        results.write_tables(ROOT / "recipes")
        return
    chosen = sampled(rows, asked.sample) if asked.sample else of_recipe(rows, asked)
    if not chosen:
        known = sorted({row["recipe"] for row in rows})
        sys.exit(
            f"No row of {asked.recipe} has seed {asked.seed}, fold {asked.fold}. Recipes with rows: {', '.join(known)}"
        )
    print("| recipe | trained on | split | metric | seed | recorded | again | difference | in standard deviations |")
    print("|---|---|---|---|--:|--:|--:|--:|--:|")
    for row, place in chosen:
        report(row, place, again(row["commands"][place], asked.epochs, load_recipe(row["recipe"]).optim.max_epochs))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", help="such as recipes/jsb/lstm.yaml")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fold", type=int, help="of rows that were tested fold by fold")
    parser.add_argument("--sample", type=int, metavar="N", help="take N trainings of any rows at random")
    parser.add_argument("--epochs", type=float, default=1.0, metavar="FRACTION", help="train this part of the epochs")
    parser.add_argument("--table", action="store_true", help="write the tables of all rows, and train nothing")
    asked = parser.parse_args()
    if not (asked.recipe or asked.sample or asked.table):
        parser.error("name a recipe, or give --sample or --table")
    return asked


def of_recipe(rows: Sequence[Row], asked: argparse.Namespace) -> list[tuple[Row, int]]:
    """Each row of a recipe with the place of a seed and fold in it."""
    name = Path(asked.recipe)
    found = []
    for row in rows:
        runs = list(zip(row["seeds"], row.get("folds") or [None] * len(row["seeds"]), strict=True))
        if Path(row["recipe"]) == name and (asked.seed, asked.fold) in runs:
            found.append((row, runs.index((asked.seed, asked.fold))))
    return found


def sampled(rows: Sequence[Row], count: int) -> list[tuple[Row, int]]:
    """Rows of different recipes, and one run of each."""
    by_recipe = {row["recipe"]: row for row in random.sample(list(rows), len(rows))}
    chosen = random.sample(list(by_recipe.values()), min(count, len(by_recipe)))
    return [(row, random.randrange(len(row["seeds"]))) for row in chosen]


def again(command: str, fraction: float, max_epochs: int) -> dict[str, Any]:
    """What a recorded command gives: the training, unless it is finished already, and the scores."""
    train, evaluate = command.split(" && ")
    if fraction != 1:
        out = shlex.split(train)[-1]
        train = f"{train} optim.max_epochs={max(round(fraction * max_epochs), 1)}".replace(out, f"{out}-short")
        evaluate = evaluate.replace(out, f"{out}-short")
    run(train)
    return json.loads(run(f"{evaluate} --json"))


def run(command: str) -> str:
    """The standard output of a crnn-audio command, run by this Python at the root of the checkout."""
    words = [sys.executable, "-m", *shlex.split(command.replace("crnn-audio", "crnn_audio", 1))]
    print(f"$ {command}", file=sys.stderr)
    return subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def report(row: Row, place: int, found: dict[str, Any]) -> None:
    """A line of the table."""
    recorded, value, spread = row["values"][place], found[row["metric"]], row["sd"]
    distance = f"{(value - row['mean']) / spread:+.2f}" if spread else "(one seed)"
    figures = f"{recorded:.4f} | {value:.4f} | {value - recorded:+.4f} | {distance}"
    names = [row["recipe"], row["trained_on"], row["split"], row["metric"], row["seeds"][place]]
    print(f"| {' | '.join(map(str, names))} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
