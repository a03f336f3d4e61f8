"""Reads the schema: which sections an annotation allows, which tags select them, which values are allowed."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.sections import Section

TAG = "kind"
"""The field that selects one of several sections."""


def members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without None: `list[int] | None` gives `[list[int]]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [member for part in get_args(annotation) for member in members(part)]
    return [] if annotation is NoneType else [annotation]


def sections(annotation: Any) -> list[type[Section]]:
    """The sections that the annotation allows: several if a tag selects one."""
    return [member for member in members(annotation) if isinstance(member, type) and issubclass(member, Section)]


def section_of(annotation: Any, value: Any) -> type[Section] | None:
    """The section that `value` is meant to be, by its tag if there are several; None if it has no known tag."""
    options = sections(annotation)
    if len(options) <= 1:
        return options[0] if options else None
    tag = value.get(TAG) if isinstance(value, dict) else None
    return next((option for option in options if tag in tags(option)), None)


def tags(annotation: Any) -> list[Any]:
    """Every tag that selects a section of this annotation."""
    return [tag for option in sections(annotation) for tag in choices(option.model_fields[TAG].annotation)]


def choices(annotation: Any) -> list[Any]:
    """The literal values of the annotation, in its order."""
    literals = [member for member in members(annotation) if get_origin(member) is Literal]
    return [value for literal in literals for value in get_args(literal)]


def allowed(field: FieldInfo) -> list[Any]:
    """The values that a field may have, if they are spelled out or names of corpora."""
    corpora = [name for one in field.metadata if isinstance(one, CorpusOf) for name in one.names]
    return corpora or choices(field.annotation)


def item_of(annotation: Any, index: int) -> Any:
    """The annotation of an item of a list, or of a tuple of fixed length; None if there is no such item."""
    for member in members(annotation):
        inner = get_args(member)
        if get_origin(member) is list:
            return inner[0]
        if get_origin(member) is tuple:
            return inner[index] if index < len(inner) else None
    return None
