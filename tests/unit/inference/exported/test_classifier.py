"""An exported classifier says what the run says, of every pooling, alone and together, and from a shell."""

from pathlib import Path

import pytest

from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.errors import RunError
from crnn_audio.features.normalize import Statistics
from crnn_audio.hypotheses import Labels
from crnn_audio.inference.exported.folder import open_folder
from crnn_audio.inference.exported.recognizer import ExportedRecognizer
from crnn_audio.problems import classification
from crnn_audio.problems.classification import Assets
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from tests import classifications
from tests.invariants.small import moved


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifications.corpus(tmp_path_factory.mktemp("sounds") / "corpus", train=6, dev=3, test=0)


def trained(path: Path, root: Path, changes: dict[str, object]) -> Path:
    """A finished run with random weights."""
    recipe = classifications.small(root, changes)
    bins = recipe.features.num_mels
    assets = Assets(("high", "low", "noise"), (2, 2, 2), Statistics((-8.0,) * bins, (3.0,) * bins))
    run = runs.create(path, config.dump(recipe), assets, {"epochs": 1})
    run.save_weights("best", moved(classification.task(recipe, assets).model).state_dict())
    run.set_state("finished")
    return path


def same(one: Labels, other: Labels) -> bool:
    return (one.label, one.seconds, one.path) == (other.label, other.seconds, other.path) and [
        (label.label, pytest.approx(label.confidence, rel=1e-4, abs=1e-5)) for label in one.top
    ] == [(label.label, label.confidence) for label in other.top]


@pytest.mark.parametrize("pooling", classifications.POOLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_it_says_what_the_run_says(sounds: Path, tmp_path: Path, pooling: str, bidirectional: bool) -> None:
    changes = {"model.pooling": pooling, "model.recurrent.bidirectional": bidirectional}
    run = trained(tmp_path / "run", sounds, changes | {"task.multilabel": bidirectional})
    out, (usage,) = export(run, tmp_path / "out")
    assert usage == f"crnn-audio classify {out} recording.wav"
    eager, exported = load(run), load(out)
    recordings = sorted(sounds.glob("*.wav"))
    wanted = eager.classify(list(recordings))
    assert all(map(same, exported.classify(list(recordings)), wanted))
    assert same(exported.classify(recordings[0]), wanted[0])
    with pytest.raises(RunError, match="has no confidence for rejecting"):
        exported.classify(recordings[0], reject=True)


def test_it_is_for_classify_alone(sounds: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", sounds, {})
    out, _ = export(run, tmp_path / "out")
    with pytest.raises(RunError, match="an exported model for task classification, where one for recognition"):
        ExportedRecognizer(open_folder(out))
    with pytest.raises(RunError, match="sherpa-onnx runs recognisers of speech alone"):
        export(run, tmp_path / "sherpa", to="sherpa")
