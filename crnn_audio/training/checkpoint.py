"""All that a training run needs to go on to the same bits: one safetensors file, replaced atomically.

Tensors are named `model.*`, `average.*`, `optimizer.<parameter>.<slot>` and `carry.<part>.*`; everything else is JSON
in the file's header, beside a hash of all. There is nothing in it that could run, and what cannot come of a training is
refused. Random state is not kept: every draw is keyed by seed, step or cut.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from crnn_audio import files, runs
from crnn_audio.errors import RunError
from crnn_audio.models.crnn import Carry
from crnn_audio.training.optim import AveragedWeights


@dataclass
class Progress:
    """Where a run stands; `position` counts the steps done in `epoch`."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    train_seconds: float = 0.0
    best_score: float | None = None
    best_epoch: int = 0
    worse_evaluations: int = 0
    plateau_factor: float = 1.0
    finished: bool = False
    threads: int = 1
    sums: dict[str, float] = field(default_factory=dict)


NEVER_NEGATIVE = ("step", "exp_avg_sq", "square_avg", "acc_delta", "sum")
"""Numbers of an optimiser that count, or sum up squares."""

Carries: TypeAlias = dict[int, Carry | None]
"""The state that each part of a batch hands to that part of the next one; none at the beginning of an epoch."""


def save(
    path: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: Optimizer,
    average: AveragedWeights | None,
    carries: Carries | None = None,
) -> None:
    """Writes the checkpoint.

    Raises:
        RunError: the disk is full or the folder read-only; the old checkpoint is whole.
    """
    state = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in (average.weights if average else {}).items()}
    tensors |= {
        f"carry.{part}.{name}": value
        for part, carry in (carries or {}).items()
        if carry
        for name, value in carry.named().items()
    }
    scalars: dict[str, dict[str, float]] = {}
    for index, slots in state["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{slot}"] = value
            elif value is not None:
                scalars.setdefault(str(index), {})[slot] = value
    header = {"progress": asdict(progress), "groups": state["param_groups"], "scalars": scalars}
    kept = {name: value.cpu().contiguous() for name, value in tensors.items()}
    written = {"state": json.dumps(header)}
    written["sha256"] = _digest(written["state"], kept)
    with runs.writing(path.parent), files.replacing(path) as partial:
        save_file(kept, partial, written)


def load(path: Path, model: nn.Module, optimizer: Optimizer, average: AveragedWeights | None) -> Progress:
    """Puts everything back where it was.

    Raises:
        RunError: the file is damaged, or was written by a model or optimiser of another shape.
    """
    with _checked(path):
        header, tensors = _read(path)
        progress = _progress(header["progress"])
        state = {"state": _slots(tensors, header["scalars"]), "param_groups": header["groups"]}
        _check_optimizer(state, optimizer)
        averages = _under("average.", tensors)
        if average and _shapes(averages) != _shapes(average.weights):
            raise ValueError("its averaged weights are not those of the model")
        model.load_state_dict(_under("model.", tensors))
        if average:
            average.weights = {name: averages[name].to(value) for name, value in average.weights.items()}
        optimizer.load_state_dict(state)
        return progress


def load_carries(path: Path) -> Carries:
    """The carries that a checkpoint holds; none where there is no file.

    Raises:
        RunError: the file is damaged.
    """
    if not path.exists():
        return {}
    with _checked(path):
        held = _under("carry.", _read(path)[1])
        parts = {int(name.partition(".")[0]) for name in held}
        return {part: Carry.of_named(_under(f"{part}.", held)) for part in parts}


@contextmanager
def _checked(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        raise RunError(
            f"{path}: the checkpoint is damaged or of another model ({error}). Delete it to train from the start."
        ) from None


def _read(path: Path) -> tuple[Any, dict[str, Tensor]]:
    """The header and the tensors, whose hash is right; an earlier version wrote none."""
    with files.opened(path), safe_open(path, framework="pt") as opened:
        written = opened.metadata() or {}
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if written.get("sha256") not in (None, _digest(written["state"], tensors)):
        raise ValueError("its SHA-256 is not that which stands in it")
    if wrong := next((name for name, value in tensors.items() if not value.isfinite().all()), None):
        raise ValueError(f"{wrong} holds NaN or infinity")
    return files.parse_json(written["state"]), tensors


def _digest(state: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _progress(fields: Mapping[str, Any]) -> Progress:
    """Where the run stands, of numbers that a training can count up to."""
    found = Progress(**fields)
    counts = ("step", "epoch", "position", "best_epoch", "worse_evaluations", "threads")
    for name in counts:
        if type(fields.get(name, 1)) is not int or getattr(found, name) < (name == "threads"):
            raise ValueError(f"its {name} is {fields[name]!r}")
    if type(found.finished) is not bool:
        raise ValueError(f"its finished is {found.finished!r}")
    best = {} if found.best_score is None else {"best_score": found.best_score}
    numbers = {"train_seconds": found.train_seconds, "plateau_factor": found.plateau_factor, **best, **found.sums}
    if wrong := next((name for name, value in numbers.items() if not _is_number(value)), None):
        raise ValueError(f"its {wrong} is {numbers[wrong]!r}")
    if found.train_seconds < 0 or not 0 <= found.plateau_factor <= 1:
        raise ValueError(f"its times are {found.train_seconds} and {found.plateau_factor}")
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_optimizer(state: dict[str, Any], optimizer: Optimizer) -> None:
    """Refuses what this optimiser does not come to: it has its own settings, but for the learning rate."""
    own = json.loads(json.dumps(optimizer.state_dict()["param_groups"]))
    for group, expected in zip(state["param_groups"], own, strict=True):
        if not _is_number(group["lr"]) or group["lr"] < 0 or group | {"lr": 0} != expected | {"lr": 0}:
            raise ValueError("its optimiser has other settings")
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    if len({frozenset(slots) for slots in state["state"].values()}) > 1:
        raise ValueError("its optimiser keeps other numbers of some weights than of others")
    for index, slots in state["state"].items():
        shape = parameters[index].shape
        for slot, value in slots.items():
            if not isinstance(value, Tensor) and not _is_number(value):
                raise ValueError(f"its {slot} is {value!r}")
            if isinstance(value, Tensor) and value.shape not in (torch.Size(), shape):
                raise ValueError(f"its {slot} is of another shape")
            if slot in NEVER_NEGATIVE and torch.as_tensor(value).min() < 0:
                raise ValueError(f"its {slot} is negative")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _slots(tensors: dict[str, Tensor], scalars: dict[str, dict[str, float]]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {int(index): dict(slots) for index, slots in scalars.items()}
    for name, value in _under("optimizer.", tensors).items():
        index, slot = name.split(".", 1)
        state.setdefault(int(index), {})[slot] = value
    return state


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as a run directory keeps them."""
    return {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
