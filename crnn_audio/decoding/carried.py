"""The decoder that a run directory keeps: decoder.json with its options, and copies of the files that these name.

A copy's name holds the hash of its content, and decoder.json is replaced last: so a run has a whole decoder, the one
before or the new one, whenever writing is interrupted.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.decoding.options import NONE, SOURCES, STORED, DecodingOptions, digest, plain_name
from crnn_audio.errors import DAMAGED, DataError, RunError

FILE = "decoder.json"


def save(options: DecodingOptions, folder: Path) -> DecodingOptions:
    """Writes the options into a run directory, with the files that they name; the same options with these files.

    Of greedy decoding nothing is kept, and what was kept before is removed.

    Raises:
        DataError: a file cannot be read.
        OSError: the folder cannot be written.
    """
    kept: dict[str, str] = {}
    for name in SOURCES:
        if (path := getattr(options, name)) is not None:
            if path.is_dir():
                raise DataError(f"{path}: a run, which no other run keeps. Give it with --lm each time.")
            content = files.read_content(path, DataError)
            kept[name] = STORED.format(option=name, digest=digest(path), name=files.shortened(plain_name(path), 40))
            if not (folder / kept[name]).exists():
                files.write_bytes(folder / kept[name], content)
    changed = {name: value for name, value in vars(options).items() if value != getattr(NONE, name)}
    if not options.is_greedy:
        files.write_text(folder / FILE, json.dumps(changed | kept, indent=1) + "\n")
    else:
        (folder / FILE).unlink(missing_ok=True)
    for left in folder.glob(STORED.format(option="*", digest="*", name="*")):
        if left.name not in kept.values():
            left.unlink()
    copies: dict[str, Any] = {name: folder / stored for name, stored in kept.items()}
    return dataclasses.replace(options, **copies)


def load(folder: Path) -> DecodingOptions:
    """The options of a run directory; those that ask for nothing where it keeps none.

    Raises:
        RunError: decoder.json is damaged, or a file that it names is missing.
    """
    path = folder / FILE
    if not path.exists():
        return NONE
    stored = files.read_json_object(path, RunError, advice=DAMAGED)
    changes: dict[str, Any] = {}
    for name, value in stored.items():
        default = getattr(NONE, name, None)
        if name in SOURCES and isinstance(value, str):
            changes[name] = folder / Path(value).name
            if not changes[name].exists():
                raise RunError(f"{path}: names {value}, which is missing. {DAMAGED}")
        elif _fits(value, default):
            changes[name] = value
        else:
            raise RunError(f"{path}: damaged (its {name} is {str(value)[:40]!r}). {DAMAGED}")
    try:
        return DecodingOptions(**changes)
    except DataError as error:
        raise RunError(f"{path}: damaged. {error} {DAMAGED}") from None


def _fits(value: Any, default: Any) -> bool:
    """Whether a stored value is of the kind of an option."""
    if isinstance(value, str):
        return isinstance(default, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and isinstance(default, int | float)
