"""Files of what a model generated, and a list of them in their folder; a file of other origin is never replaced."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError, writing

ADVICE = "Choose another --out, or another --seed"


def free(out: Path, pieces: Sequence[Sequence[str]], listing: str, settings: Mapping[str, Any]) -> None:
    """Makes sure that the files of pieces may be written in a folder, which is created if need be.

    A file may be replaced where the folder's list has it, generated with the same settings.

    Args:
        pieces: the names of each piece's files.
        settings: what, beside its seed, decides what a piece is.

    Raises:
        DataError: the folder cannot be created, or another file stands there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot be made a folder ({error.strerror}).") from None
    own = {name: line for line in _lines(out / listing) for name in _names(line)}
    for name in (name for names in pieces for name in names if os.path.lexists(out / name)):
        if name not in own:
            raise DataError(f"{out / name}: exists and was not generated here. {ADVICE}.")
        if other := _differences(own[name], settings):
            raise DataError(f"{out / name}: exists, and was generated with {other}. {ADVICE}, or remove it.")


def add(path: Path, facts: Mapping[str, Any], names: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Adds a line to a folder's list, in place of an earlier one of the same file.

    Raises:
        DataError: the list cannot be written.
    """
    lines = _lines(path)
    before = [name for line in lines if _name(line) == names[0] for name in _names(line)]
    own = [name for name in dict.fromkeys([*names, *before]) if name in names or os.path.lexists(path.parent / name)]
    line = {**facts, "files": own, "settings": dict(settings)}
    kept = [line for line in lines if _name(line) != names[0]]
    with writing(path):
        files.write_text(path, "".join(json.dumps(one) + "\n" for one in [*kept, line]))


def _name(line: Mapping[str, Any]) -> str:
    return Path(str(line.get("path", ""))).name


def _names(line: Mapping[str, Any]) -> list[str]:
    """A piece's files, by their names; lists of earlier versions have the first one alone."""
    first = Path(_name(line))
    named = line.get("files")
    found = (
        named if isinstance(named, list) else [first.with_suffix(suffix) for suffix in (".png", ".wav") if first.name]
    )
    return [first.name, *map(str, found)]


def _differences(line: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What of the settings of a listed piece is otherwise, for people; of an earlier version's only some are known."""
    listed = line.get("settings")
    before = listed if isinstance(listed, dict) else {name: line[name] for name in settings if name in line}
    names = [*settings, *before] if before is listed else before
    return ", ".join(
        f"{name} {_worded(before.get(name))} and not {_worded(settings.get(name))}"
        for name in dict.fromkeys(names)
        if before.get(name) != settings.get(name)
    )


def _worded(value: object) -> str:
    return "unset" if value is None else str(value)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    text = files.read_text(path, DataError, advice="Move it away.")
    try:
        lines = [files.parse_json(line) for line in text.splitlines()]
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}). Move it away.") from None
    return [line for line in lines if isinstance(line, dict)]
