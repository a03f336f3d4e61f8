"""The folder of the pip package music21 (extra `music`), which carries scores; found without importing it."""

import importlib.util
from pathlib import Path

from crnn_audio.errors import DataError


def repertory(name: str) -> Path:
    """The folder of one of its repertories, such as bach or ryansMammoth.

    Raises:
        DataError: the package is not installed, or comes without its corpus.
    """
    found = importlib.util.find_spec("music21")
    if found is None or not found.submodule_search_locations:
        raise DataError("music21 is not installed. Install it with `pip install crnn-audio[music]` or `make setup`.")
    folder = Path(found.submodule_search_locations[0]) / "corpus" / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; this music21 comes without its corpus. Install it from pip.")
    return folder
