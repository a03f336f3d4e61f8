"""Exported models that turn texts into others: as the run writes greedily, and where it looked."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.decoding.sequence_beam import SearchOptions
from crnn_audio.errors import DataError, RunError
from crnn_audio.problems import transduction
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from crnn_audio.text.vocabulary import Vocabulary
from tests import transductions as made
from tests.invariants.small import moved

WORDS = ["a", "abc", "dab", "abcdeabcde", "bbbX", "ee", "cadb"]
ASSETS = transduction.Assets(Vocabulary.build(["abcde"], "characters"), Vocabulary.build(["A B C D E"], "words"))


def trained(path: Path, changes: dict[str, object] | None = None) -> Path:
    """A finished run with random weights, made to write something."""
    recipe = made.small(path, changes)
    model = moved(transduction.task(recipe, ASSETS).model)
    with torch.no_grad():
        model.head.output.bias[0] -= 1
    run = runs.create(path / "run", config.dump(recipe), ASSETS, {"epochs": 1})
    run.save_weights("best", model.state_dict())
    run.set_state("finished")
    return path / "run"


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "tcn"])
@pytest.mark.parametrize("attention", made.KINDS)
def test_it_writes_what_the_run_writes(tmp_path: Path, attention: str, cell: str) -> None:
    sides = {"model.recurrent.bidirectional": False} if cell in ("rnn", "tcn") else {}
    layers = {"model.decoder.num_layers": 2} if cell == "lstm" else {}
    cells = {"model.decoder.attention": attention, "model.decoder.cell": cell, "model.recurrent.cell": cell}
    run = trained(tmp_path, cells | sides | layers)
    folder, usage = export(run, tmp_path / "out")
    assert usage == (f"crnn-audio translate {folder} -",)
    eager, exported = load(run), load(folder)
    assert exported.has_attention == eager.has_attention == (attention != "fixed")
    wanted = list(eager.translate_many(WORDS, SearchOptions()))
    found = list(exported.translate_many(WORDS))
    assert [one.text for one in found] == [one.text for one in wanted]
    assert any(one.text for one in found)
    assert [one.remarks for one in found] == [one.remarks for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.nbest[0].log_prob == pytest.approx(other.nbest[0].log_prob, abs=1e-4)
        assert exported.translate(one.source).text == one.text, "alone as together"
        if attention == "fixed":
            assert one.attention is None
        else:
            np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)


def test_a_shell_without_torch(tmp_path: Path) -> None:
    folder, _ = export(trained(tmp_path), tmp_path / "out")
    code = (
        "import sys\n"
        "sys.argv[1:] = ['translate', sys.argv[1], 'abc']\n"
        "from crnn_audio import cli\n"
        "try: cli.main()\n"
        "finally: assert not {'torch', 'matplotlib', 'onnx'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=os.environ)
    assert done.stderr == ""
    assert done.stdout.strip() == load(folder).translate("abc").text


def test_texts_that_cannot_be_translated(tmp_path: Path) -> None:
    exported = load(export(trained(tmp_path), tmp_path / "out")[0])
    found = exported.translate_many(["ab", "", "cd"])
    assert next(found).source == "ab"
    with pytest.raises(DataError, match="'' is empty"):
        next(found)


def test_weights_of_eight_bits_and_what_cannot_be(tmp_path: Path) -> None:
    run = trained(tmp_path)
    whole, small = export(run, tmp_path / "whole")[0], export(run, tmp_path / "small", int8=True)[0]
    for name in ("model.onnx", "writer.onnx"):
        assert (small / name).stat().st_size < (whole / name).stat().st_size
    assert load(small).translate("abc").source == "abc"
    with pytest.raises(RunError, match="sherpa-onnx runs recognisers of speech alone"):
        export(run, tmp_path / "sherpa", to="sherpa")
    (whole / "writer.onnx").write_bytes(b"no graph")
    with pytest.raises(RunError, match=r"writer\.onnx: damaged"):
        load(whole)
