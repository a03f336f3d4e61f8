"""Rows of `results.json` as people read them: which are alike, which counts, its figure and its machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from crnn_audio.metrics.scores import UNITS, rounded

Row = Mapping[str, Any]


def identity(row: Row) -> tuple[str, str, str, str, bool, str]:
    """What distinguishes a row from the others."""
    return row["recipe"], row["trained_on"], row["split"], row["metric"], "folds" in row, row.get("decoder", "")


def main_row(recipe: str, rows: Sequence[Row]) -> Row:
    """On test if it was read, by its corpus's own splits, greedily, trained on all: if there are such."""

    def order(row: Row) -> tuple[bool, ...]:
        return row["split"] != "test", "folds" in row, "decoder" in row, row["trained_on"] == "train"

    return min((row for row in rows if row["recipe"] == recipe), key=order)


def rate(row: Row) -> str:
    """The mean, and the standard deviation of several runs, as people read it."""
    factor, digits = scale(row)
    spread = f" ± {factor * row['sd']:.{digits}f}" if len(row["values"]) > 1 else ""
    if factor == 1:
        return rounded(row["mean"]) + spread
    return f"{factor * row['mean']:.{digits}f}{spread}"


def scale(row: Row) -> tuple[int, int]:
    """What a figure is multiplied by for people, and its decimals."""
    return (1, 3) if row["metric"] in UNITS else (100, 2)


def device(row: Row) -> str:
    """The GPU, or the processor and its threads; "cpu" where a run from before it was noted stands behind a figure.

    Of runs on several machines it is the last one's, as the time is.
    """
    if row["device"] != "cpu":
        return str(row["device"])
    threads, processor = row["threads"], each(row.get("cpu"))[-1]
    return f"{processor or 'cpu'}, {threads} thread{'s' if threads != 1 else ''}"


def each(fact: Any) -> list[Any]:
    """A fact of a row, which is a list where its runs differ in it."""
    return fact if isinstance(fact, list) else [fact]


def cells(words: Sequence[object]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(map(str, words))} |"
