"""Which recordings still have to be transcribed, and where their results go.

Recordings whose results are there are left out; files that are not ours are never replaced without --overwrite.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
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
    """Recordings to transcribe, the number that an earlier call has done, and errors of those that cannot be done."""

    inputs: tuple[Input, ...]
    num_done: int = 0
    problems: tuple[DataError, ...] = ()


def misuse(outputs: Outputs, overwrite: bool) -> str | None:
    """Why these options contradict each other, if they do."""
    if outputs.out is None and len(outputs.formats) > 1:
        return "Several formats at once need --out DIR, a folder for their files."
    if outputs.home is None and overwrite:
        return "--overwrite replaces the files in --out DIR or --plot DIR; add one of them."
    return None


def pending(arguments: Sequence[str], outputs: Outputs, *, overwrite: bool = False) -> Pending:
    """Finds the recordings, names their results and leaves out what is done.

    With `out`, a recording is done if all its results exist and are no older than the recording.

    Raises:
        DataError: the folder of the results cannot be used.
    """
    found, problems = names.find_recordings(arguments)
    if outputs.home is None:
        nameless = tuple(Input(one.path, PurePosixPath(one.preferred).stem) for one in found)
        return Pending(nameless, problems=tuple(problems))
    with names.locked(outputs.home):
        return _pending(names.assign_names(found, outputs.home), problems, outputs, outputs.home, overwrite)


def _pending(
    named: Sequence[Input], problems: list[DataError], outputs: Outputs, home: Path, overwrite: bool
) -> Pending:
    waiting: list[Input] = []
    num_done = 0
    for one in named:
        if not overwrite and (error := _in_the_way(one, outputs)):
            problems.append(error)
        elif not overwrite and _is_done(one, outputs):
            num_done += 1
        else:
            waiting.append(one)
    names.update_index([one for one in waiting if _is_there(one.path)], home, list(outputs.paths("")))
    return Pending(tuple(waiting), num_done, tuple(problems))


def _in_the_way(one: Input, outputs: Outputs) -> DataError | None:
    """An error if a file that no earlier call wrote, such as a reference transcript, would be replaced."""
    new = [path for form, path in outputs.paths(one.name).items() if form not in one.formats]
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
        changed = Path(one.path).stat().st_mtime_ns
        return all(path.stat().st_mtime_ns >= changed for path in outputs.paths(one.name).values())
    except OSError:
        return False


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
