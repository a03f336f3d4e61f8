"""Where results go: which files belong to which recording, what is there already, and what would be in the way."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crnn_audio.errors import DataError
from crnn_audio.inference import inputs
from crnn_audio.inference.formats import SUFFIXES
from crnn_audio.inference.inputs import Input
from crnn_audio.inference.printing import ONE_FILE

PICTURE = "picture"


@dataclass(frozen=True)
class Outputs:
    """Each format into a file below `out`, or a single one to standard output; pictures below `plots`."""

    formats: tuple[str, ...] = ("text",)
    out: Path | None = None
    plots: Path | None = None

    @property
    def home(self) -> Path | None:
        """The folder that remembers which recording each name stands for."""
        return self.out or self.plots

    def paths(self, name: str) -> dict[str, Path]:
        """The files of one recording, by format."""
        texts = {form: self.out / f"{name}{SUFFIXES[form]}" for form in self.formats} if self.out else {}
        return {**texts, PICTURE: self.plots / f"{name}.png"} if self.plots else texts


@dataclass(frozen=True)
class Plan:
    """Recordings to transcribe, how many were done by an earlier call, and what cannot be done at all."""

    inputs: tuple[Input, ...]
    num_done: int = 0
    problems: tuple[DataError, ...] = ()


def misuse(outputs: Outputs, overwrite: bool) -> str | None:
    """What is wrong with the options by themselves, if anything."""
    if outputs.out is None and len(outputs.formats) > 1:
        return "Several formats at once need --out DIR, a folder for their files."
    if outputs.home is None and overwrite:
        return "--overwrite is about the files of --out DIR or --plot DIR; name one."
    return None


def plan(arguments: Sequence[str], outputs: Outputs, *, overwrite: bool = False) -> Plan:
    """Finds the recordings and gives their results names.

    With `out`, one whose results are all there and no older than itself counts as done.

    Raises:
        DataError: the folder of the results cannot be used.
    """
    found, problems = inputs.find(arguments)
    if outputs.home is None:
        nameless = tuple(Input(one.path, PurePosixPath(one.wish).stem) for one in found)
        return Plan(nameless, problems=tuple(problems))
    with inputs.alone(outputs.home):
        return _sorted_out(inputs.named(found, outputs.home), problems, outputs, outputs.home, overwrite)


def _sorted_out(
    named: Sequence[Input], problems: list[DataError], outputs: Outputs, home: Path, overwrite: bool
) -> Plan:
    waiting: list[Input] = []
    num_done = 0
    for one in named:
        if not overwrite and (error := _in_the_way(one, outputs)):
            problems.append(error)
        elif not overwrite and _is_done(one, outputs):
            num_done += 1
        else:
            waiting.append(one)
    inputs.remember([one for one in waiting if _is_there(one.path)], home, list(outputs.paths("")))
    return Plan(tuple(waiting), num_done, tuple(problems))


def _in_the_way(one: Input, outputs: Outputs) -> DataError | None:
    """An error if a file that no call of ours wrote, such as a reference transcript, would be replaced."""
    new = [path for form, path in outputs.paths(one.name).items() if form not in one.formats]
    if not (there := [str(path) for path in new if os.path.lexists(path)]):
        return None
    return DataError(
        f"{one.path}: {', '.join(there)} is there already, and not from an earlier call. Name another folder, or give "
        "--overwrite to replace it."
    )


def _is_done(one: Input, outputs: Outputs) -> bool:
    """Never, where its text goes to standard output, and for a pipe."""
    if outputs.out is None or one.path == "-":
        return False
    try:
        changed = Path(one.path).stat().st_mtime_ns
        return all(path.stat().st_mtime_ns >= changed for path in outputs.paths(one.name).values())
    except OSError:
        return False


def _is_there(path: str) -> bool:
    return path == "-" or os.path.exists(path)  # noqa: PTH110 - Path's raises where it may not look


def clash(plan: Plan, outputs: Outputs) -> str | None:
    """Why these recordings cannot share standard output in that format, if they cannot."""
    (form, *_), names = outputs.formats, [one.name for one in plan.inputs]
    if outputs.out is not None or len(names) < 2:
        return None
    if form in ONE_FILE:
        return f"A file of {form} is about one recording, but {len(names)} are given. Add --out DIR."
    if form == "ctm" and len(set(names)) < len(names):
        return "Two recordings would have the same name in the CTM. Add --out DIR."
    return None
