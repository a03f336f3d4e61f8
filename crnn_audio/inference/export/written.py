"""An export before it lies in its folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Save = Callable[[Path], None]


@dataclass(frozen=True)
class Written:
    """What is written of a model.

    Args:
        model: the ONNX model.
        facts: how it is called.
        files: by name, what writes each file beside it.
        usage: the commands that use the folder, "DIR" standing for it.
    """

    model: Any
    facts: Mapping[str, Any]
    files: Mapping[str, Save]
    usage: tuple[str, ...]
