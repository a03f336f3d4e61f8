"""A picture of a piece: a piano roll in rows like the systems of printed music, with bars, voices and fermatas.

The colours are Okabe and Ito's, which colour-blind people can distinguish; later parts are thinner, so that tones in
unison are both seen.
"""

import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import writing
from crnn_audio.symbolic.bars import Bar, bars_of
from crnn_audio.symbolic.keys import NATURAL
from crnn_audio.symbolic.note_names import pitch_name
from crnn_audio.symbolic.score import Note, Part, Score
from crnn_audio.symbolic.ticks import quarters, ticks

ROW_QUARTERS = 32.0
"""Music in a row of the picture, or a little less, so that rows hold whole bars."""
MAX_ROWS = 16
"""Of a longer piece, only the beginning is shown, and the title says so."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")


def plot(score: Score, path: str | Path) -> None:
    """Writes the picture as a PNG, whole or not at all.

    Raises:
        DataError: a time signature's bars last no time, or the file cannot be written.
    """
    picture = figure(score)
    with writing(path), warnings.catch_warnings(), files.replacing(Path(path)) as partial:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for letters that no font has
        picture.savefig(partial, format="png", dpi=100)


def figure(score: Score) -> Any:
    """The picture as a matplotlib figure, one axes a row, all rows of one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = _rows(score)
    shown, width = rows[:MAX_ROWS], max(end - start for start, end in rows)
    low, high = _range(score)
    height = max(1.3, 0.075 * (high - low) + 0.4)
    picture = Figure(
        figsize=(1.6 + 12.4 * max(width / ROW_QUARTERS, 0.45), 0.9 + height * len(shown)), layout="constrained"
    )
    FigureCanvasAgg(picture)
    picture.suptitle(_title(score, len(rows)), fontsize=11, parse_math=False)
    systems = picture.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (start, end) in zip(systems, shown, strict=True):
        axes.set(xlim=(start, start + width), ylim=(low - 0.6, high + 0.6))
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines["bottom"].set_bounds(start, end)
        _keyboard(axes, low, high, (end - start) / width)
        _bar_lines(axes, score, start, end)
        for index, part in enumerate(score.parts):
            _part(axes, part, index, start, end)
        _signs(axes, score, start, end)
    systems[-1].set_xlabel("bar" if score.time_signatures else "quarter notes")
    if len(score.parts) > 1:
        _legend(systems[0], score)
    return picture


def _rows(score: Score) -> list[tuple[float, float]]:
    """Where rows begin and end, in quarter notes: at bar lines, and with a multiple of four bars where that fits."""
    found = _bars(score)
    if not found:
        count = max(math.ceil(score.end / ROW_QUARTERS), 1)
        width = ROW_QUARTERS if count > 1 else max(score.end, 4.0)
        return [(index * width, (index + 1) * width) for index in range(count)]
    fitting = max(int(ROW_QUARTERS / quarters(found[-1].length)), 1)
    per_row = fitting // 4 * 4 or fitting
    first = per_row + (score.pickup > 0)  # a pickup comes with the bars of the first row
    cuts = [0, *range(first, len(found), per_row), len(found)]
    return [(quarters(found[a].start), quarters(found[b - 1].end)) for a, b in pairwise(cuts)]


def _bars(score: Score) -> list[Bar]:
    """Those that it takes to hold every note; none where no time signature is known."""
    return bars_of(score).until(ticks(score.end)) if score.time_signatures else []


def _range(score: Score) -> tuple[int, int]:
    """The lowest and highest pitch shown: room around the notes, and an octave at the least."""
    pitches = [note.pitch for note in score.notes] or [60, 72]
    room = max(12 - (max(pitches) - min(pitches)), 4)
    return min(pitches) - room // 2, max(pitches) + room - room // 2


def _title(score: Score, num_rows: int) -> str:
    name = _shown(score.title) or "a piece"
    bars = _bars(score)
    length = f"{len(bars) - (score.pickup > 0)} bars" if bars else f"{score.end:g} quarters"
    facts = [*map(str, score.keys[:1]), *map(str, score.time_signatures[:1]), length, f"{score.seconds:.0f} s"]
    part = f" (shown: the first {MAX_ROWS} of {num_rows} rows)" if num_rows > MAX_ROWS else ""
    return f"{name}: {', '.join(facts)}{part}"


def _shown(name: str) -> str:
    """On one line, and what is no text as Python writes it."""
    return " ".join(name.encode("utf-8", "backslashreplace").decode().split())


def _keyboard(axes: Any, low: int, high: int, width: float) -> None:
    """Black keys in grey, over that fraction of the width, and names of white keys that are far enough apart."""
    shown = {0, 4, 7} if high - low > 30 else {0, 2, 4, 7, 9}
    for pitch in range(low, high + 1):
        if pitch % 12 not in NATURAL.values():
            axes.axhspan(pitch - 0.5, pitch + 0.5, 0, width, color="0.955", lw=0, zorder=0)
    named = [pitch for pitch in range(low, high + 1) if pitch % 12 in shown]
    axes.set_yticks(named, [pitch_name(pitch) for pitch in named], fontsize=6.5)
    axes.tick_params(axis="y", length=2)


def _bar_lines(axes: Any, score: Score, start: float, end: float) -> None:
    shown = [bar for bar in _bars(score) if start <= quarters(bar.start) < end]
    for bar in shown:
        axes.axvline(quarters(bar.end), color="0.35", lw=0.9, zorder=1)
        beat = 4 / bar.time_signature.beat_type if bar.time_signature else 1.0
        for number in range(1, math.ceil(quarters(bar.end - bar.start) / beat)):
            axes.axvline(quarters(bar.end) - number * beat, color="0.85", lw=0.5, zorder=0.5)
    if shown:
        numbers = [bar.index + (score.pickup <= 0) for bar in shown]
        axes.set_xticks([quarters(bar.start) for bar in shown], [str(number or "") for number in numbers])
    else:
        axes.set_xticks(range(math.ceil(start / 4) * 4, math.ceil(end), 4))
    axes.tick_params(axis="x", labelsize=8, length=2)


def _part(axes: Any, part: Part, index: int, start: float, end: float) -> None:
    from matplotlib.collections import PolyCollection

    half = (0.5, 0.44, 0.38, 0.32)[min(index, 3)]
    shown = [note for note in part.notes if note.start < end and note.end > start]
    boxes = [_box(note.start, note.end, note.pitch - half, note.pitch + half) for note in shown]
    colour = COLOURS[index % len(COLOURS)]
    axes.add_collection(PolyCollection(boxes, facecolor=colour, edgecolor="white", linewidth=0.5, zorder=2 + index))


def _box(left: float, right: float, bottom: float, top: float) -> list[tuple[float, float]]:
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def _signs(axes: Any, score: Score, start: float, end: float) -> None:
    """Fermatas inside the top edge, chord symbols above it."""
    from matplotlib.path import Path as Shape

    top = axes.get_ylim()[1]
    held = [note.start + min(note.duration / 2, 0.5) for note in _held(score) if start <= note.start < end]
    axes.plot(held, [top - 1.6] * len(held), ls="", marker=Shape.arc(0, 180), ms=9, mfc="none", mec="black", zorder=50)
    axes.plot(held, [top - 1.5] * len(held), ls="", marker=".", ms=3, color="black", zorder=50)
    for chord in score.chords:
        if start <= chord.start < end:
            axes.text(chord.start, top, _shown(chord.name), fontsize=7, va="bottom", parse_math=False)


def _held(score: Score) -> list[Note]:
    """The first part's notes that have a fermata."""
    notes = score.parts[0].notes if score.parts else ()
    return [note for note in notes if note.start in score.fermatas]


def _legend(axes: Any, score: Score) -> None:
    """Above the first row, and above its chord symbols."""
    from matplotlib.patches import Patch

    patches = [
        Patch(color=COLOURS[index % len(COLOURS)], label=_shown(part.name) or f"part {index + 1}")
        for index, part in enumerate(score.parts)
    ]
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1.06 if score.chords else 1)}
    legend = axes.legend(handles=patches, ncols=min(len(patches), 8), fontsize=8, frameon=False, **place)
    for text in legend.get_texts():
        text.set_parse_math(False)
