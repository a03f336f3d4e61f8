"""Scores as people read them: the tables of `recipes/README.md` and the first line of a recipe.

Everything comes from rows of `results.json`, `cells.json` and `written.json`; nothing is typed by hand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crnn_audio.metrics.scores import UNITS

TABLE_HEAD = "| recipe | trained on | split | WER % | CER % | seeds | parameters | minutes | device | commit |"
MUSIC_HEAD = "| recipe | cell | head | split | {unit} | seeds | parameters | minutes | device | commit |"
README_INTRO = """# Recipes

Generated from the `results.json` files by `crnn-audio evaluate RUN --record`; nothing here is typed. WER and CER are
per cent, greedy, without a language model; several seeds give mean and standard deviation. Minutes are those of
training one seed; where the device is `cpu` alone, its processor was not noted. Failed experiments are in
[LOG.md](LOG.md).
"""
ROLLS_INTRO = """## Piano rolls

Frame negative log-likelihood of piano rolls: the binary cross-entropies of the 88 keys summed, in nats, over all frames
but the first of each piece; at the epoch that is best on dev. With the head `sigmoid` each key is predicted
independently, with `joint` given the keys below it in its frame. Recipes named `recall` (and `nade` of Nottingham) also
read what followed the longest earlier match of the piece's end. Lower is better.
"""
NOTES_INTRO = """## Notes

Negative log-likelihood in nats of all predicted tokens of a piece, none of which is fixed, over its notes and rests
(melodies) or its voices times sixteenths (chorales), in its own key. Lower is better.

`jsb16` has a term for each sixteenth and voice, soprano to bass, silence being one of the classes; the end of a piece
does not count. Music Transformer's figure is taken to be the mean over such tokens, too. Coconet takes the voices of a
sixteenth in a random order, averages the probabilities of several orders, and lets silence cost nothing.
"""
TEXTS_INTRO = """## Characters and words

Negative log-likelihood in nats of the last tenth of a text, read as one running text, over its characters. So for words
too, whose case and spaces are not predicted, and of those outside the vocabulary only that they are. Lower is better.
"""
WRITTEN_INTRO = """## Generated music

Pieces with consecutive seeds, none selected, beside as many dev pieces that training did not see; each is generated
under the conditions of one of these (key, metre, bars)."""
INTROS = {"nats_per_frame": ROLLS_INTRO, "nats_per_note": NOTES_INTRO, "nats_per_character": TEXTS_INTRO}
"""The text above the table of a metric."""


def identity(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What distinguishes a row from the others."""
    return row["recipe"], row["trained_on"], row["split"], row["metric"]


def readme(
    rows: list[dict[str, Any]], cells: Mapping[str, Any] | None = None, written: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The tables of all rows; what each cell costs and what models of music generate, if that was measured."""
    lines = [README_INTRO, TABLE_HEAD, "|---|---|---|--:|--:|--:|--:|--:|---|---|"]
    for row in (row for row in rows if row["metric"] == "wer"):
        counterpart = [other for other in rows if identity(other) == (*identity(row)[:3], "cer")]
        name = row["recipe"].removeprefix("recipes/")
        lines.append(
            f"| [{name}]({name}) | {row['trained_on']} | {row['split']} | {_rate(row)} "
            f"| {_rate(counterpart[0]) if counterpart else ''} | {len(row['seeds'])} | {row['parameters']:,} "
            f"| {row['train_seconds'] / 60:.0f} | {_device(row)} | {row['commit']} |"
        )
    for metric, intro in INTROS.items():
        lines += _music_rows([row for row in rows if row["metric"] == metric], intro, UNITS[metric])
    lines += ["", *cell_table(cells)] if cells else []
    lines += ["", WRITTEN_INTRO, *(line for one in written for line in _written(one))] if written else []
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


def _written(found: Mapping[str, Any]) -> list[str]:
    """What a model generated, as `python -m tests.bench.music` measured it."""
    return [
        "",
        f"### {found['model']}",
        "",
        f"`{found['command']}`, {_device(found)}, commit {found['commit']}.",
        "",
        "| | generated | corpus |",
        "|---|--:|--:|",
        *(f"| {label} | {ours} | {theirs} |" for label, ours, theirs in found["table"]),
        "",
        *(f"- {fact}" for fact in found["facts"]),
        "",
        f"![{found['caption']}]({found['picture']})",
    ]


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
    """The GPU, or the processor and its threads; "cpu" where a run from before it was noted stands behind a figure."""
    if row["device"] != "cpu":
        return str(row["device"])
    threads = row["threads"]
    return f"{row.get('processor') or 'cpu'}, {threads} thread{'s' if threads != 1 else ''}"


RESULTS = ("<!-- results: written by `crnn-audio evaluate RUN --record` -->", "<!-- end of results -->")
"""Between these lines of a document stands the table of results beside published figures."""


def with_results(document: str, rows: Sequence[dict[str, Any]], published: Sequence[Mapping[str, str]]) -> str:
    """A document whose table of results is made anew; one without the two marks stays as it is."""
    before, begin, rest = document.partition(RESULTS[0])
    _, end, after = rest.partition(RESULTS[1])
    if not end:
        return document
    lines = ["| task | split | here | published | |", "|---|---|--:|--:|---|"]
    for one in published:
        of_recipe = [row for row in rows if all(row[name] == one[name] for name in ("recipe", "split", "metric"))]
        for row in of_recipe:
            unit = UNITS.get(row["metric"], f"% {row['metric'].upper()}")
            about = "; ".join(filter(None, (one["source"], one["note"])))
            name = f"[{one['task']}]({one['recipe']})"
            lines.append(f"| {name} | {row['split']} | {_rate(row)} {unit} | {one['published']} | {about} |")
    return "\n".join([before + begin, *lines, end + after])
