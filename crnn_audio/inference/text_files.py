"""Files of texts that were written, and a line of JSON each; nobody else's file is replaced."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.inference.pieces import free, listed
from crnn_audio.inference.writer import Written

LIST = "texts.jsonl"
"""A line for each text in the folder."""


def writing(out: Path, name: str, seeds: Sequence[int]) -> list[Path]:
    """Where texts of a model will stand, before the first is written.

    Raises:
        DataError: the folder cannot be made, or a file stands there that is not in its list.
    """
    return free(out, [f"{name}-{seed}.txt" for seed in seeds], LIST)


def save(text: Written, path: Path, facts: dict[str, Any]) -> None:
    """The text, and its line in the folder's list, in place of an earlier one of the same file.

    Raises:
        DataError: they cannot be written.
    """
    files.write_text(path, f"{text.text}\n")
    listed(path.parent / LIST, facts)
