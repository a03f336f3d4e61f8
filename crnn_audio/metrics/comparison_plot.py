"""A picture of a comparison: for generated pieces and the corpus, histograms side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import writing
from crnn_audio.metrics.comparison import LABELS, Comparison, Summary
from crnn_audio.metrics.parts import WIDEST
from crnn_audio.symbolic.note_names import pitch_name

COLOURS = {"generated": "#D55E00", "corpus": "#0072B2"}
DEGREES = "1 b2 2 b3 3 4 #4 5 b6 6 b7 7".split()
MAX_LENGTHS = 12
"""Note lengths are shown that are the most frequent of both sides."""


def plot_comparison(comparison: Comparison, path: str | Path) -> None:
    """Writes the picture as a PNG, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    with writing(path), files.replacing(Path(path)) as partial:
        figure(comparison).savefig(partial, format="png", dpi=100)


def figure(comparison: Comparison) -> Any:
    """The picture as a matplotlib figure: for each part pitches, intervals and lengths; degrees, shares and copies."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sides = {"generated": comparison.generated, "corpus": comparison.corpus}
    num_parts = max(len(side.statistics.parts) for side in sides.values())
    picture = Figure(figsize=(15, 3.8 + 2.5 * num_parts), layout="constrained")
    FigureCanvasAgg(picture)
    generated, corpus = (side.statistics.pieces for side in sides.values())
    picture.suptitle(f"pieces: {generated} generated, {corpus} of the corpus", fontsize=11)
    bands: Any = picture.subfigures(2, 1, height_ratios=[max(num_parts, 0.1), 1.3])
    upper, lower = bands
    degrees, shares, copies = lower.subplots(1, 3)
    for index, panels in enumerate(upper.subplots(num_parts, 3, squeeze=False) if num_parts else ()):
        _part(panels, sides, index)
    _bars(degrees, {name: side.statistics.degrees for name, side in sides.items()}, range(12), DEGREES)
    degrees.set_title("sounding time by degree of the key", fontsize=9)
    degrees.legend(fontsize=8, frameon=False)
    _shares(shares, sides)
    _copies(copies, sides)
    return picture


def _part(panels: Any, sides: Mapping[str, Summary], index: int) -> None:
    """Pitches, intervals and note lengths of one part."""
    lines = {name: side.statistics.parts[index] for name, side in sides.items() if index < len(side.statistics.parts)}
    label = next(iter(lines.values())).name
    sounded = [pitch for line in lines.values() for pitch in line.pitches] or [60]
    pitches = range(min(sounded), max(sounded) + 1)
    names = [pitch_name(pitch) if pitch % 12 in (0, 4, 7) else "" for pitch in pitches]
    _bars(panels[0], {name: line.pitches for name, line in lines.items()}, pitches, names)
    steps = range(-WIDEST, WIDEST + 1)
    marks = [str(step) if step % 2 == 0 else "" for step in steps]
    _bars(panels[1], {name: line.intervals for name, line in lines.items()}, steps, marks)
    lengths = _frequent([line.durations for line in lines.values()])
    _bars(panels[2], {name: line.durations for name, line in lines.items()}, lengths, [f"{one:.3g}" for one in lengths])
    for panel, what in zip(panels, ("pitches", "intervals in semitones", "note lengths in quarters"), strict=True):
        panel.set_title(f"{label}: {what}", fontsize=9, parse_math=False)


def _frequent(histograms: Sequence[Mapping[float, float]]) -> list[float]:
    total: Counter[float] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return sorted(value for value, _ in total.most_common(MAX_LENGTHS))


def _bars(
    axes: Any, histograms: Mapping[str, Mapping[Any, float]], values: Sequence[Any], labels: Sequence[str]
) -> None:
    """Per cent by value, the two sides beside each other."""
    for place, name in enumerate(COLOURS):
        shares = [100 * histograms.get(name, {}).get(value, 0.0) for value in values]
        spots = [spot + 0.4 * place - 0.2 for spot in range(len(values))]
        axes.bar(spots, shares, 0.4, color=COLOURS[name], label=name)
    axes.set_xticks(range(len(values)), labels, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylabel("%", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _shares(axes: Any, sides: Mapping[str, Summary]) -> None:
    """The rates that both sides or one have; parallels are per 100 chord changes, which is per cent too."""
    rates = {name: side.statistics.rates for name, side in sides.items()}
    known = [key for key in LABELS if any(side[key] is not None for side in rates.values())]
    for place, (name, side) in enumerate(rates.items()):
        found = [(spot, side[key], key) for spot, key in enumerate(known)]
        scaled = [
            (spot + 0.4 * place - 0.2, value if key.endswith("per_100_changes") else 100 * value)
            for spot, value, key in found
            if value is not None
        ]
        axes.barh([spot for spot, _ in scaled], [value for _, value in scaled], 0.4, color=COLOURS[name])
        for spot, value in scaled:
            axes.text(value + 1, spot, f"{value:.1f}", fontsize=6, va="center")
    axes.set_yticks(range(len(known)), [LABELS[key].partition(" per 100")[0] for key in known], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlim=(0, 112))
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title("shares in %, parallels per 100 chord changes", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _copies(axes: Any, sides: Mapping[str, Summary]) -> None:
    """Each piece's longest passage, sorted."""
    alone = max(len(side.statistics.parts) for side in sides.values()) < 2
    for name, side in sides.items():
        for passages, style, what in ((side.melody, ":", "melody"), (side.passages, "-", "all parts"))[
            : 1 if alone else 2
        ]:
            lengths = sorted(passage.quarters for passage in passages)
            axes.plot(lengths, style, marker=".", color=COLOURS[name], label=f"{name}, {what}")
    axes.set_ylim(bottom=0)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("pieces, sorted", fontsize=8)
    axes.set_title("longest passage copied from training, quarters", fontsize=9)
    axes.legend(fontsize=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
