"""A checkpoint is replaced whole or not at all, and a damaged one is said to be."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from crnn_audio.errors import RunError
from crnn_audio.training import checkpoint
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.optim import AveragedWeights, build_optimizer


def trained(steps: int = 2):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = build_optimizer(model, name="adamw")
    average = AveragedWeights(model, 0.9)
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
        average.update(step)
    return model, optimizer, average


@pytest.fixture
def saved(tmp_path) -> Path:
    checkpoint.save(tmp_path / "checkpoint.safetensors", Progress(step=2, best_score=0.25), *trained())
    return tmp_path / "checkpoint.safetensors"


def test_progress_comes_back_field_by_field(saved) -> None:
    progress = Progress(
        step=7, epoch=2, position=3, train_seconds=1.5, best_score=1 / 3, best_epoch=1, worse_evaluations=2,
        plateau_factor=0.25, finished=True, threads=2,
    )  # fmt: skip
    checkpoint.save(saved, progress, *trained())
    assert checkpoint.load(saved, *trained(0)) == progress


def test_loading_leaves_nothing_of_what_was_there(saved) -> None:
    before, after = trained(0), trained(0)
    checkpoint.load(saved, *after)
    optimizer = after[1].state_dict()["state"]
    assert {float(slots["step"]) for slots in optimizer.values()} == {2.0}
    assert not torch.equal(before[0][0].weight, after[0][0].weight)
    assert not torch.equal(after[2].weights["0.weight"], after[0][0].weight)


def test_without_an_average_there_is_none(saved) -> None:
    model, optimizer, _ = trained()
    checkpoint.save(saved, Progress(step=3), model, optimizer, None)
    other, its_optimizer, _ = trained(0)
    assert checkpoint.load(saved, other, its_optimizer, None).step == 3
    with pytest.raises(RunError, match="of another model"):
        checkpoint.load(saved, other, its_optimizer, AveragedWeights(other, 0.9))


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "garbage": lambda content: b"\xff" * 500,
    "text": lambda content: b"<html>not found</html>" * 20,
    "header": lambda content: content[:8] + b"{" + content[9:].replace(b"progress", b"pr0gress", 1),
    "no header": lambda content: _without_metadata(content),
}


def _without_metadata(content: bytes) -> bytes:
    from safetensors.torch import load, save

    return save(load(content))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_says_so_and_what_to_do(saved, damage) -> None:
    saved.write_bytes(DAMAGES[damage](saved.read_bytes()))
    with pytest.raises(RunError) as raised:
        checkpoint.load(saved, *trained(0))
    assert str(raised.value).startswith(f"{saved}: the checkpoint is damaged or of another model (")
    assert str(raised.value).endswith("Delete it to train from the start.")


def _refusing(number: int):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("where", "number", "said"),
    [
        ("tempfile.mkstemp", errno.EROFS, "Read-only file system"),
        ("os.fsync", errno.ENOSPC, "No space left on device"),
        ("pathlib.Path.replace", errno.EROFS, "Read-only file system"),
        ("crnn_audio.training.checkpoint.save_file", errno.EDQUOT, "quota exceeded"),
    ],
)
def test_where_nothing_can_be_written_the_old_checkpoint_stays(saved, monkeypatch, where, number, said) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr(where, _refusing(number))
    with pytest.raises(RunError) as raised:
        checkpoint.save(saved, Progress(step=9), *trained())
    monkeypatch.undo()
    assert str(raised.value).startswith(f"{saved.parent}: cannot be written (")
    assert said in str(raised.value)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_weights_are_detached_copies_on_the_cpu() -> None:
    model = nn.Linear(2, 2)
    kept = checkpoint.weights(model)
    assert set(kept) == {"weight", "bias"}
    assert all(
        value.device.type == "cpu" and not value.requires_grad and value.is_contiguous() for value in kept.values()
    )


def rewritten(path: Path, change) -> None:
    """Changes the content, and leaves out the hash, as an earlier version did."""
    with safe_open(path, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        header = json.loads(opened.metadata()["state"])
    change(header, tensors)
    save_file(tensors, path, {"state": json.dumps(header)})


def test_a_checkpoint_of_an_earlier_version_has_no_hash(saved) -> None:
    rewritten(saved, lambda header, tensors: None)
    assert checkpoint.load(saved, *trained(0)).step == 2


@pytest.mark.parametrize("place", [-1, -500, 400])
def test_a_flipped_bit_is_damage(saved, place) -> None:
    content = bytearray(saved.read_bytes())
    content[place] ^= 1
    saved.write_bytes(content)
    with pytest.raises(RunError, match="the checkpoint is damaged"):
        checkpoint.load(saved, *trained(0))
    with pytest.raises(RunError, match="the checkpoint is damaged"):
        checkpoint.load_carries(saved)


def test_a_pipe_is_no_checkpoint(tmp_path) -> None:
    os.mkfifo(tmp_path / "checkpoint.safetensors")
    with pytest.raises(RunError, match="a pipe or a device, where a file is expected"):
        checkpoint.load(tmp_path / "checkpoint.safetensors", *trained(0))


WRONG = {
    "step": ("2", -1, 1.5, None, True, [2], 1e400),
    "epoch": ("0", -3),
    "position": (-1, "x"),
    "threads": (0, "two"),
    "finished": (1, "no"),
    "best_score": ("0.1", float("nan"), float("inf"), []),
    "train_seconds": (-1.0, float("nan"), "9"),
    "plateau_factor": (-0.5, 2.0, "1"),
    "sums": ({"a": "b"}, {"a": float("nan")}, 3, None),
    "other": (1,),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_is_no_progress_is_damage(saved, name, value) -> None:
    rewritten(saved, lambda header, tensors: header["progress"].update({name: value}))
    with pytest.raises(RunError, match="the checkpoint is damaged or of another model"):
        checkpoint.load(saved, *trained(0))


@pytest.mark.parametrize(
    "change",
    [
        lambda header, tensors: header["groups"][0].update(lr="0.1"),
        lambda header, tensors: header["groups"][0].update(lr=-1.0),
        lambda header, tensors: header["groups"][0].update(lr=float("nan")),
        lambda header, tensors: header["groups"][0].update(betas=[0.9, 7.0]),
        lambda header, tensors: header["groups"][0].update(params=[0, 3]),
        lambda header, tensors: header["groups"].pop(),
        lambda header, tensors: header.update(groups=3),
        lambda header, tensors: header.update(scalars={"0": {"step": "x"}}),
        lambda header, tensors: header.update(scalars={"99": {"step": 1}}),
        lambda header, tensors: header.update(scalars=[]),
        lambda header, tensors: tensors.update({"optimizer.0.exp_avg_sq": -torch.ones(4, 3)}),
        lambda header, tensors: tensors.update({"optimizer.0.exp_avg": torch.ones(4, 4)}),
        lambda header, tensors: tensors.update({"optimizer.x.exp_avg": torch.ones(4, 3)}),
        lambda header, tensors: tensors.update({"optimizer.0.exp_avg": torch.full((4, 3), float("nan"))}),
        lambda header, tensors: tensors.update({"average.0.weight": torch.ones(1, 3)}),
        lambda header, tensors: tensors.pop("average.0.weight"),
        lambda header, tensors: tensors.update({"model.0.weight": torch.ones(1, 3)}),
        lambda header, tensors: tensors.update({"model.0.weight": torch.full((4, 3), float("inf"))}),
    ],
)
def test_what_no_optimizer_comes_to_is_damage(saved, change) -> None:
    rewritten(saved, change)
    with pytest.raises(RunError, match="the checkpoint is damaged or of another model"):
        checkpoint.load(saved, *trained(0))
