"""A bidirectional and a one-directional recogniser, each as a run and exported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crnn_audio.batching import manifests
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from tests import exports


@dataclass(frozen=True)
class Both:
    """One model twice."""

    run: Path
    folder: Path
    eager: Any
    exported: Any


@pytest.fixture(scope="session", params=["both directions", "one direction"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    return made(tmp_path_factory.mktemp("exported"), request.param == "both directions")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return made(tmp_path_factory.mktemp("live"), False)


def made(folder: Path, bidirectional: bool) -> Both:
    run = exports.run(folder / "run", bidirectional)
    out, _ = export(run, folder / "exported")
    return Both(run, out, load(run), load(out))


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    return [cut.recording.path for cut in manifests.load(Path("data/tiny/train.jsonl"))][:6]
