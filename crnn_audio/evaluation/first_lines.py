"""The first line of a recipe, which ends with what was measured."""

import re
from collections.abc import Sequence

from crnn_audio.evaluation.rows import Row, device, main_row, rate
from crnn_audio.evaluation.sections import of_metrics
from crnn_audio.metrics.scores import UNITS


def with_first_line(text: str, rows: Sequence[Row]) -> str:
    """A recipe whose first line ends with what was measured, on test if it was read."""
    first, _, rest = text.partition("\n")
    described = first.split(" Measured:")[0].split(" Not measured")[0]
    section = of_metrics({row["metric"] for row in rows})
    row = main_row(rows[0]["recipe"], [row for row in rows if section and row["metric"] == section.metric])
    num_seeds = len(set(row["seeds"]))
    seeds = "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"
    machine = re.sub(r" \([^)]*\)", "", device(row))  # without the vendor's numbers: a first line is short
    return (
        f"{described} Measured: {row['split']} {_figure(row)} ({seeds}), {_time(row['train_seconds'])} on {machine}."
        f"\n{rest}"
    )


def _figure(row: Row) -> str:
    metric, value = row["metric"], rate(row)
    if metric in UNITS:
        return f"{value} {UNITS[metric]}"
    if metric == "bleu":
        return f"BLEU {value}"
    if metric in (verbs := {"accuracy": "right", "acceptance": "accepted"}):
        return f"{value} % {verbs[metric]}"
    return f"{'F1' if metric.startswith('f1') else 'WER'} {value} %"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    return "1 minute" if seconds < 90 else f"{seconds / 60:.0f} minutes"
