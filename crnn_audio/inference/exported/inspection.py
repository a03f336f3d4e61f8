"""What an exported folder holds, for `show`, and whether it runs, for `doctor`; without torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from crnn_audio.errors import RunError
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import MODEL, Exported

STEPS = 200
"""Inputs of a trial."""


def described(exported: Exported) -> list[str]:
    """The model in lines: what it was exported from, its inputs, outputs and size.

    Raises:
        RunError: its graph is damaged, or onnxruntime is not installed.
    """
    facts, path = exported.facts, exported.path / MODEL
    session = folder.session(exported)
    precision = "weights of 8 bits" if facts.get("int8") else "float32"
    states = [one for one in session.get_inputs() if one.name.startswith("state")]
    lines = [
        ("task", exported.kind),
        ("exported from", f"{facts.get('model')}, weights {str(facts.get('weights'))[:16]}"),
        ("by crnn_audio", f"{facts.get('crnn_audio')}, format {facts.get('format')}"),
        ("graph", f"{path.stat().st_size / 1e6:.1f} MB, {precision}"),
        ("inputs", ", ".join(map(_tensor, session.get_inputs()[: -len(states) or None]))),
        ("outputs", ", ".join(map(_tensor, session.get_outputs()[: -len(states) or None]))),
        ("state", f"{sum(_size(one) for one in states):,} numbers a sequence" if states else "none: whole recordings"),
        ("files", ", ".join(sorted(facts["sha256"]))),
    ]
    return [f"{name:15} {value}" for name, value in lines]


def tried(exported: Exported) -> Mapping[str, Any]:
    """Runs the graph once on random inputs: the shape of each output.

    Raises:
        RunError: it does not run, or gives numbers that are not finite.
    """
    path, rng = exported.path / MODEL, np.random.default_rng(0)
    session = folder.session(exported)
    try:
        found = session.run(None, {one.name: _random(one, rng) for one in session.get_inputs()})
    except Exception as error:  # onnxruntime's own have no common class
        raise folder.damaged(path, str(error).partition("\n")[0][:200]) from None
    for one, values in zip(session.get_outputs(), found, strict=True):
        if not np.isfinite(values).all():
            raise RunError(f"{path}: its {one.name} are not finite. Train again, and export that.")
    return {one.name: list(values.shape) for one, values in zip(session.get_outputs(), found, strict=True)}


def _tensor(one: Any) -> str:
    return f"{one.name} ({', '.join(map(str, one.shape))})"


def _size(one: Any) -> int:
    return int(np.prod([size for size in one.shape if isinstance(size, int)]))


def _random(one: Any, rng: np.random.Generator) -> np.ndarray:
    """A sequence of `STEPS` inputs, at its start, whose state is zero."""
    shape = [{"N": 1}.get(size, STEPS) if isinstance(size, str) else size for size in one.shape]
    if one.type == "tensor(int64)":
        return np.full(shape, {"begins": 0}.get(one.name, STEPS if len(shape) == 1 else 1), np.int64)
    if one.name == "x":
        return rng.standard_normal(shape).astype(np.float32)
    return np.zeros(shape, np.float32)
