"""The benchmark against a bare step runs and reports; what it measures is for a machine with a GPU."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crnn_audio import hardware
from crnn_audio.errors import RecipeError
from crnn_audio.training.step import StepReport
from tests.bench import bare

Program = Callable[..., tuple[str, str]]
LITTLE = "no GPU here: on the CPU the figure says little"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """What `python -m tests.bench.bare` prints; in this process, since a new one takes seconds to begin."""

    def run(*arguments: object) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["bare", *map(str, arguments)])
        bare.main()
        return capsys.readouterr()

    return run


@pytest.fixture
def small(program: Program, tiny: Path) -> Program:
    overrides = [f"data.root={tiny}", "data.workers=0", "data.batch_seconds=12", "model.recurrent.hidden_size=8"]
    return lambda *more: program("tiny/lstm", *overrides, "--device", "cpu", "--rounds", 2, "--steps", 2, *more)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_both_are_measured_and_compared(small: Program, precision: str) -> None:
    said, progress = small(f"precision={precision}", "optim.ema=0.9", "task.consistency=0.1", "--json")
    found = json.loads(said)
    assert (found["device"], found["batch_seconds"]) == ("cpu", 12)
    assert found["precision"] == hardware.precision(torch.device("cpu"), precision)[0]
    assert 0 < found["ours"]["wait"] < 1
    assert 0 < found["ours"]["padding"] < 0.5
    rounds = [line.split() for line in progress.splitlines() if line.startswith("round")]
    assert [words[:3] for words in rounds] == [["round", str(n), name] for n in (1, 2) for name in ("ours", "bare")]
    ours, other, ours_again, other_again = (float(words[3]) for words in rounds)
    assert found["share"] == pytest.approx((ours / other + ours_again / other_again) / 2, rel=0.02)
    assert found["ours"]["rate"] == pytest.approx((ours + ours_again) / 2, abs=0.1)


def test_for_people_it_says_that_a_cpu_says_little(small: Program) -> None:
    said, progress = small("model.recurrent.bidirectional=false", "model.recurrent.cell=gru")
    assert progress.startswith(LITTLE + "\n")
    ours, other, share = said.splitlines()
    assert ours.startswith("a training step ")
    assert other.startswith("a bare step ")
    assert re.fullmatch(r"share \d+\.\d\d \(cpu, float32, 12 s a batch\)", share)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_it_measures_only_what_is_asked_for(program: Program) -> None:
    with pytest.raises(SystemExit, match=LITTLE + ". --device cpu measures it all the same"):
        program()
    with pytest.raises(RecipeError, match="PyTorch sees no GPU"):
        program("--device", "cuda")


def test_a_clock_counts_what_comes_after_the_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 104.0])
    monkeypatch.setattr(bare, "now", lambda device: next(times))
    clock = bare.Clock(2, torch.device("cpu"))
    for step in range(bare.WARM_UP + 2):
        assert not clock.done()
        seconds = 1000.0 if step < bare.WARM_UP else 10.0
        clock.stepped(StepReport(step, 0, 1.0, 1.0, 1.0, False, seconds, 1.25 * seconds, 0.5, 1.5), None)
    assert clock.done()
    assert clock.figures() == {"rate": 20 / 4, "wait": 1 / 4, "padding": pytest.approx(0.2)}
