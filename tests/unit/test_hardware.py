"""Which precision a device trains in, with PyTorch's probes answering either way, and what a run says of it."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from crnn_audio import hardware, runs
from crnn_audio.config.schema import Recipe
from crnn_audio.errors import RecipeError
from crnn_audio.models.cells import RecurrentCell
from crnn_audio.problems import load_recipe
from crnn_audio.training import display
from tests import events, rolls, texts, trainings

CPU = torch.device("cpu")
LACK = "has no units for bfloat16; float32 takes the place of bf16."
Probes = Callable[..., None]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Probes:
    """Sets what the probes answer: a bool each, or None where PyTorch has no such probe."""

    def answer(*, onednn: bool | None, avx512: bool | None, amx: bool | None, machine: str = "x86_64") -> None:
        monkeypatch.setattr(platform, "machine", lambda: machine)
        for owner, name, value in (
            (torch.ops.mkldnn, "_is_mkldnn_bf16_supported", onednn),
            (torch.cpu, "_is_avx512_bf16_supported", avx512),
            (torch.cpu, "_is_amx_tile_supported", amx),
        ):
            monkeypatch.setattr(owner, name, None if value is None else lambda value=value: value, raising=False)
            if value is None:
                monkeypatch.setattr(owner, name, _missing)

    return answer


def _missing() -> bool:
    raise AttributeError("no such probe")


@pytest.mark.parametrize(
    ("onednn", "avx512", "amx", "machine", "used"),
    [
        (True, True, True, "x86_64", "bf16"),
        (True, True, False, "AMD64", "bf16"),
        (True, False, True, "x86_64", "bf16"),
        (True, False, False, "x86_64", "float32"),
        (False, True, True, "x86_64", "float32"),
        (False, False, False, "x86_64", "float32"),
        (True, None, None, "x86_64", "float32"),
        (None, True, True, "x86_64", "float32"),
        (True, False, False, "aarch64", "bf16"),
        (False, False, False, "aarch64", "float32"),
        (None, None, None, "arm64", "float32"),
    ],
)
def test_bf16_needs_units_for_it(probes: Probes, monkeypatch, onednn, avx512, amx, machine, used) -> None:
    probes(onednn=onednn, avx512=avx512, amx=amx, machine=machine)
    monkeypatch.setattr(hardware, "_try_lstm", lambda: None)
    found, reason = hardware.precision(CPU, "bf16")
    assert found == used
    assert (reason is None) == (used == "bf16")
    if reason:
        assert reason == f"precision: this CPU ({hardware.processor()}) {LACK}"
    assert hardware.precision(CPU, "float32") == ("float32", None)


def test_an_lstm_that_fails_in_bf16_is_a_reason_too(probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("could not create a primitive descriptor\nand more")

    probes(onednn=True, avx512=True, amx=True)
    monkeypatch.setattr(torch.nn.LSTM, "forward", failing)
    used, reason = hardware.precision(CPU, "bf16")
    assert used == "float32"
    assert "an LSTM fails in bfloat16 (could not create a primitive descriptor); float32" in str(reason)


def test_trying_draws_no_random_numbers(probes: Probes) -> None:
    probes(onednn=True, avx512=True, amx=True)
    before = torch.get_rng_state()
    hardware.precision(CPU, "bf16")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("has_units", [True, False])
def test_a_gpu_is_asked_for_units_and_not_for_emulation(monkeypatch: pytest.MonkeyPatch, has_units: bool) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation | has_units
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    used, reason = hardware.precision(torch.device("cuda"), "bf16")
    assert (used, reason) == (("bf16", None) if has_units else ("float32", f"precision: Tesla T4 {LACK}"))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "Intel Xeon Platinum 8481C"),
        ("Intel(R) Xeon(R) Processor", "Intel Xeon (family 6, model 207)"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "11th Gen Intel Core i7-1165G7"),
    ],
)
def test_the_name_of_a_processor(monkeypatch: pytest.MonkeyPatch, said: str, name: str) -> None:
    about = f"processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: {said}\nflags\t\t: fpu\n"
    monkeypatch.setattr(Path, "read_text", lambda *_: about)
    assert hardware.processor() == name


def test_where_the_system_names_none_it_is_the_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: "Hardware\t: board\n")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert hardware.processor() == "aarch64"


# ---------------------------------------------------------------------------------------- device and threads


def test_a_gpu_that_is_not_there_is_an_error_and_auto_is_not(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.device("auto") == hardware.device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(RecipeError, match="PyTorch sees no GPU"):
            hardware.device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.device("auto") == torch.device("cuda")
    assert hardware.device("cuda:1") == torch.device("cuda:1")


def test_threads_are_as_asked_or_the_cores_that_may_be_used(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert (hardware.threads(0), hardware.threads(7)) == (3, 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert hardware.threads(0) == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert [hardware.threads(asked, 3) for asked in (0, 1, 4)] == [2, 1, 2]
    assert hardware.threads(0, 8) == hardware.threads(4, 8) == 1


def test_each_process_takes_the_gpu_of_its_number(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    taken = list[torch.device]()
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)

    def chosen(name: str, **processes: int) -> torch.device:
        return hardware.choose(name, "float32", 0, **processes).device

    of_four = {"local_rank": 1, "local_count": 2, "count": 4}
    assert chosen("auto", **of_four) == chosen("cuda", **of_four) == torch.device("cuda:1")
    assert taken == [torch.device("cuda:1")] * 2
    assert chosen("cpu", **of_four) == torch.device("cpu")
    assert chosen("cuda:1") == torch.device("cuda:1")
    with pytest.raises(RecipeError, match=r"'cuda:0' is one GPU for 4 processes\. Write device=cuda"):
        chosen("cuda:0", **of_four)
    with pytest.raises(RecipeError, match="3 processes on this machine and 2 GPUs"):
        chosen("auto", local_count=3, count=3)


# ---------------------------------------------------------------------------------------- a run


def speech(root: Path) -> Recipe:
    return trainings.small(
        trainings.corpus(root / "beeps", train=4, dev=1), {"optim.max_epochs": 1, "precision": "bf16"}
    )


def bilstm(root: Path) -> Recipe:
    corpus = trainings.corpus(root / "beeps", train=2, dev=1)
    here = [f"data={{corpus: manifests, root: '{corpus}', workers: 0}}", "features.sample_rate=8000"]
    return load_recipe(
        trainings.ROOT / "recipes/an4/bilstm.yaml", *here, "optim.max_epochs=1", "device=cpu", "threads=1"
    )


def of_rolls(root: Path) -> Recipe:
    return rolls.small(rolls.folder(root / "piano_rolls"), {"optim.max_epochs": 1, "precision": "bf16"})


def of_notes(root: Path) -> Recipe:
    return events.small(
        "quartet", events.folder(root / "jsb16", "quartet", 6), {"optim.max_epochs": 1, "precision": "bf16"}
    )


def of_text(root: Path) -> Recipe:
    return texts.small(texts.file(root / "text.txt"), {"optim.max_epochs": 1, "precision": "bf16"})


@pytest.fixture
def autocasts(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[bool]]:
    """Whether the cells of trained networks run below autocast to bfloat16."""
    seen: set[bool] = set()
    forward = RecurrentCell.forward

    def noted(self: RecurrentCell, *arguments: Any) -> Any:
        if self.training:
            seen.add(torch.is_autocast_enabled("cpu"))
        return forward(self, *arguments)

    monkeypatch.setattr(RecurrentCell, "forward", noted)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)
    return seen


@pytest.mark.parametrize("units", [True, False])
@pytest.mark.parametrize("recipe", [bilstm, speech, of_rolls, of_notes, of_text], ids=lambda one: one.__name__)
def test_every_kind_trains_in_what_the_device_has(
    tmp_path, probes: Probes, autocasts, monkeypatch, recipe, units
) -> None:
    probes(onednn=units, avx512=units, amx=False)
    monkeypatch.setattr(hardware, "_try_lstm", lambda: None)
    asked = recipe(tmp_path)
    assert asked.precision == "bf16"
    trained, said = trainings.quietly(asked, tmp_path / "out")
    assert trained.finished
    assert autocasts == {units}
    assert sum(LACK in line for line in said) == (not units)
    run = runs.open_run(tmp_path / "out")
    assert (run.recipe["precision"], run.facts["precision"]) == ("bf16", "bf16" if units else "float32")
    assert run.facts["processor"] == hardware.processor()


def test_without_units_it_is_float32_to_the_bit_and_noted_from_the_start(tmp_path, probes: Probes, monkeypatch) -> None:
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)
    probes(onednn=False, avx512=False, amx=False)
    asked = speech(tmp_path)
    _, said = trainings.quietly(asked.model_copy(update={"precision": "float32"}), tmp_path / "plain")
    assert not any("precision" in line for line in said)
    trained, said = trainings.quietly(asked, tmp_path / "out", minutes=0)
    assert not trained.finished
    assert runs.open_run(tmp_path / "out").facts["precision"] == "float32"
    assert [LACK in line for line in said].count(True) == 1
    trainings.quietly(asked, tmp_path / "out")
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    _, said = trainings.quietly(asked, tmp_path / "out")
    assert not any(LACK in line for line in said), "it was finished before"
