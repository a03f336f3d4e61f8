"""Weights in safetensors files: what a file holds is checked before any of it is read, and its hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crnn_audio import files

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # what only asks for a hash does not wait for torch

FLOATS = ("F16", "BF16", "F32", "F64")
LARGEST_HEADER = 2**24
"""Bytes; the names and shapes of a hundred thousand tensors."""

RENAMED = {"front.listener.": "front.encoder.", "head.told": "head.key_vectors"}
"""Beginnings of the names of weights in earlier versions, and what they are now."""

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each weight by its name."""


def sha256(path: Path) -> str:
    """The hash of a file in hexadecimal.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    with files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shapes(path: Path) -> Shapes:
    """What a file says it holds, without reading it.

    Raises:
        ValueError: it is damaged, or holds other numbers than floating-point ones.
        OSError: it cannot be read, or is no file.
    """
    from safetensors import SafetensorError, safe_open

    with files.opened(path) as file:
        if int.from_bytes(file.read(8), "little") > LARGEST_HEADER:
            raise ValueError("its header is too large")
    try:
        with safe_open(path, framework="pt") as held:
            parts = {name: held.get_slice(name) for name in held.keys()}  # noqa: SIM118
            types = {name: part.get_dtype() for name, part in parts.items()}
            found = {_renamed(name): tuple(part.get_shape()) for name, part in parts.items()}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    if wrong := next((name for name, kind in types.items() if kind not in FLOATS), None):
        raise ValueError(f"{wrong} is of type {types[wrong]}, where weights are floating-point numbers")
    return found


def read(path: Path) -> dict[str, Tensor]:
    """The weights in a file that `shapes` accepts.

    Raises:
        ValueError: one holds NaN or infinity, or a number too large for float32.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = {_renamed(name): weight for name, weight in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    for name, weight in weights.items():
        if not weight.float().isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    return weights


def difference(found: Shapes, expected: Shapes) -> str:
    """How the weights of a file differ from those of a model, in words; empty where they do not."""
    if missing := [name for name in expected if name not in found]:
        return f"{missing[0]} is missing"
    if unknown := [name for name in found if name not in expected]:
        return f"{unknown[0]} is of another model"
    wrong = next((name for name, shape in expected.items() if found[name] != shape), None)
    return f"the shape of {wrong} is {list(found[wrong])}, not {list(expected[wrong])}" if wrong else ""


def _renamed(name: str) -> str:
    for old, new in RENAMED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
