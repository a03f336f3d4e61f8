"""The errors a person can act on: what is wrong, where, what was found, what to do.

Every one carries the exit code that the command line ends with, so a script can tell a wrong recipe from a broken file.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class CrnnAudioError(Exception):
    """The root of all errors that are the input's fault and not a bug."""

    exit_code = 1


class RecipeError(CrnnAudioError):
    """A recipe is missing, unreadable or not valid."""

    exit_code = 3


class OldRecipeError(RecipeError):
    """A recipe uses names of fields from an earlier version; it says which, and what they are called now."""


class DataError(CrnnAudioError):
    """An audio file, a manifest or a corpus is missing, damaged or unusable."""

    exit_code = 4


class OutputError(CrnnAudioError):
    """Standard output is closed, or what it leads to is full."""

    exit_code = 4


class RunError(CrnnAudioError):
    """A run directory is missing, unfinished, damaged, read-only or from a newer version."""

    exit_code = 5


DAMAGED = "Restore it from a copy, or train again."
"""What to do about a file of a run directory that is missing or damaged."""

DIVERGED = (
    "the model computes NaN in place of numbers: its weights are damaged, or had diverged in training. Restore them "
    "from a copy, or train again."
)
"""Of weights that are finite themselves."""


class StreamError(CrnnAudioError):
    """This model or front end cannot be used on a live stream."""

    exit_code = 6


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Says in a line why a file cannot be written.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}). Name another folder, or make room."
        ) from None


@contextmanager
def enough_memory(advice: str) -> Iterator[None]:
    """Turns a lack of memory, of the machine or of a GPU, into one line; `advice` is what to do.

    Raises:
        RecipeError: there is too little.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        if isinstance(error, RuntimeError) and not any(word in reason for word in ("memory", "overflow")):
            raise
        raise RecipeError(f"Out of memory ({reason or type(error).__name__}): {advice}.") from error
