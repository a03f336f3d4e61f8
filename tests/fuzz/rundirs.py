"""Run directories gone wrong: weights, recipe, vocabulary, statistics, notes or checkpoint."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import yaml

from tests.fuzz import recipes
from tests.fuzz.mutations import Draw, as_json, changed_inside, damaged


def spoil(rng: Draw, run: Path, *, names: tuple[str, ...]) -> str:
    """Changes one file of a run and gives its name."""
    path = run / rng.choice(names)
    if rng.random() < 0.06:
        path.unlink()
        if rng.random() < 0.3:
            path.mkdir()
        return path.name
    content = path.read_bytes()
    path.write_bytes(damaged(rng, content) if rng.random() < 0.4 else _changed(rng, path.name, content))
    if path.name == "best.safetensors" and rng.random() < 0.5:
        _hashed_anew(run, path)
    return path.name


def _hashed_anew(run: Path, path: Path) -> None:
    """What is checked behind the hash."""
    header = json.loads((run / "run.json").read_bytes())
    header["sha256"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    (run / "run.json").write_text(json.dumps(header))


def _changed(rng: Draw, name: str, content: bytes) -> bytes:
    if name.endswith(".yaml"):
        fields = yaml.safe_load(content)
        return rng.choice((recipes.recipe, recipes.stretched))(rng, fields)
    if name.endswith(".json"):
        return as_json(rng, changed_inside(rng, json.loads(content))).encode("utf-8", "surrogatepass")
    if not name.endswith(".safetensors"):
        return damaged(rng, content)
    return rng.choice((_header_changed, _header_changed, _tensors_changed))(rng, content)


def _header_changed(rng: Draw, content: bytes) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = changed_inside(rng, json.loads(content[8 : 8 + size]))
    written = as_json(rng, header).encode("utf-8", "surrogatepass")
    written += b" " * (-len(written) % 8)
    length = rng.choice((len(written), len(written), len(written), len(written) + 8, 2**40, 2**64 - 1))
    return struct.pack("<Q", length) + written + content[8 + size :]


def _tensors_changed(rng: Draw, content: bytes) -> bytes:
    """Numbers that no training gives."""
    size = 8 + int.from_bytes(content[:8], "little")
    numbers = np.frombuffer(content[size : len(content) - (len(content) - size) % 4], np.float32).copy()
    with np.errstate(over="ignore"):
        for _ in range(rng.choice((1, 100))):
            numbers[rng.randrange(len(numbers))] = rng.choice((np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0, 1e-42))
    if rng.random() < 0.3:
        numbers[:] = rng.choice((np.nan, 0.0, 1e38, np.inf))
    return content[:size] + numbers.tobytes()
