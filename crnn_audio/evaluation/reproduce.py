"""The commands that make a row of results again: those of its recipe, not those that were typed.

A run may have been trained in any folder, by options that say what the recipe says; what counts is how it differs from
the recipe. So a command has no path of a machine, trains into a folder of its own, and evaluates that one.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crnn_audio.config.schema import Recipe

FIELDS = ("data.dev_as_train", "data.fold", "precision", "device", "threads", "seed")
"""What may differ between runs of one recipe, as overrides."""
OTHER_VERSION: dict[str, Any] = {
    "data": {"root", "dev_as_train", "fold"},
    "generation": True,
    "device": True,
    "threads": True,
    "seed": True,
}
"""What to leave out of a recipe that is compared with another version of itself: the same, where its corpus lies, and
what `generate` does by default. Another precision is another version, and may be used all the same."""


def commands(
    name: Path,
    recipe: Recipe,
    trained: Recipe,
    precision: str,
    split: str,
    weights: str,
    decoding: Sequence[str] = (),
) -> str:
    """Training and evaluation in a line for a shell.

    Args:
        name: the recipe's path, and `recipe` what it says.
        trained: what the run was trained by; `precision` what it was trained in, which may be another than was asked.
        weights: "best" or "last".
        decoding: options of the command line that the run is decoded with.
    """
    used = trained.model_copy(update={"precision": precision})
    changes = [f"{field}={_spelled(_at(used, field))}" for field in FIELDS if _at(used, field) != _at(recipe, field)]
    out = str(folder(name, trained))
    train = shlex.join(["crnn-audio", "train", str(name), *changes, "--out", out])
    asked = ["--split", split, "--weights", weights, *decoding]
    return f"{train} && {shlex.join(['crnn-audio', 'evaluate', out, *asked])}"


def folder(name: Path, trained: Recipe) -> Path:
    """A run directory that no other run of any recipe has: runs/an4-bilstm-train+dev-1."""
    parts = [name.parent.name, name.stem]
    parts += ["train+dev"] if _at(trained, "data.dev_as_train") else []
    parts += [f"fold{_at(trained, 'data.fold')}"] if _at(trained, "data.fold") else []
    return Path("runs", "-".join([*parts, str(trained.seed)]))


def _at(recipe: Recipe, field: str) -> Any:
    """The value of a field; None where recipes of this kind have none of that name."""
    found: Any = recipe
    for part in field.split("."):
        found = getattr(found, part, None)
    return found


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
