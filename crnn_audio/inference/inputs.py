"""Which recordings to transcribe and what their results are called: folders walked, no name given twice.

A result is called by its recording's path below the folder that was given, without the suffix; of a file that was
given by itself, by its name alone. Whoever comes second keeps the suffix (`x.mp3` beside `x`), the next ones get a
number. The folder of the results notes in `.sources.json` which recording a name stands for: later calls keep to it.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from crnn_audio import audio, files
from crnn_audio.errors import DataError

INDEX = ".sources.json"


@dataclass(frozen=True)
class Found:
    """A recording, "-" for standard input, and the path that its results would like to have, suffix included."""

    path: str
    wish: str


@dataclass(frozen=True)
class Input:
    """A recording, "-" for standard input, and the path of its results below any folder, without suffix.

    `formats` are those that earlier calls wrote under this name.
    """

    path: str
    name: str
    formats: frozenset[str] = frozenset()


def find(arguments: Sequence[str]) -> tuple[list[Found], list[DataError]]:
    """The files in the order given, each folder replaced by the recordings in it; and folders that are of no use."""
    found: list[Found] = []
    problems: list[DataError] = []
    for argument in arguments:
        if argument != "-" and os.path.isdir(argument):  # noqa: PTH112 - Path's raises where it may not look
            found.extend(_walked(argument, problems))
        else:
            found.append(Found(argument, "stdin" if argument == "-" else Path(argument).name or "recording"))
    return found, problems


def _walked(folder: str, problems: list[DataError]) -> Iterator[Found]:
    """Recordings below a folder, sorted; links are followed, hidden files and folders are not."""
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
            yield Found(str(path), path.relative_to(folder).as_posix())
    problems.extend(DataError(f"{one.filename}: cannot be read ({one.strerror}).") for one in refused)
    if not num_found and not refused:
        problems.append(DataError(f"{folder}: no recordings in this folder, only {num_others} other files."))


def _is_new(place: str, folder: str, seen: set[str]) -> bool:
    """False for a link that leads to where the walk has been."""
    real = os.path.realpath(Path(place) / folder)
    known = real in seen
    seen.add(real)
    return not known


def named(found: Sequence[Found], folder: Path | None = None) -> list[Input]:
    """Gives each recording a name of its own, once; names of earlier calls, kept in `folder`, stay.

    Raises:
        DataError: what the folder remembers cannot be read.
    """
    entries = _remembered(folder)
    names = {entry.source: name for name, entry in entries.items()}
    taken = {_same(name) for name in [*entries, INDEX.removesuffix(".json")]}
    inputs: dict[str, Input] = {}
    for one in found:
        source = _source(one.path, folder)
        if source in inputs:
            continue
        name = names.get(source) or next(wish for wish in _wishes(one.wish) if _same(wish) not in taken)
        taken.add(_same(name))
        inputs[source] = Input(one.path, name, entries[name].formats if source in names else frozenset())
    return list(inputs.values())


def _source(path: str, folder: Path | None) -> str:
    """What stands for a recording: its place seen from the folder, so that both can move together."""
    return "-" if path == "-" else os.path.relpath(path, folder or ".")


def _wishes(wish: str) -> Iterator[str]:
    path = PurePosixPath(wish)
    short = [str(path.with_name(path.stem))] if path.stem.strip(".") else []  # the file may be called `..wav`
    return chain([*short, wish], (f"{wish}.{number}" for number in count(2)))


def _same(name: str) -> str:
    """Equal for names that some file systems take for one: upper and lower case, composed and decomposed letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@dataclass(frozen=True)
class _Entry:
    source: str
    formats: frozenset[str]


def _remembered(folder: Path | None) -> dict[str, _Entry]:
    if folder is None or not (index := folder / INDEX).exists():
        return {}
    try:
        entries = files.read_json_object(index, ValueError)
        return {name: _Entry(str(entry["source"]), frozenset(entry["formats"])) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{index}: damaged ({error}). It tells which recordings the results in {folder} belong to. Name another "
            "folder, or delete it and give --overwrite."
        ) from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other calls from giving names in it meanwhile, where the system can.

    Raises:
        DataError: the folder cannot be made.
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


def remember(inputs: Sequence[Input], folder: Path, formats: Sequence[str]) -> None:
    """Notes in the folder that these recordings get results in these formats.

    Raises:
        DataError: it cannot be written.
    """
    try:
        entries = _remembered(folder)
        new = {one.name: _Entry(_source(one.path, folder), one.formats | set(formats)) for one in inputs}
        if new.items() <= entries.items():
            return
        entries |= new
        plain = {name: {"source": one.source, "formats": sorted(one.formats)} for name, one in entries.items()}
        files.write_text(folder / INDEX, json.dumps(plain, indent=1, sort_keys=True))
    except OSError as error:
        raise _not_written(folder, error) from None


def _not_written(folder: Path, error: OSError) -> DataError:
    return DataError(f"{folder}: cannot be written ({error.strerror or error}). Name another folder.")
