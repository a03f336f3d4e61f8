"""Laws 5 to 7 of what writes music: killed and gone on with, in parts, moved elsewhere, the same to the last bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import crnn_audio as ca
from crnn_audio import runs
from crnn_audio.config.music import MusicRecipe
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.problems import Data, music
from crnn_audio.problems.restore import restore
from crnn_audio.training import display
from tests import events as made
from tests import trainings
from tests.trainings import killed_after_steps, quietly

KINDS: dict[str, dict[str, Any]] = {
    "chorale": {"task.fixed_voice_probability": 0.5, "data.transpose": 1, "model.intervals": True},
    "melody": {"data.bptt": 6, "data.normalize_keys": True, "data.transpose": 0},
}
"""Given voices, and transpositions; truncated back-propagation, and home keys."""
RANDOM = {"model.recurrent.dropout": 0.3, "model.head_dropout": 0.2, "data.batch_size": 5, "train.checkpoint_steps": 3}


@pytest.fixture(scope="module", params=KINDS)
def recipe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MusicRecipe:
    folder = made.folder(tmp_path_factory.mktemp("composers") / "corpus", request.param, 16)
    return made.small(request.param, folder, RANDOM | KINDS[request.param])


@pytest.fixture(scope="module")
def uninterrupted(recipe: MusicRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    quietly(recipe, out)
    return out


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)


@pytest.mark.parametrize("steps", [2, 5])
def test_a_killed_training_goes_on_to_the_same_bits(
    recipe: MusicRecipe, uninterrupted: Path, steps: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert killed_after_steps(recipe, out, steps)
    quietly(recipe, out)
    assert trainings.log_of(out) == trainings.log_of(uninterrupted)
    assert trainings.same_bytes(out, uninterrupted)


def test_a_moved_run_generates_and_scores_as_before(uninterrupted: Path, tmp_path: Path) -> None:
    before = ca.load(uninterrupted)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in uninterrupted.iterdir():
        if file.is_file():
            (elsewhere / file.name).write_bytes(file.read_bytes())
    after = ca.load(elsewhere)
    pieces = [one.generate(tokens=100, sampling=Sampling(seed=3)) for one in (before, after)]
    assert pieces[0].score.notes == pieces[1].score.notes != []
    assert pieces[0].nats == pieces[1].nats
    piece = {"chorale": made.chorale, "melody": made.melody}[before.kind](50)
    assert np.array_equal(before.score(piece).nats, after.score(piece).nats)
    assert not [path for path in elsewhere.rglob("*") if path.suffix in (".pt", ".pkl", ".bin")]


def test_parts_of_a_batch_add_up_to_the_batch(recipe: MusicRecipe, uninterrupted: Path) -> None:
    assets, data = restore(runs.open_run(uninterrupted)).assets, music.data(recipe)
    gradients = [_gradient(made_in_parts(recipe, parts), data, assets) for parts in (1, 2)]
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-9, atol=1e-12)
    assert gradients[0].abs().max() > 1e-3


def made_in_parts(recipe: MusicRecipe, parts: int) -> MusicRecipe:
    """The same recipe with each batch in so many parts."""
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"accumulate": parts})})


def _gradient(recipe: MusicRecipe, data: Data, assets: music.Assets) -> torch.Tensor:
    """Of the summed loss of the first step, without dropout, in float64."""
    task = music.task(recipe, assets).double().eval()
    parts = next(iter(music.feed(recipe, data, assets).batches.steps(0, 0)))
    assert len(parts) == recipe.data.accumulate
    for part in parts:
        task.advance(part, None)[0].backward()
    return torch.cat([one.grad.flatten() for one in task.parameters() if one.grad is not None])
