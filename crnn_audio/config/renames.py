"""Fields and values that had other names in earlier versions: a recipe that uses them gets a line for each."""

from collections.abc import Mapping
from typing import Any

from crnn_audio.config.explain import Problem, shown

FIELDS = {
    "task.given_share": "fixed_voice_probability",
    "task.untold_share": "condition_dropout",
    "data.batch_rows": "batch_size",
    "data.chunk_rows": "bptt",
    "data.chunk_frames": "bptt",
    "data.chunk_tokens": "bptt",
    "data.window": "context_length",
    "data.recall": "copy_context",
    "data.keys": "normalize_keys",
    "model.listener": "encoder",
    "augment.noise.share": "probability",
    "augment.rooms.share": "probability",
    "augment.rooms": "reverberation",
}
"""The new name of each old field, in the same section."""
VALUES: Mapping[str, Mapping[str, Any]] = {
    "task.kind": {"next_frame": "rolls", "next_token": "music", "language": "text"},
    "data.normalize_keys": {"own": False, "home": True},
}
"""The new value of each old one, by the new name of the field."""


def rename(data: dict[str, Any]) -> list[Problem]:
    """Gives a problem for each old name in a recipe's data.

    The data are changed to the new names, so that the validation that follows finds only what else is wrong.
    """
    fields = [_field(data, old.split("."), new) for old, new in FIELDS.items()]
    values = [_value(data, field.split("."), new) for field, new in VALUES.items()]
    return [problem for problem in (*fields, *values) if problem]


def _field(data: dict[str, Any], old: list[str], new: str) -> Problem | None:
    *sections, name = old
    section = _section(data, sections)
    if name not in section:
        return None
    section.setdefault(new, section.pop(name))
    return Problem(tuple(old), f"is now {'.'.join([*sections, new])}")


def _value(data: dict[str, Any], field: list[str], values: Mapping[str, Any]) -> Problem | None:
    *sections, name = field
    section = _section(data, sections)
    value = section.get(name)
    if not isinstance(value, str) or value not in values:
        return None
    section[name] = values[value]
    return Problem(tuple(field), f"{shown(value)} is now {shown(values[value])}")


def _section(data: Any, names: list[str]) -> dict[str, Any]:
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
