"""`recipes/README.md`: a table of each section's rows, what cells cost, and what models of music generate.

Everything comes from `results.json`, `published.json`, `cells.json` and `written.json`; nothing is typed by hand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crnn_audio.evaluation.published import beside_published
from crnn_audio.evaluation.rows import Row, cells, device, each, identity, main_row, rate
from crnn_audio.evaluation.sections import SECTIONS, Section, of_metrics

README_INTRO = """# Recipes

Every figure here was measured, and is written by `crnn-audio evaluate RUN --record` into the `results.json` beside its
recipe, with the command of each seed; nothing is typed. `make row RECIPE=recipes/jsb/lstm.yaml SEED=1` trains and
evaluates a row again and says how far it is from the recorded one; `make table` writes this page from the rows. Lower
is better, but for accuracy, acceptance, BLEU and chrF. The figure that counts of a recipe is bold: its score on test,
or on dev where test was not read. Several seeds give mean and standard deviation. Minutes are by the clock for one
seed, some beside other work; where the device is `cpu` alone, its processor was not noted. Failed experiments are in
[LOG.md](LOG.md).
"""
WRITTEN_INTRO = """## Generated music

Pieces with consecutive seeds, none selected, beside as many dev pieces that training did not see; each is generated
under the conditions of one of these (key, metre, bars)."""


def readme(
    rows: Sequence[Row],
    published: Row | None = None,
    costs: Mapping[str, Any] | None = None,
    written: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The tables of all rows; beside them published figures, what each cell costs and what models of music generate."""
    lines = [README_INTRO]
    if published:
        lines += ["## Beside published figures", "", *beside_published(rows, published, ""), ""]
    for section in SECTIONS:
        lines += _section(_main_rows(rows, section), rows, section)
    lines += [*cell_table(costs), ""] if costs else []
    lines += [WRITTEN_INTRO, *(line for one in written for line in _written(one))] if written else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _main_rows(rows: Sequence[Row], section: Section) -> list[Row]:
    metrics: dict[str, set[str]] = {}
    for row in rows:
        metrics.setdefault(row["recipe"], set()).add(row["metric"])
    own = {recipe for recipe, found in metrics.items() if of_metrics(found) is section}
    return [row for row in rows if row["metric"] == section.metric and row["recipe"] in own]


def _section(main: Sequence[Row], rows: Sequence[Row], section: Section) -> list[str]:
    if not main:
        return []
    decoders = ["decoder"] * any("decoder" in row for row in main)
    words = ["recipe", "cell", "head", "input", "trained on", "split", *decoders]
    numbers = [section.heading, *section.beside.values(), "seeds", "parameters", "minutes"]
    lines = [f"## {section.title}", "", section.about, ""]
    lines += [cells([*words, *numbers, "device", "commit"]), "|---" * len(words) + "|--:" * len(numbers) + "|---|---|"]
    for row in main:
        name = row["recipe"].removeprefix("recipes/")
        beside = [_beside(row, rows, metric) for metric in section.beside]
        figure = f"**{rate(row)}**" if row is main_row(row["recipe"], main) else rate(row)
        minutes = f"{row['train_seconds'] / 60:.{0 if row['train_seconds'] >= 600 else 1}f}"
        split = f"each of {len(set(row['folds']))} folds" if "folds" in row else row["split"]
        about = [f"[{name}]({name})", row["cell"], row["head"], row["input"], row["trained_on"], split]
        about += [row.get("decoder", "greedy")] * len(decoders)
        commits = ", ".join(map(str, dict.fromkeys(each(row["commit"]))))
        size = [len(set(row["seeds"])), f"{row['parameters']:,}", minutes, device(row), commits]
        lines.append(cells([*about, figure, *beside, *size]))
    return [*lines, ""]


def _beside(row: Row, rows: Sequence[Row], metric: str) -> str:
    found = [one for one in rows if identity(one) == (*identity(row)[:3], metric, *identity(row)[4:])]
    return rate(found[0]) if found else ""


def cell_table(found: Mapping[str, Any]) -> list[str]:
    """What each cell costs at equal parameters, as `python -m tests.bench.cells` measured it."""
    lines = [
        "## What a cell costs",
        "",
        f"At equal parameters, beside the LSTM, measured in turn in one run (`{found['command']}`, {device(found)}, "
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


def _written(found: Mapping[str, Any]) -> list[str]:
    """What a model generated, as `python -m tests.bench.music` measured it."""
    return [
        "",
        f"### {found['model']}",
        "",
        f"`{found['command']}`, {device(found)}, commit {found['commit']}.",
        "",
        "| | generated | corpus |",
        "|---|--:|--:|",
        *(f"| {label} | {ours} | {theirs} |" for label, ours, theirs in found["table"]),
        "",
        *(f"- {fact}" for fact in found["facts"]),
        "",
        f"![{found['caption']}]({found['picture']})",
    ]
