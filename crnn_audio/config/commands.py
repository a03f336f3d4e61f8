"""Commands and recipes as they are recorded and printed: quoted, without paths that only this machine has."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from crnn_audio.config.schema import Recipe


def command(words: Sequence[str]) -> str:
    """A line that can be pasted into a shell; paths below the working folder are relative to it."""
    return shlex.join(["crnn-audio", *map(from_here, words)])


def from_here(word: str) -> str:
    """A word of a command, such as data.root=FOLDER, with a path below the working folder relative to it."""
    here = re.escape(f"{Path.cwd()}/")
    return re.sub(rf"(?<![^=\"']){here}(?=.)", "", word)


def portable(recipe: Recipe) -> Recipe:
    """A recipe to publish: without the folder of a known corpus, and of the run that it starts from only the name."""
    root = from_here(recipe.data.root) if recipe.data.root and _is_own(recipe) else None
    init = Path(recipe.init).name if recipe.init else None
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"root": root}), "init": init})


def portable_command(typed: str, recipe: Recipe) -> str:
    """The command that trained a recipe, changed in the same way; of a run elsewhere only the name is left."""
    words = list[str]()
    for word in shlex.split(typed):
        if words[-1:] == ["--out"] and Path(from_here(word)).is_absolute():
            word = Path(word).name
        field, _, value = word.partition("=")
        if field != "data.root" or _is_own(recipe):
            words.append(f"init={Path(value).name}" if field == "init" else from_here(word))
    return shlex.join(words)


def _is_own(recipe: Recipe) -> bool:
    """Whether its data are files of somebody's own, which are nowhere else."""
    from crnn_audio.corpora import CORPORA, home  # here, so that importing this needs no NumPy

    return CORPORA[recipe.data.corpus].HOME == home.LOCAL
