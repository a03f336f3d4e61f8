"""Files of generated texts, and a line of JSON each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from crnn_audio import files
from crnn_audio.inference import generated_files

LIST = "texts.jsonl"
"""A line for each text in the folder."""


@runtime_checkable
class Text(Protocol):
    """A text that can be written."""

    text: str


@dataclass(frozen=True)
class TextFile:
    """Where one text is written."""

    path: Path

    def write(self, generated: Text, facts: dict[str, Any]) -> None:
        """The text, and its line in the folder's list, in place of an earlier one of the same file.

        Raises:
            DataError: they cannot be written.
        """
        files.write_text(self.path, f"{generated.text}\n")
        generated_files.add(self.path.parent / LIST, facts)


def output_files(out: Path, name: str, seeds: Sequence[int]) -> list[TextFile]:
    """Where texts of a model will be written, before the first is generated.

    Raises:
        DataError: the folder cannot be created, or a file stands there that is not in its list.
    """
    return [TextFile(path) for path in generated_files.free(out, [f"{name}-{seed}.txt" for seed in seeds], LIST)]
