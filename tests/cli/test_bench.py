"""`make bench` runs and reports; what it measures is for a quiet machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crnn_audio import runs
from tests import warm
from tests.bench import __main__ as bench
from tests.bench import streaming, training, transcription

ROOT = Path(__file__).resolve().parents[2]


def program(*arguments: object, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*warm.python(), "-m", "tests.bench", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_benchmark_runs(corpus: Callable[[str], Path], live: Path) -> None:
    corpus("an4")
    done = program(*"--rounds 1 --steps 1 --minutes 0.02 --bars 2 --files 2 --threads 1 --json --model".split(), live)
    found = json.loads(done.stdout)
    assert found["ours"]["rate"] > 0
    assert found["ratio"] == found["ours"]["rate"] / found["packed"]["rate"]
    assert found["streaming"]["blocks"][0]["p50"] > 0, "all parts run unless one is named"
    assert found["transcription"]["long"]["real_time"] > 0
    assert found["composing"]["rows"] == 2 * 16 + 1
    assert found["composing"]["ratio"] > 0
    lines = list(training.lines(found))
    assert [line.split()[0] for line in lines] == ["training,", "training,", "ratio"]


def test_the_benchmark_of_streaming(live: Path) -> None:
    found = json.loads(program("streaming", "--model", live, "--minutes", "0.1", "--json").stdout)
    assert list(found) == ["streaming"]
    found = found["streaming"]
    assert found["model"] == str(live)
    assert found["look_ahead"] == pytest.approx(0.0125 + (3 + 4 * 4) * 0.01, abs=0.006), "window, convolutions, layer"
    long, many = found["long_stream"], found["many_streams"]
    assert [row["block"] for row in [*found["blocks"], many]] == [0.04, 0.1, 0.1]
    for row, streams in ((found["blocks"][0], 1), (found["blocks"][1], 1), (many, 20)):
        assert 0 < row["p50"] <= row["p95"] <= row["max"] < 60
        assert 0 < row["factor"] * row["block"] * streams <= row["max"]
        assert row["speed"] == pytest.approx(1 / row["factor"])
    assert many["streams"] == 20
    assert many["p50"] > 4 * found["blocks"][1]["p50"], "a round feeds twenty blocks"
    assert (long["seconds"], long["first"]) == pytest.approx((6, 3))
    assert all(0 < one <= found["blocks"][1]["max"] for one in long["block"])
    assert long["words"] > 0, "it hears nothing"
    if sys.platform == "linux":
        assert 50 < long["mib"][0] <= long["mib"][1] + 20 < 4000
    said = list(streaming.lines(found))
    assert [line.split()[0] for line in said] == ["streaming,", "blocks", "blocks", "memory:", "a", "20"]


def test_a_model_that_cannot_stream_is_refused(workshop: Path) -> None:
    assert "bidirectional" in program("streaming", "--model", workshop / "run", exit_code=1).stderr


def test_without_a_model_training_alone_is_measured(monkeypatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(runs, "ZOO", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert bench.options().parts == ["training", "rolls", "composing"]
    assert capsys.readouterr().err.count("needs --model") == 2
    for part, shipped in (("streaming", "an4_streaming"), ("transcription", "an4")):
        monkeypatch.setattr(sys, "argv", ["bench", part])
        with pytest.raises(SystemExit):
            bench.options()
        assert f"{part}: no {shipped} ships" in capsys.readouterr().err
        (tmp_path / shipped).mkdir()
        assert (bench.options().parts, bench.options().models[part]) == ([part], shipped)


def test_the_benchmark_of_transcription(workshop: Path) -> None:
    model = workshop / "run"
    options = ["--model", model, "--threads", "1", "--minutes", "0.7", "--files", "3", "--json"]
    found = json.loads(program("transcription", *options).stdout)["transcription"]
    assert (found["model"], found["threads"]) == (str(model), 1)
    assert [found[name]["files"] for name in ("files", "long")] == [3, 1]
    assert found["long"]["seconds"] == pytest.approx(42)
    for one in (found["files"], found["long"]):
        assert one["real_time"] > 0
        assert one["cpu"] > 0
        if sys.platform == "linux":
            assert 100e6 < one["peak_bytes"] < 2e9
    said = list(transcription.lines(found))
    assert [line.split()[0] for line in said] == ["transcription,", "0.0", "0.7"]
