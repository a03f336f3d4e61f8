"""What a run writes down about itself and what can be read from it: the log, the curves, the plateau of blanks.

The log has one JSON object a line: {"event": "step", ...} for each update, {"event": "dev", ...} for each evaluation.
"""

import json
import math
from pathlib import Path
from typing import Any

from crnn_audio import files, pictures, runs
from crnn_audio.metrics.scores import UNITS, worded

EMPTY_EVALUATIONS = 3
"""Evaluations in a row with nothing but blanks after which advice is given."""

BLANKS_ADVICE = (
    "Only blanks for {count} evaluations: the model says nothing yet. This plateau is common in the first epochs of "
    "CTC training. If it lasts: set data.first_epoch=short_first, let augment.spec_augment start some epochs later, "
    "use model.recurrent.norm=layer, and try optim.lr a few times lower or higher."
)


class Log:
    """log.jsonl of a run directory: appended to as things happen, cut back to the checkpoint when a run goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cut_back(self, steps: int, epoch: int) -> None:
        """Forgets what happened after a checkpoint in `epoch` (from 0), and half a line that a kill may have left.

        An evaluation names the epochs done by then, so one that no checkpoint followed is of a later epoch.
        """
        kept = [entry for entry in self.entries() if entry["steps"] <= steps and entry["epoch"] <= epoch]
        with runs.writing(self.path.parent):
            files.write_text(self.path, "".join(json.dumps(entry) + "\n" for entry in kept))

    def add(self, event: str, steps: int, **figures: Any) -> None:
        """Appends one line; `steps` are those done by then."""
        with runs.writing(self.path.parent), self.path.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps({"event": event, "steps": steps, **figures}) + "\n")

    def entries(self, event: str | None = None) -> list[dict[str, Any]]:
        """All whole lines, or those of one kind."""
        if not self.path.exists():
            return []
        try:
            content = files.read_bytes(self.path).decode("utf-8", "replace")
        except OSError as error:
            raise runs.damaged(self.path, files.reason(error)) from None
        found = (_entry(line) for line in content.splitlines())
        return [entry for entry in found if entry and event in (None, entry["event"])]


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = files.parse_json(line)
    except ValueError:
        return None
    counts = [entry.get("steps"), entry.get("epoch")] if isinstance(entry, dict) and "event" in entry else [None]
    return entry if all(type(count) is int for count in counts) else None


def advice(evaluations: list[dict[str, Any]]) -> str | None:
    """What to say where the last evaluations found only blanks, each time their number is a multiple of the limit."""
    count = 0
    for entry in reversed(evaluations):
        if entry["empty_rate"] < 1:
            break
        count += 1
    return BLANKS_ADVICE.format(count=count) if count and count % EMPTY_EVALUATIONS == 0 else None


def plot_curves(log: Log, path: Path) -> None:
    """Plots loss, dev score, learning rate, gradient norm and the fraction of clipped steps into a PNG."""
    from matplotlib.ticker import PercentFormatter

    steps, evaluations = log.entries("step"), log.entries("dev")
    if not steps:
        return
    figure = pictures.new(figsize=(10, 7))
    (loss, score), (rate, norm) = figure.subplots(2, 2)
    at = [entry["steps"] for entry in steps]
    loss.plot(at, _smooth([entry["loss"] for entry in steps]), label="train", color="tab:blue")
    if evaluations:
        dev_at = [entry["steps"] for entry in evaluations]
        loss.plot(dev_at, [entry["loss"] for entry in evaluations], "o-", ms=3, label="dev", color="tab:orange")
        metric, best = str(evaluations[-1]["metric"]), min(entry["score"] for entry in evaluations)
        score.plot(dev_at, [entry["score"] for entry in evaluations], "o-", ms=3, color="tab:orange")
        score.set(title=f"dev, best {worded(metric, best)}")
        if metric not in UNITS:
            score.set(ylim=(0, None))
            score.yaxis.set_major_formatter(PercentFormatter(1.0))
    loss.set(title="loss (nats; smoothed)", yscale="log")
    loss.legend()
    rate.plot(at, [entry["lr"] for entry in steps], color="tab:green")
    rate.set(title="learning rate", xlabel="steps")
    norm.plot(at, _smooth([entry["gradient_norm"] for entry in steps]), color="tab:red")
    norm.set(title="gradient norm before clipping (red), clipped steps (grey)", xlabel="steps", yscale="log")
    share = norm.twinx()
    share.plot(at, _smooth([100 * entry["clipped"] for entry in steps]), color="tab:gray", lw=0.8)
    share.set(ylim=(0, 100), ylabel="steps clipped (per cent)")
    for axes in (loss, score, rate, norm):
        axes.grid(alpha=0.3)
    with runs.writing(path.parent):
        pictures.save(figure, path)


def _smooth(values: list[float]) -> list[float]:
    width = max(len(values) / 100, 1.0)
    smooth, level = [], math.nan
    for value in values:
        level = value if math.isnan(level) else level + (value - level) / width
        smooth.append(level)
    return smooth
