"""Pydantic's errors in plain words: where, what was expected, what was found, and the nearest name."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from crnn_audio.config.fields import TAG, allowed, choices, item_of, members, section_of, sections, tags
from crnn_audio.config.flat_yaml import Path
from crnn_audio.config.schema import Kinds, recipe_class
from crnn_audio.config.sections import Section


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (empty for the whole recipe) and what."""

    path: Path
    text: str


def explain(error: ValidationError, data: Any, words: dict[Path, str], kinds: Kinds) -> list[Problem]:
    """Every problem of a recipe that did not validate, each once.

    `data` is what was validated and `words` what YAML read as booleans; they give the values found.
    """
    found = (_explain(_locate(detail, data, words, kinds), kinds) for detail in error.errors(include_url=False))
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Place:
    """Where an error is: its path without tags, and what the schema has there and around it."""

    error: ErrorDetails
    path: Path
    value: Any
    annotation: Any
    field: FieldInfo | None
    section: type[Section]
    siblings: list[type[Section]]
    words: dict[Path, str]


def _locate(error: ErrorDetails, data: Any, words: dict[Path, str], kinds: Kinds) -> _Place:
    """Follows pydantic's location through schema and data; the tags that it names on the way are not in the path."""
    path: Path = ()
    section: type[Section] = recipe_class(data, kinds)
    value, annotation = data, cast(Any, section)
    field: FieldInfo | None = None
    siblings: list[type[Section]] = []
    around: list[type[Section]] = []
    for part in error["loc"]:
        here = section_of(annotation, value)
        if len(sections(annotation)) > 1:
            around, annotation = sections(annotation), here
            continue
        if here is not None and isinstance(part, str):
            section, siblings, around = here, around, []
            field = here.model_fields.get(part)
            annotation = field.annotation if field else None
        elif isinstance(part, int):
            annotation = item_of(annotation, part)
        else:
            continue
        path, value = (*path, part), _inside(value, part)
    return _Place(error, path, value, annotation, field, section, siblings, words)


def _inside(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _explain(place: _Place, kinds: Kinds) -> Problem:
    kind, context = place.error["type"], place.error.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(place.path, _unknown_field(place))
    if kind == "missing":
        return _missing(place)
    if kind == "union_tag_not_found":
        return Problem(place.path, f"{TAG} is missing; it should be {any_of(tags(place.annotation))}")
    if kind == "union_tag_invalid":
        path = (*place.path, TAG)
        return Problem(path, _not_allowed(tags(place.annotation), _inside(place.value, TAG), place.words.get(path)))
    if kind == "literal_error" and place.path == ("task", TAG):
        return Problem(place.path, _not_allowed(list(kinds), place.value, place.words.get(place.path)))
    if kind == "literal_error":
        return Problem(place.path, _not_allowed(_allowed(place), place.value, place.words.get(place.path)))
    if kind == "value_error":
        return Problem(place.path, str(context["error"]))
    return Problem(place.path, _not_fitting(place, kind, context))


def _allowed(place: _Place) -> list[Any]:
    return choices(place.annotation) or (allowed(place.field) if place.field else [])


def _unknown_field(place: _Place) -> str:
    name, fields = str(place.path[-1]), list(place.section.model_fields)
    owners = [tag for sibling in place.siblings if name in sibling.model_fields for tag in tags(sibling)]
    if owners:
        return f"no such field with {TAG} {any_of(tags(place.section))}; it belongs to {any_of(owners)}"
    near = nearest(name, fields)
    return f"no such field; did you mean '{near}'?" if near else f"no such field; the fields are {', '.join(fields)}"


def _missing(place: _Place) -> Problem:
    if isinstance(place.path[-1], int):
        found: list[Any] = place.error["input"]
        expected = _items_of(place.field.annotation if place.field else None) or len(found) + 1
        return Problem(place.path[:-1], f"input should have {expected} items (found {shown(found)})")
    allowed = _allowed(place)
    return Problem(place.path, f"missing; it should be {any_of(allowed)}" if allowed else "missing; it has no default")


def _items_of(annotation: Any) -> int:
    return max((len(get_args(member)) for member in members(annotation)), default=0)


def _not_allowed(allowed: Sequence[Any], value: Any, word: str | None) -> str:
    text = f"input should be {any_of(allowed)} (found {_found(value, word)})"
    if word in allowed:
        return f"{text}; put it in quotes"
    near = nearest(value, allowed) if len(allowed) > 3 else None  # three or fewer need no suggestion
    return f"{text}; did you mean '{near}'?" if near else text


_NOUNS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a section of fields",
    "model_type": "a section of fields",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _not_fitting(place: _Place, kind: str, context: dict[str, Any]) -> str:
    found = f"(found {_found(place.value, place.words.get(place.path))})"
    if kind == "string_type" and isinstance(place.value, int | float):
        return f"input should be text {found}; put it in quotes"
    if kind in _NOUNS:
        return f"input should be {_NOUNS[kind]} {found}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"input should be {word} {context[key]:.15g} {found}"
    if kind in ("too_short", "too_long"):
        return f"input should have {_count(context)} {found}"
    if kind == "string_pattern_mismatch" and place.field and place.field.examples:
        return f"input should be like {any_of(place.field.examples)} {found}"
    message = place.error["msg"]
    return f"{message[:1].lower()}{message[1:]} {found}"


def _count(context: dict[str, Any]) -> str:
    word, count = ("at least", context["min_length"]) if "min_length" in context else ("at most", context["max_length"])
    size = str(count) if context["field_type"] == "Tuple" else f"{word} {count}"
    return f"{size} item" if count == 1 else f"{size} items"


def _found(value: Any, word: str | None) -> str:
    reads = shown(value)
    return reads if word is None or word.lower() == reads else f"{word}, which YAML reads as {reads}"


def nearest(name: Any, names: Iterable[Any]) -> str | None:
    """The most similar name, if any is similar enough."""
    options = [option for option in names if isinstance(option, str)]
    return next(iter(get_close_matches(name, options, n=1)), None) if isinstance(name, str) else None


def any_of(values: Sequence[Any]) -> str:
    """'rnn', 'lstm' or 'gru'."""
    words = [repr(value) for value in values]
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def shown(value: Any, limit: int = 60) -> str:
    """A value as it is written in a recipe, on one line, shortened if it is long."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        text = f"{value}".replace("inf", ".inf").replace("nan", ".nan")
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def dotted(path: Path) -> str:
    """model.conv.0.channels."""
    return ".".join(str(part) for part in path)
