"""Writes results to standard output one after the other, each as soon as it is there."""

from types import TracebackType
from typing import Any, Self, TextIO

from crnn_audio.console import as_json, one_line
from crnn_audio.errors import OutputError
from crnn_audio.inference.outputs.formats import FORMATS, Formats, as_ctm, fields

ONE_FILE = frozenset({"srt", "vtt", "tsv", "textgrid"})
"""Formats whose file holds one recording; several cannot be concatenated."""


class Printer:
    """Writes hypotheses in one format; as JSON they are an array, which is closed after errors too.

    Args:
        formats: what turns a result into each format.
        named: whether each line of text begins with the path of its recording.
    """

    def __init__(self, form: str, stdout: TextIO, formats: Formats = FORMATS, *, named: bool) -> None:
        self.form = form
        self.formats = formats
        self.stdout = stdout
        self.named = named
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.form == "json" and not isinstance(error, OSError | OutputError):
            self.stdout.write("\n]\n" if self.count else "[]\n")

    def put(self, hypothesis: Any, name: str) -> None:
        """Writes one more result; `name` is what CTM calls its recording."""
        self.stdout.write(self._written(hypothesis, name))
        self.stdout.flush()
        self.count += 1

    def _written(self, hypothesis: Any, name: str) -> str:
        if self.form == "json":
            return (",\n" if self.count else "[\n") + as_json(fields(hypothesis), indent=1)
        if self.form == "ctm":
            return as_ctm(hypothesis, name)
        start = f"{one_line(str(hypothesis.path))}\t" if self.form == "text" and self.named else ""
        lines = self.formats[self.form](hypothesis).removesuffix("\n").split("\n")
        return "".join(f"{start}{line}\n" for line in lines)
