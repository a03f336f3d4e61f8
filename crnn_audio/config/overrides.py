"""Sets overrides, `key.path=value`, in a recipe's data before it is validated.

A missing section on the path is created as its default, or empty if it has none, so that `model.conv.0.channels=64`
works if the recipe does not mention `model`. Names are not checked here, but in the validation that follows.
"""

from dataclasses import dataclass
from typing import Any

from crnn_audio.config.explain import dotted, shown
from crnn_audio.config.fields import TAG, item_of, section_of
from crnn_audio.config.flat_yaml import Path, parse
from crnn_audio.config.schema import Kinds, recipe_class
from crnn_audio.config.sections import Section


@dataclass(frozen=True)
class Override:
    """One override as it was written, and the path that it set."""

    text: str
    path: Path


def apply(text: str, data: dict[str, Any], words: dict[Path, str], kinds: Kinds) -> Override:
    """Sets one override in `data`, and in `words` what YAML read as booleans.

    Raises:
        ValueError: it is not of the form `key.path=value`, or its path leads through a value that is not a section.
    """
    key, equals, written = text.partition("=")
    if not equals:
        raise ValueError("write it as key.path=value")
    try:
        document = parse(written)
    except ValueError as error:
        raise ValueError(f"the value is not YAML; {error}") from None
    for place, what in document.twice.items():
        raise ValueError(f"{dotted(place)} {what}")
    path = _set(data, key.strip().split("."), document.value, recipe_class(data, kinds))
    for stale in [place for place in words if place[: len(path)] == path]:
        del words[stale]
    words.update({path + place: word for place, word in document.words.items()})
    return Override(text, path)


def _set(data: dict[str, Any], parts: list[str], value: Any, annotation: Any) -> Path:
    holder: Any = data
    path: Path = ()
    for part in parts[:-1]:
        key = _key(holder, part, path)
        annotation, default = _below(annotation, holder, key)
        if isinstance(holder, dict) and holder.get(part) is None:
            holder[part] = _initial(default)
        holder, path = holder[key], (*path, key)
    key = _key(holder, parts[-1], path)
    holder[key] = value
    return (*path, key)


def _key(holder: Any, part: str, path: Path) -> Any:
    """The key or index by which `holder` knows `part`."""
    if isinstance(holder, dict):
        return part
    if not isinstance(holder, list):
        raise ValueError(f"{dotted(path)} is not a section (found {shown(holder)})")
    if part.isdecimal() and int(part) < len(holder):
        return int(part)
    have = f"it has items 0 to {len(holder) - 1}" if holder else "it is empty"
    raise ValueError(f"{dotted(path)} has no item '{part}'; {have}")


def _below(annotation: Any, holder: Any, key: Any) -> tuple[Any, Any]:
    """The annotation and the default of a field or item, from the schema."""
    if isinstance(holder, list):
        return item_of(annotation, key), None
    section = section_of(annotation, holder)
    field = section.model_fields.get(key) if section else None
    return (field.annotation, field.get_default()) if field else (None, None)


def _initial(default: Any) -> Any:
    """The shortest data that mean the same as a default."""
    if isinstance(default, Section):
        tag = {TAG: getattr(default, TAG)} if TAG in type(default).model_fields else {}
        return tag | default.model_dump(mode="json", exclude_defaults=True)
    if isinstance(default, list | tuple):
        return [_initial(item) if isinstance(item, Section) else item for item in default]
    return {}
