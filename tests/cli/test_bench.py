"""`make bench` runs and reports; what it measures is for a quiet machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_runs(corpus: Callable[[str], Path]) -> None:
    corpus("an4")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--rounds", "1", "--steps", "1", "--json"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ours"]["rate"] > 0
    assert found["ratio"] == found["ours"]["rate"] / found["packed"]["rate"]
