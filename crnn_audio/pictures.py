"""Pictures by matplotlib, which is imported where a figure is made, and never opens a window."""

import warnings
from pathlib import Path
from typing import Any

from crnn_audio import files


def new(**options: Any) -> Any:
    """An empty figure; the options are those of `matplotlib.figure.Figure`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained", **options)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path, dpi: int = 110) -> None:
    """Writes a figure as a PNG, whole or not at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    with warnings.catch_warnings(), files.replacing(path) as partial:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for letters that no font has
        figure.savefig(partial, format="png", dpi=dpi)
