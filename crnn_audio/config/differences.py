"""In which fields two recipes differ."""

from collections.abc import Iterator
from typing import Any


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """A line for each field in which two nested dictionaries differ: `a.b: first -> second`."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    elif one != other:
        yield f"{path}: {one} -> {other}"
