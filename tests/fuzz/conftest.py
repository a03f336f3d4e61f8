"""What every case may read and none may write: recordings, their manifests, and three small runs."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile
import torch

from crnn_audio import runs
from crnn_audio.batching import manifests
from tests import trainings
from tests.fuzz import sounds
from tests.fuzz.entry import Program


@dataclass(frozen=True)
class Grounds:
    """A corpus, manifests of it that name its recordings in full, runs, and a recording as it should be."""

    corpus: Path
    manifests: Path
    run: Path
    live: Path
    begun: Path
    good: Path


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """The runs: one that is finished, a one-directional one, and one that was stopped after its first step."""
    folder = tmp_path_factory.mktemp("grounds")
    corpus = trainings.corpus(folder / "corpus", train=6, dev=3)
    (folder / "manifests").mkdir()
    for split in ("train", "dev"):
        manifests.save(manifests.load(corpus / f"{split}.jsonl"), folder / "manifests" / f"{split}.jsonl")
    one_direction = {"model.recurrent.bidirectional": False, "model.recurrent.look_ahead": 2}
    for name, changes, minutes in (("run", {}, None), ("live", one_direction, None), ("begun", {}, 0.0)):
        recipe = trainings.small(corpus, {"optim.max_epochs": 1, "data.batch_seconds": 5.0, **changes})
        trainings.quietly(recipe, folder / name, minutes=minutes)
    for name in ("run", "live"):
        _sharpen(folder / name)
    soundfile.write(folder / "good.wav", sounds.beep(), sounds.RATE)
    return Grounds(corpus, *(folder / name for name in ("manifests", "run", "live", "begun", "good.wav")))


def _sharpen(folder: Path) -> None:
    """Lets a model that has hardly learned anything say something."""
    run = runs.open_run(folder)
    weights = run.weights()
    (name,) = (name for name in weights if name.startswith("head") and name.endswith("weight"))
    run.save_weights("best", {**weights, name: weights[name] * 40 + 0 * torch.rand(1)})


@pytest.fixture
def program(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    """The command line in this process, in a folder of its own, without corpora."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    return Program(capfd, monkeypatch)
