"""Files of generated texts, and a line of JSON each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from crnn_audio import files
from crnn_audio.errors import writing
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
    settings: Mapping[str, Any]

    def write(self, generated: Text, facts: dict[str, Any]) -> None:
        """The text, and its line in the folder's list, in place of an earlier one of the same file.

        Raises:
            DataError: they cannot be written.
        """
        generated_files.add(self.path.parent / LIST, facts, [self.path.name], self.settings)
        with writing(self.path):
            files.write_text(self.path, f"{generated.text}\n")


def output_files(out: Path, name: str, seeds: Sequence[int], settings: Mapping[str, Any]) -> list[TextFile]:
    """Where texts of a model will be written, before the first is generated.

    Args:
        settings: what, beside its seed, decides what a text is.

    Raises:
        DataError: the folder cannot be created, or another file stands there.
    """
    names = [f"{name}-{seed}.txt" for seed in seeds]
    generated_files.free(out, [[one] for one in names], LIST, settings)
    return [TextFile(out / one, settings) for one in names]
