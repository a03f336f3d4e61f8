"""What a person sees while a model trains: a bar on a terminal, lines anywhere, and hypotheses beside references."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from crnn_audio import runs
from crnn_audio.console import ProgressBar, one_line
from crnn_audio.metrics.scores import Sample, Scores, worded
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.diagnostics import Log, advice, plot_curves
from crnn_audio.training.step import StepReport

WINDOW = 100
"""Steps over which the figures beside the bar are averaged."""
SHOWN = 300
"""Characters of an example that are shown."""


class Display:
    """Writes each event to the log and shows it on standard error; TensorBoard too, where it is installed.

    `unit` is what a batch's amount is counted in.
    """

    def __init__(
        self, log: Log, folder: Path, *, total_steps: int, max_epochs: int, start_step: int, unit: str = "s"
    ) -> None:
        self.log = log
        self.unit = unit
        self.folder = folder
        self.total_steps = total_steps
        self.max_epochs = max_epochs
        self.recent: deque[StepReport] = deque(maxlen=WINDOW)
        self.scalars = _tensorboard(folder)
        self.dev = ""
        self.bar = ProgressBar()
        self.bar.show("training", start_step, total_steps, "")

    def __enter__(self) -> "Display":
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)
        if self.scalars:
            self.scalars("", 0.0, -1)

    def stepped(self, report: StepReport, progress: Progress) -> None:
        """One update is done."""
        self.recent.append(report)
        self.log.add("step", progress.step, **{name: value for name, value in asdict(report).items() if name != "step"})
        if self.scalars:
            for name in ("loss", "lr", "gradient_norm"):
                self.scalars(f"train/{name}", getattr(report, name), progress.step)
        figures = f"step {progress.step}/{self.total_steps}  {self._figures(progress)}{self.dev}"
        label = f"epoch {report.epoch + 1}/{self.max_epochs}"
        self.bar.show("training", progress.step, self.total_steps, figures, label)

    def validated(self, scores: Scores, progress: Progress, best: bool) -> None:
        """One pass over dev is done."""
        figures = {name: value for name, value in scores.figures.items() if isinstance(value, int | float | None)}
        self.log.add(
            "dev",
            progress.step,
            epoch=progress.epoch,
            metric=scores.metric,
            score=scores.value,
            loss=scores.loss,
            empty_rate=scores.empty_rate,
            best=best,
            **figures,
        )
        if self.scalars:
            self.scalars(f"dev/{scores.metric}", scores.value, progress.step)
        self.dev = f"  dev {worded(scores.metric, scores.value)}"
        before = worded(scores.metric, progress.best_score or 0)
        mark = " (best so far)" if best else f" (best {before} in epoch {progress.best_epoch})"
        self.bar.print(f"epoch {progress.epoch}/{self.max_epochs}{self.dev}{mark}  {self._figures(progress)}")
        for reference, hypothesis in scores.examples[:2]:
            self.bar.print(f"    reference   {_short(reference)}\n    hypothesis  {_short(hypothesis) or '(nothing)'}")
        if scores.sample:
            self._keep(scores.sample, self.folder / "samples" / f"epoch-{progress.epoch:03d}")
        if warning := advice(self.log.entries("dev")):
            self.bar.print(warning)
        plot_curves(self.log, self.folder / "curves.png")

    def _keep(self, sample: Sample, stem: Path) -> None:
        with runs.writing(self.folder):
            stem.parent.mkdir(exist_ok=True)
            sample.save(stem)
        if sample.text:
            self.bar.print("\n".join(f"    {one_line(line)}" for line in sample.text.split("\n")))

    def _figures(self, progress: Progress) -> str:
        reports = list(self.recent)
        if not reports:
            return ""
        spent = sum(one.step_seconds + one.wait_seconds for one in reports)
        amount, padded = sum(one.amount for one in reports), sum(one.padded_amount for one in reports)
        waited = sum(one.wait_seconds for one in reports) / spent
        left = timedelta(seconds=round(spent / len(reports) * (self.total_steps - progress.step)))
        return (
            f"loss {sum(one.loss for one in reports) / len(reports):.3f}  {amount / spent:,.0f} {self.unit}/s  "
            f"grad {sum(one.gradient_norm for one in reports) / len(reports):.2f}  "
            f"wait {waited:.1%}  padding {1 - amount / padded:.1%}  {left} left"
        )


class NullDisplay:
    """In the place of the display, in all processes but the main one."""

    def __enter__(self) -> "NullDisplay":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def stepped(self, report: StepReport, progress: Progress) -> None:
        """Shows nothing."""

    def validated(self, scores: Scores, progress: Progress, best: bool) -> None:
        """Shows nothing."""


def _short(text: str) -> str:
    """A text on one line, of a long one its beginning: one of an hour would fill the screen at every epoch."""
    return one_line(text if len(text) <= SHOWN else f"{text[:SHOWN]} ... ({len(text):,} characters)")


def _tensorboard(folder: Path) -> Callable[[str, float, int], None] | None:
    """A function that writes a scalar, if TensorBoard is installed; a step of -1 closes the file."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: Any = SummaryWriter(str(folder / "tensorboard"))
    return lambda name, value, step: writer.close() if step < 0 else writer.add_scalar(name, value, step)
