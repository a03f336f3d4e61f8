"""The library music21, where it is installed."""

from typing import Any

from crnn_audio.errors import DataError


def music21() -> Any:
    """The package, imported on first use: it takes a second.

    Raises:
        DataError: it is not installed; with the extra that brings it.
    """
    try:
        import music21
    except ImportError:
        raise DataError("MusicXML needs music21. Install it with `pip install crnn-audio[music]`.") from None
    return music21
