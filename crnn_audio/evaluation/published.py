"""Our figures beside published ones, in the README and in `recipes/README.md`."""

from collections.abc import Sequence

from crnn_audio.evaluation.rows import Row, cells, rate, scale
from crnn_audio.metrics.scores import UNITS

RESULTS = ("<!-- results: written by `crnn-audio evaluate RUN --record` -->", "<!-- end of results -->")
"""Between these lines of a document stands the table of results beside published figures."""


def beside_published(rows: Sequence[Row], published: Row, base: str) -> list[str]:
    """Our figures beside those of others: with their source, the difference, and what is not alike; then footnotes.

    `base` is the way from the page to the recipes.
    """
    lines = ["| task | split | here | published | difference | source, and what differs |", "|---|---|--:|--:|--:|---|"]
    for one in published["figures"]:
        for row in _matching(rows, one):
            unit = UNITS.get(row["metric"], f"% {row['metric'].upper()}")
            name = f"[{one['task']}]({base}{row['recipe'].removeprefix('recipes/')})"
            about = "; ".join(filter(None, (one["source"], one["differs"])))
            said = [name, one["split"], f"**{rate(row)}** {unit}", one["published"], _difference(row, one), about]
            lines.append(cells(said))
    notes = []
    for one in published["footnotes"]:
        found = {f"here{number}": rate(row) for number, row in enumerate(_rows_of(rows, one), 1)}
        if len(found) == len(one["rows"]):
            notes += ["", one["text"].format(**found)]
    return lines + notes


def _rows_of(rows: Sequence[Row], footnote: Row) -> list[Row]:
    return [row for one in footnote["rows"] for row in _matching(rows, one)]


def _matching(rows: Sequence[Row], wanted: Row) -> list[Row]:
    names = [name for name in ("recipe", "trained_on", "split", "metric") if name in wanted]
    alike = [row for row in rows if "folds" not in row and row.get("decoder") == wanted.get("decoder")]
    return [row for row in alike if all(row[name] == wanted[name] for name in names)]


def _difference(row: Row, one: Row) -> str:
    try:
        published = float(one["published"])
    except ValueError:  # a bound, or none
        return ""
    factor, digits = scale(row)
    return f"{factor * row['mean'] - published:+.{digits}f}"


def with_results(document: str, rows: Sequence[Row], published: Row) -> str:
    """A document whose table of results is made anew; one without the two marks stays as it is."""
    before, begin, rest = document.partition(RESULTS[0])
    _, end, after = rest.partition(RESULTS[1])
    if not end:
        return document
    return "\n".join([before + begin, *beside_published(rows, published, "recipes/"), end + after])
