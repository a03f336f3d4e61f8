"""All that a training run needs to go on to the same bits: one safetensors file, replaced atomically.

Tensors are named `model.*`, `average.*`, `optimizer.<parameter>.<slot>` and `carry.<part>.*`; everything else is JSON
in the file's header. There is nothing in it that could run. Random state is not kept: every draw is keyed by seed, step
or cut.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

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
    with runs.writing(path.parent), files.replacing(path) as partial:
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial, {"state": json.dumps(header)})


def load(path: Path, model: nn.Module, optimizer: Optimizer, average: AveragedWeights | None) -> Progress:
    """Puts everything back where it was.

    Raises:
        RunError: the file is damaged, or was written by a model or optimiser of another shape.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            header = json.loads(opened.metadata()["state"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        model.load_state_dict(_under("model.", tensors))
        if average:
            average.weights = {name: tensors[f"average.{name}"].to(value) for name, value in average.weights.items()}
        optimizer.load_state_dict({"state": _slots(tensors, header["scalars"]), "param_groups": header["groups"]})
        return Progress(**header["progress"])
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        raise RunError(
            f"{path}: the checkpoint is damaged or of another model ({error}). Delete it to train from the start."
        ) from None


def load_carries(path: Path) -> Carries:
    """The carries that a checkpoint holds; none where there is no file."""
    if not path.exists():
        return {}
    with safe_open(path, framework="pt") as opened:
        held = {name: opened.get_tensor(name) for name in opened.keys() if name.startswith("carry.")}  # noqa: SIM118
    parts = {int(name.split(".")[1]) for name in held}
    return {part: Carry.of_named(_under(f"carry.{part}.", held)) for part in parts}


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
