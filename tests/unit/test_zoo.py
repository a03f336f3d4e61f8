"""The models that ship: small, whole, described by what was measured of them, and ready to transcribe by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crnn_audio import runs
from crnn_audio.corpora import an4
from crnn_audio.inference.load import load
from crnn_audio.metrics.error_rate import word_errors
from crnn_audio.types import Hypothesis

NAMES = sorted(path.name for path in runs.ZOO.iterdir() if path.is_dir())
RECOGNIZERS = ["an4", "an4_streaming"]
LARGEST = 10_000_000
"""Bytes of a model."""


def test_the_models_are_those_that_were_promised() -> None:
    assert set(RECOGNIZERS) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_and_holds_nothing_but_what_using_it_needs(name: str) -> None:
    files = {path.name: path.stat().st_size for path in (runs.ZOO / name).iterdir()}
    known = {"README.md", "best.safetensors", "recipe.yaml", "run.json", "statistics.json", "vocabulary.json"}
    assert set(files) <= known
    assert sum(files.values()) < LARGEST
    run = runs.open_run(name)
    assert run.finished
    assert run.facts["dirty"] is False, "trained from a commit"
    assert run.recipe.data.root is None
    assert {weight.dtype for weight in run.weights().values()} == {torch.float16}


@pytest.mark.parametrize("name", NAMES)
def test_its_card_says_what_was_measured(name: str) -> None:
    card = (runs.ZOO / name / "README.md").read_text(encoding="utf-8")
    scores = json.loads((runs.ZOO / name / "run.json").read_text(encoding="utf-8"))["scores"]
    assert "test" in {score["split"] for score in scores}
    for score in scores:
        assert f"| {score['corpus']} {score['split']} | {100 * score['wer']:.2f} |" in card
    assert all(part in card for part in ("## Data", "Licence: ", "## Scores", "## Not good for", "## Use"))


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_it_hears_what_was_said(name: str, corpus: Callable[[str], Path]) -> None:
    cuts = an4.prepare(corpus("an4"))["test"][::8]
    heard = load(name, device="cpu").transcribe([cut.recording.path for cut in cuts])
    counts = [word_errors(cut.text, one.text) for cut, one in zip(cuts, heard, strict=True)]
    wrong = sum(one.errors for one in counts) / sum(one.reference for one in counts)
    assert wrong < 0.2, "it ships with less than half of that"


def test_live_it_hears_the_same_as_at_leisure(corpus: Callable[[str], Path]) -> None:
    from crnn_audio import audio

    recognizer = load("an4_streaming", device="cpu")
    path = an4.prepare(corpus("an4"))["test"][0].recording.path
    blocks = audio.blocks(path, seconds=0.1)
    with recognizer.stream(blocks.sample_rate) as stream:
        finals = [final for block in blocks for final in stream.feed(block).finals] + list(stream.flush().finals)
    whole: Hypothesis = recognizer.transcribe(path)
    assert " ".join(final.text for final in finals) == whole.text != ""
