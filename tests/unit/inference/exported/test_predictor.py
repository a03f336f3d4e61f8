"""Exported models of piano rolls and texts: as likely as the run finds them, and a step at a time as at once."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.config.text import TextRecipe
from crnn_audio.errors import RunError
from crnn_audio.problems import rolls as of_rolls
from crnn_audio.problems import text as of_text
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from crnn_audio.text import encoding
from crnn_audio.text.vocabulary import Vocabulary
from tests import rolls, texts, trainings
from tests.invariants.small import moved

TEXT = texts.text(200)


def trained(path: Path, problem, recipe, assets) -> Path:
    """A finished run with random weights."""
    run = runs.create(path, config.dump(recipe), assets, {"epochs": 1})
    run.save_weights("best", moved(problem.task(recipe, assets).model).state_dict())
    run.set_state("finished")
    return path


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "tcn"])
@pytest.mark.parametrize("head", ["sigmoid", "nade"])
def test_rolls(tmp_path: Path, cell: str, head: str) -> None:
    conv = [{"channels": 2, "kernel": [3, 7], "stride": [1, 4]}] if cell != "rnn" else []
    changes = {"model.recurrent.cell": cell, "model.head": {"kind": head}, "model.conv": conv}
    recipe = rolls.small(tmp_path, changes | {"model.conv_time": "causal"})
    run = trained(tmp_path / "run", of_rolls, recipe, of_rolls.Assets())
    eager, exported = load(run), load(export(run, tmp_path / "out")[0])
    roll = rolls.tune(3, 40)
    np.testing.assert_allclose(exported.score_keys(roll), eager.score(roll), rtol=1e-5, atol=1e-5)
    if head == "sigmoid":
        found, running = list[np.ndarray](), None
        for begin, end in ((0, 1), (1, 8), (8, 40)):
            logits, running = exported.step(roll[np.newaxis, begin:end].astype(np.float32), running)
            found.append(1 / (1 + np.exp(-logits[0])))
        np.testing.assert_allclose(np.concatenate(found), eager.step(roll)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model.recurrent.cell": "gru", "data.context_length": 7},
        {"model.embedding_size": 8, "model.tied": True, "model.output_projection": True},
    ],
)
def test_texts(tmp_path: Path, changes: dict[str, object]) -> None:
    fields = trainings.changed(texts.SMALL, {"data.corpus": "text_file", "data.root": "a.txt", **changes})
    recipe = TextRecipe.model_validate(fields)
    vocabulary = Vocabulary.build([TEXT], "characters")
    run = trained(tmp_path / "run", of_text, recipe, of_text.Assets(vocabulary))
    eager, exported = load(run), load(export(run, tmp_path / "out")[0])
    wanted = eager.score(TEXT).nats
    np.testing.assert_allclose(exported.score_tokens(encoding.encode(TEXT, vocabulary)), wanted, rtol=1e-5, atol=1e-5)


def test_what_is_not_exported_says_so(tmp_path: Path) -> None:
    recipe = rolls.small(tmp_path, {"model.recurrent.zoneout": 0.1})
    run = trained(tmp_path / "run", of_rolls, recipe, of_rolls.Assets())
    with pytest.raises(RunError, match="zoneout mixes states"):
        export(run, tmp_path / "out")
    with pytest.raises(RunError, match="sherpa-onnx runs recognisers of speech alone"):
        export(run, tmp_path / "out", to="sherpa")
    with pytest.raises(
        RunError, match=r"music are not exported: what they generate is sampled .* Those for recognition"
    ):
        export("chorales", tmp_path / "out")
    assert not (tmp_path / "out").exists()
