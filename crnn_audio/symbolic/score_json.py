"""Scores as plain values that `json` writes, with the names of their fields, and back, checked."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass, replace
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.ticks import on_tick
from crnn_audio.symbolic.validation import validate

RENAMED = {"metres": "time_signatures"}
"""Fields of earlier files by what they are called now."""
LATER = {"repeats"}
"""Fields that earlier files lack."""
NEAR = 1e-6
"""Of a quarter note: as far as a time may be from a tick, for what other programs round."""


def as_json(score: Score) -> dict[str, Any]:
    """The score's fields by name, parts and notes too; equal scores give equal values."""
    return asdict(score)


def of_json(value: Any, *, complete: bool = False) -> Score:
    """The reverse of `as_json`, from what `json` has read.

    Args:
        complete: no field may be missing; otherwise those that have a default may.

    Raises:
        DataError: a field that is unknown, missing or of another kind, and where; a time that is on no tick.
    """
    if isinstance(value, Mapping):
        value = {RENAMED.get(name, name): one for name, one in value.items()}
        if complete and (missing := [one.name for one in fields(Score) if one.name not in {*value, *LATER}]):
            raise DataError(f"score has no {missing[0]!r}, which it needs.")
    score: Score = _made(Score, value, "score")
    parts = tuple(replace(part, notes=tuple(sorted(part.notes))) for part in score.parts)
    validate(score)
    return replace(score, parts=parts)


def _made(kind: Any, value: Any, place: str) -> Any:
    """A value of that kind; `place` says where it stands."""
    if is_dataclass(kind):
        return _object(kind, value, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise DataError(f"{place} should be a list (found {_shown(value)}).")
        return tuple(_made(get_args(kind)[0], one, f"{place}[{number}]") for number, one in enumerate(value))
    if kind is float:
        return _number(value, place)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{place} should be {'a text' if kind is str else 'a whole number'} (found {_shown(value)}).")
    return value


def _object(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise DataError(f"{place} should be an object with fields (found {_shown(value)}).")
    known, needed = _fields(kind)
    for name in value:
        if name not in known:
            raise DataError(f"{place} has no field {name!r}; there are {', '.join(known)}.")
    for name in needed:
        if name not in value:
            raise DataError(f"{place} has no {name!r}, which it needs.")
    return kind(**{name: _made(known[name], value[name], f"{place}.{name}") for name in value})


@cache
def _fields(kind: Any) -> tuple[dict[str, Any], list[str]]:
    """Their types by name; and those without a default."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}, [
        field.name for field in fields(kind) if field.default is MISSING
    ]


def _number(value: Any, place: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise DataError(f"{place} should be a number (found {_shown(value)}).")
    if place.endswith("tempo"):
        return float(value)
    if abs(on_tick(value) - value) > NEAR:
        raise DataError(f"{place} should be a multiple of 1/480 of a quarter note (found {value!r}).")
    return on_tick(value)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
