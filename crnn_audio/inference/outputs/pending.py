"""Which recordings still have to be transcribed, and where their results go.

Recordings whose results of this model are there are left out; files that are not ours are never replaced without
--overwrite, and none outside of the folder of the results.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from crnn_audio.errors import DataError
from crnn_audio.inference.outputs import names
from crnn_audio.inference.outputs.formats import SUFFIXES
from crnn_audio.inference.outputs.names import Input
from crnn_audio.inference.outputs.printer import ONE_FILE

PICTURE = "picture"


@dataclass(frozen=True)
class Outputs:
    """Each format into a file below `out`, or a single one to standard output; pictures below `plots`."""

    formats: tuple[str, ...] = ("text",)
    out: Path | None = None
    plots: Path | None = None

    @property
    def home(self) -> Path | None:
        """The folder that stores which recording each name belongs to."""
        return self.out or self.plots

    def paths(self, name: str) -> dict[str, Path]:
        """The files of one recording, by format."""
        texts = {form: self.out / f"{name}{SUFFIXES[form]}" for form in self.formats} if self.out else {}
        return {**texts, PICTURE: self.plots / f"{name}.png"} if self.plots else texts


@dataclass(frozen=True)
class Pending:
    """Recordings to transcribe, the number that an earlier call has done, and errors of those that cannot be done.

    Of those to transcribe, `num_stale` have results of another model.
    """

    inputs: tuple[Input, ...]
    num_done: int = 0
    num_stale: int = 0
    problems: tuple[DataError, ...] = ()


def misuse(outputs: Outputs, overwrite: bool, channels: str = "mix") -> str | None:
    """Why these options contradict each other, if they do."""
    if outputs.out is None and len(outputs.formats) > 1:
        return "Several formats at once need --out DIR, a folder for their files."
    if outputs.plots is not None and channels == "each":
        return "--plot shows one channel; choose --channels mix, left or right."
    if outputs.home is None and overwrite:
        return "--overwrite replaces the files in --out DIR or --plot DIR; add one of them."
    return None


def pending(arguments: Sequence[str], outputs: Outputs, *, overwrite: bool = False, model: str = "") -> Pending:
    """Finds the recordings, names their results and leaves out what is done.

    With `out`, a recording is done if all its results exist, are no older than the recording and are of the same model.

    Args:
        model: the hash of its weights; empty counts as that of any results.

    Raises:
        DataError: the folder of the results cannot be used.
    """
    found, problems = names.find_recordings(arguments)
    if outputs.home is None:
        nameless = tuple(Input(one.path, PurePosixPath(one.preferred).stem) for one in found)
        return Pending(nameless, problems=tuple(problems))
    with names.locked(outputs.home):
        reserved = max(len(path.name) for path in outputs.paths("").values())
        named = names.assign_names(found, outputs.home, reserved)
        return _pending(named, problems, outputs, outputs.home, overwrite, model)


def _pending(
    named: Sequence[Input], problems: list[DataError], outputs: Outputs, home: Path, overwrite: bool, model: str
) -> Pending:
    waiting: list[Input] = []
    num_done = num_stale = 0
    for one in named:
        is_stale = bool(one.earlier.model and model) and one.earlier.model != model
        if error := _outside(one, outputs) or (None if overwrite else _in_the_way(one, outputs)):
            problems.append(error)
        elif not overwrite and not is_stale and _is_done(one, outputs):
            num_done += 1
        else:
            num_stale += is_stale
            since = _after_all(one, outputs) if is_stale else one.earlier.since
            waiting.append(replace(one, earlier=replace(one.earlier, model=model or one.earlier.model, since=since)))
    names.update_index([one for one in waiting if _is_there(one.path)], home, list(outputs.paths("")))
    return Pending(tuple(waiting), num_done, num_stale, tuple(problems))


def _outside(one: Input, outputs: Outputs) -> DataError | None:
    """An error if a link in the folder of the results would lead out of it."""
    for form, path in outputs.paths(one.name).items():
        folder = outputs.plots if form == PICTURE else outputs.out
        if folder and not path.parent.resolve().is_relative_to(folder.resolve()):
            return DataError(
                f"{one.path}: {path.parent} is a link that leads out of {folder}. Remove it, or choose another folder."
            )
    return None


def _in_the_way(one: Input, outputs: Outputs) -> DataError | None:
    """An error if a file that no earlier call wrote, such as a reference transcript, would be replaced."""
    new = [path for form, path in outputs.paths(one.name).items() if form not in one.earlier.formats]
    if not (there := [str(path) for path in new if os.path.lexists(path)]):
        return None
    return DataError(
        f"{one.path}: {', '.join(there)} exists and was not written by an earlier call. Choose another folder, or add "
        "--overwrite to replace it."
    )


def _is_done(one: Input, outputs: Outputs) -> bool:
    """Whether all results exist and are up to date; never for standard output and pipes."""
    if outputs.out is None or one.path == "-":
        return False
    try:
        newest = max(Path(one.path).stat().st_mtime_ns, one.earlier.since)
        return all(path.stat().st_mtime_ns >= newest for path in outputs.paths(one.name).values())
    except OSError:
        return False


def _after_all(one: Input, outputs: Outputs) -> int:
    """A time of change after that of all results of a recording, so that they count as another model's."""
    every = replace(outputs, formats=tuple(one.earlier.formats & SUFFIXES.keys()))
    there = [path.lstat().st_mtime_ns for path in every.paths(one.name).values() if os.path.lexists(path)]
    return max([one.earlier.since, *(time + 1 for time in there)])


def _is_there(path: str) -> bool:
    return path == "-" or os.path.exists(path)  # noqa: PTH110 - Path's raises where it may not look


def clash(pending: Pending, outputs: Outputs) -> str | None:
    """Why these recordings cannot all be written to standard output in that format, if they cannot."""
    (form, *_), taken = outputs.formats, [one.name for one in pending.inputs]
    if outputs.out is not None or len(taken) < 2:
        return None
    if form in ONE_FILE:
        return f"A file of {form} holds one recording, but {len(taken)} are given. Add --out DIR."
    if form == "ctm" and len(set(taken)) < len(taken):
        return "Two recordings would have the same name in the CTM. Add --out DIR."
    return None
