"""A picture of where a decoder looked for each token that it wrote."""

from pathlib import Path
from typing import Any

from crnn_audio import pictures
from crnn_audio.console import one_line
from crnn_audio.inference.translating import Translated


def save(path: Path, found: Translated) -> None:
    """Writes the picture as a PNG, whole or not at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    figure = plot(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.save(figure, path, dpi=100)


def plot(found: Translated) -> Any:
    """The picture as a matplotlib figure: source tokens from left to right, target tokens from top to bottom.

    Raises:
        ValueError: the model has no attention.
    """
    if found.attention is None:
        raise ValueError("a model with a fixed context has no attention to draw")
    source, target = found.tokens[0], (*found.tokens[1], "end")
    figure = pictures.new(figsize=(2 + 0.3 * len(source), 1.5 + 0.3 * len(target)))
    axes = figure.subplots()
    picture = axes.imshow(found.attention, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90 if max(map(len, source)) > 2 else 0, parse_math=False)
    axes.set_yticks(range(len(target)), target, parse_math=False)
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    axes.set_title(one_line(f"{found.source} : {found.text}"), fontsize=10, parse_math=False)
    figure.colorbar(picture, ax=axes, label="weight")
    return figure
