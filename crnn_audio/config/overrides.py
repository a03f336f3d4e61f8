"""`key.path=value`, set in a recipe's data before it is validated.

An absent section on the way is created as its default, or empty if it has none, so `model.conv.0.channels=64` works
where the recipe says nothing of `model`. Names are not checked here: the validation that follows knows them all.
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
    """One override as it was written, and the place that it set."""

    text: str
    path: Path


def apply(text: str, data: dict[str, Any], words: dict[Path, str], kinds: Kinds) -> Override:
    """Sets one override in `data`, and in `words` what YAML read as booleans.

    Raises:
        ValueError: it is not of the form `key.path=value`, or its path leads through something that is no section.
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
        raise ValueError(f"{dotted(path)} is no section (found {shown(holder)})")
    if part.isdecimal() and int(part) < len(holder):
        return int(part)
    have = f"it has items 0 to {len(holder) - 1}" if holder else "it is empty"
    raise ValueError(f"{dotted(path)} has no item '{part}'; {have}")


def _below(annotation: Any, holder: Any, key: Any) -> tuple[Any, Any]:
    """What the schema says of one place inside another: its annotation and its default."""
    if isinstance(holder, list):
        return item_of(annotation, key), None
    section = section_of(annotation, holder)
    field = section.model_fields.get(key) if section else None
    return (field.annotation, field.get_default()) if field else (None, None)


def _initial(default: Any) -> Any:
    """The data of a section or list that the recipe leaves to its default; as little as gives the same meaning."""
    if isinstance(default, Section):
        tag = {TAG: getattr(default, TAG)} if TAG in type(default).model_fields else {}
        return tag | default.model_dump(mode="json", exclude_defaults=True)
    if isinstance(default, list | tuple):
        return [_initial(item) if isinstance(item, Section) else item for item in default]
    return {}
