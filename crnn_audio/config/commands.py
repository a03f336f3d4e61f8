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
    """A recipe to publish: without the folder of a known corpus; of the run that it starts from only the name.

    The same of files of its decoder that lie elsewhere, which the run keeps.
    """
    root = from_here(recipe.data.root) if recipe.data.root and _is_own(recipe) else None
    init = Path(recipe.init).name if recipe.init else None
    changes: dict[str, object] = {"data": recipe.data.model_copy(update={"root": root}), "init": init}
    if decoder := getattr(recipe, "decoder", None):
        named = {name: _nearby(path) for name, path in decoder if isinstance(path, str)}
        changes["decoder"] = decoder.model_copy(update=named)
    return recipe.model_copy(update=changes)


def _nearby(path: str) -> str:
    """A path below the working folder relative to it, of any other absolute one the name."""
    found = from_here(path)
    return Path(found).name if Path(found).is_absolute() else found


def portable_command(typed: str, recipe: Recipe) -> str:
    """The command that trained a recipe, changed in the same way; of a run elsewhere only the name is left."""
    words = list[str]()
    for word in shlex.split(typed):
        if words[-1:] == ["--out"] and Path(from_here(word)).is_absolute():
            word = Path(word).name
        field, _, value = word.partition("=")
        if field != "data.root" or _is_own(recipe):
            near = f"{field}={_nearby(value)}" if field.startswith("decoder.") else from_here(word)
            words.append(f"init={Path(value).name}" if field == "init" else near)
    return shlex.join(words)


def _is_own(recipe: Recipe) -> bool:
    """Whether its data are files of somebody's own, which are nowhere else."""
    from crnn_audio.corpora import CORPORA, home  # here, so that importing this needs no NumPy

    return CORPORA[recipe.data.corpus].HOME == home.LOCAL
