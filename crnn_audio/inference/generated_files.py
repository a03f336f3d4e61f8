"""Files of what a model generated, and a list of them in their folder; a file of other origin is never replaced."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError


def free(out: Path, names: Sequence[str], listing: str) -> list[Path]:
    """Paths in a folder, created if need be, where files may be written: none stands there that its list lacks.

    Raises:
        DataError: the folder cannot be created, or such a file stands there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot be made a folder ({error.strerror}).") from None
    own = {line.get("path") for line in _lines(out / listing)}
    for path in (found := [out / name for name in names]):
        if path.exists() and str(path) not in own:
            raise DataError(f"{path}: exists and was not generated here. Choose another --out, or another --seed.")
    return found


def add(path: Path, facts: dict[str, Any]) -> None:
    """Adds a line to a folder's list, in place of an earlier one of the same file."""
    lines = [line for line in _lines(path) if line.get("path") != facts["path"]]
    files.write_text(path, "".join(json.dumps(line) + "\n" for line in [*lines, facts]))


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    text = files.read_text(path, DataError, advice="Move it away.")
    try:
        lines = [files.parse_json(line) for line in text.splitlines()]
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}). Move it away.") from None
    return [line for line in lines if isinstance(line, dict)]
