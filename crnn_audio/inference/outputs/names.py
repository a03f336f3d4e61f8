"""The recordings to transcribe, found in files and folders, and a unique name for the results of each.

The name is the recording's path relative to the folder argument, without the suffix; for a file argument, the file's
name. The second recording of a name keeps its suffix (`x.mp3` beside `x`), further ones get a number. The folder of the
results stores in `.sources.json` which recording each name belongs to, and later calls use the same names; and which
model wrote the results, by the hash of its weights.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath

from crnn_audio import audio, files
from crnn_audio.errors import DataError

INDEX = ".sources.json"


@dataclass(frozen=True)
class Earlier:
    """What was written of a recording.

    Args:
        formats: of which there are results.
        model: the hash of the weights of the model that wrote them; empty where no call noted one.
        since: the time of change, in nanoseconds, that a result of this model has at least; what is older, another
            model wrote.
    """

    formats: frozenset[str] = frozenset()
    model: str = ""
    since: int = 0


@dataclass(frozen=True)
class Located:
    """A recording, "-" for standard input, and the preferred path of its results, suffix included."""

    path: str
    preferred: str


@dataclass(frozen=True)
class Input:
    """A recording, "-" for standard input, and the path of its results below any folder, without suffix.

    `earlier` is what earlier calls wrote under this name.
    """

    path: str
    name: str
    earlier: "Earlier" = field(default_factory=lambda: Earlier())


def find_recordings(arguments: Sequence[str]) -> tuple[list[Located], list[DataError]]:
    """The files in the given order, each folder replaced by the recordings in it; and what is wrong with folders."""
    found: list[Located] = []
    problems: list[DataError] = []
    for argument in arguments:
        if argument != "-" and os.path.isdir(argument):  # noqa: PTH112 - Path's raises where it may not look
            found.extend(_walked(argument, problems))
        else:
            found.append(Located(argument, "stdin" if argument == "-" else Path(argument).name or "recording"))
    return found, problems


def _walked(folder: str, problems: list[DataError]) -> Iterator[Located]:
    """Recordings below a folder, sorted; links are followed, hidden files and folders left out."""
    refused: list[OSError] = []
    seen = {os.path.realpath(folder)}
    num_others = num_found = 0
    for place, folders, names in os.walk(folder, onerror=refused.append, followlinks=True):
        folders[:] = [one for one in sorted(folders) if not one.startswith(".") and _is_new(place, one, seen)]
        for name in sorted(names):
            if Path(name).suffix.lower() not in audio.SUFFIXES or name.startswith("."):
                num_others += 1
                continue
            num_found += 1
            path = Path(place) / name
            if files.endless(path):
                problems.append(DataError(f"{path}: {files.ENDLESS}. Name it by itself to read it to its end."))
                continue
            yield Located(str(path), path.relative_to(folder).as_posix())
    problems.extend(DataError(f"{one.filename}: cannot be read ({one.strerror}).") for one in refused)
    if not num_found and not refused:
        problems.append(DataError(f"{folder}: no recordings in this folder, only {num_others} other files."))


def _is_new(place: str, folder: str, seen: set[str]) -> bool:
    """False for a link to a folder that was visited before."""
    real = os.path.realpath(Path(place) / folder)
    known = real in seen
    seen.add(real)
    return not known


def assign_names(found: Sequence[Located], folder: Path | None = None, reserved: int = 0) -> list[Input]:
    """Each recording once, with a unique name; names that earlier calls stored in `folder` stay.

    Args:
        reserved: bytes that a suffix adds to a name; a longer name is cut so that both are legal.

    Raises:
        DataError: the index of the folder cannot be read.
    """
    entries = _read_index(folder)
    names = {source: name for name, (source, _) in entries.items()}
    taken = {_folded(name) for name in [*entries, INDEX.removesuffix(".json")]}
    inputs: dict[str, Input] = {}
    for one in found:
        source = _source(one.path, folder)
        if source in inputs:
            continue
        name = names.get(source) or next(
            preferred for preferred in _candidates(one.preferred, reserved) if _folded(preferred) not in taken
        )
        taken.add(_folded(name))
        inputs[source] = Input(one.path, name, entries[name][1] if source in names else Earlier())
    return list(inputs.values())


def _source(path: str, folder: Path | None) -> str:
    """Identifies a recording by its path relative to the folder, so that both can move together."""
    return "-" if path == "-" else os.path.relpath(path, folder or ".")


def _candidates(preferred: str, reserved: int) -> Iterator[str]:
    path = PurePosixPath(preferred)
    short = [path.stem] if path.stem.strip(".") else []  # the file may be called `..wav`
    numbered = (f"{files.shortened(path.name, reserved + 1 + len(str(number)))}.{number}" for number in count(2))
    return (str(path.with_name(files.shortened(name, reserved))) for name in chain([*short, path.name], numbered))


def _folded(name: str) -> str:
    """Equal for names that some file systems do not distinguish: by case, or composed and decomposed letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


_Entry = tuple[str, Earlier]
"""The source of a recording, and what was written of it."""


def _read_index(folder: Path | None) -> dict[str, _Entry]:
    if folder is None or not os.path.lexists(index := folder / INDEX):
        return {}
    try:
        entries = files.read_json_object(index, ValueError)
        for name in entries:
            _check_name(name)
        return {
            name: (
                str(entry["source"]),
                Earlier(frozenset(entry["formats"]), str(entry.get("model", "")), int(entry.get("since", 0))),
            )
            for name, entry in entries.items()
        }
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise DataError(
            f"{index}: damaged ({error}). It says which recordings the results in {folder} belong to. Choose another "
            "folder, or delete this file and add --overwrite."
        ) from None


def _check_name(name: str) -> None:
    """Refuses what a stranger's index may name and `assign_names` does not: a file outside of the folder.

    Raises:
        ValueError: it is one.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.name or ".." in path.parts or "\0" in name or Path(name).is_absolute():
        raise ValueError(f"the name {name!r} leads out of the folder")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Creates the folder, and locks it where the system can, so that no other process assigns names at the same time.

    Raises:
        DataError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _not_written(folder, error) from None
    try:
        if sys.platform != "win32":
            import fcntl

            with suppress(OSError):  # not every file system has locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def update_index(inputs: Sequence[Input], folder: Path, formats: Sequence[str]) -> None:
    """Stores in the folder that these recordings get results in these formats too.

    Raises:
        DataError: it cannot be written.
    """
    try:
        entries = _read_index(folder)
        new = {
            one.name: (_source(one.path, folder), replace(one.earlier, formats=one.earlier.formats | set(formats)))
            for one in inputs
        }
        if new.items() <= entries.items():
            return
        entries |= new
        plain = {
            name: {"source": source, "formats": sorted(one.formats), "model": one.model, "since": one.since}
            for name, (source, one) in entries.items()
        }
        files.write_text(folder / INDEX, json.dumps(plain, indent=1, sort_keys=True))
    except OSError as error:
        raise _not_written(folder, error) from None


def _not_written(folder: Path, error: OSError) -> DataError:
    return DataError(f"{folder}: cannot be written ({error.strerror or error}). Choose another folder.")
