"""The models that ship: small, whole, described by what was measured of them, and ready for use by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crnn_audio import runs
from crnn_audio.corpora import an4
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.music.prompts import Prompt
from crnn_audio.metrics.cadences import endings, is_triad
from crnn_audio.metrics.error_rate import word_errors
from crnn_audio.problems import cards
from crnn_audio.problems.restore import load, restore

NAMES = sorted(path.name for path in runs.ZOO.iterdir() if path.is_dir())
RECOGNIZERS = ["an4", "an4_streaming"]
COMPOSERS = ["chorales", "folk_tunes"]
LARGEST = 10_000_000
"""Bytes of a model."""


def test_the_models_are_those_that_were_promised() -> None:
    assert set(NAMES) == {*RECOGNIZERS, *COMPOSERS}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_and_holds_nothing_but_what_using_it_needs(name: str) -> None:
    files = {path.name: path.stat().st_size for path in (runs.ZOO / name).iterdir()}
    own = {"conditions.json"} if name in COMPOSERS else {"statistics.json", "vocabulary.json"}
    assert set(files) <= {"README.md", "best.safetensors", "recipe.yaml", "run.json", *own}
    assert sum(files.values()) < LARGEST
    run = runs.open_run(name)
    assert run.finished
    assert run.facts["dirty"] is False, "trained from a commit"
    assert run.recipe["data"]["root"] is None
    assert {weight.dtype for weight in run.weights().values()} == {torch.float16}


@pytest.mark.parametrize("name", NAMES)
def test_its_card_says_what_was_measured(name: str) -> None:
    card = (runs.ZOO / name / "README.md").read_text(encoding="utf-8")
    scores = json.loads((runs.ZOO / name / "run.json").read_text(encoding="utf-8"))["scores"]
    assert "test" in {score["split"] for score in scores}
    for score in scores:
        found = f"{score['nats_per_note']:.3f}" if name in COMPOSERS else f"{100 * score['wer']:.2f}"
        assert f"| {score['corpus']} {score['split']} | {found} |" in card
    assert all(part in card for part in ("## Data", "Licence: ", "## Scores", "## Limitations", "## Usage"))
    assert cards.about_corpus(restore(runs.open_run(name)).recipe) in card
    assert ("Redistribution and use in source and binary forms" in card) == (name in RECOGNIZERS), "AN4's notice"


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_it_transcribes_what_was_said(name: str, corpus: Callable[[str], Path]) -> None:
    cuts = an4.read_splits(corpus("an4"))["test"][::8]
    hypotheses = load(name, device="cpu").transcribe([cut.recording.path for cut in cuts])
    counts = [word_errors(cut.text, one.text) for cut, one in zip(cuts, hypotheses, strict=True)]
    wrong = sum(one.errors for one in counts) / sum(one.reference for one in counts)
    assert wrong < 0.2, "it ships with less than half of that"


def test_streaming_gives_the_text_of_whole_files(corpus: Callable[[str], Path]) -> None:
    from crnn_audio import audio

    recognizer = load("an4_streaming", device="cpu")
    path = an4.read_splits(corpus("an4"))["test"][0].recording.path
    blocks = audio.blocks(path, seconds=0.1)
    with recognizer.stream(blocks.sample_rate) as stream:
        finals = [final for block in blocks for final in stream.feed(block).finals] + list(stream.flush().finals)
    whole: Hypothesis = recognizer.transcribe(path)
    assert " ".join(final.text for final in finals) == whole.text != ""


def test_tunes_asked_for_in_six_eight_in_g_are_that() -> None:
    composer = load("folk_tunes", "music", device="cpu")
    asked = Prompt(condition={"key": "G", "metre": "6/8"})
    pieces = composer.generate_many(20, asked, Sampling(temperature=0.8, seed=1000))
    ends = [endings(piece.score) for piece in pieces]
    assert all(str(piece.score.time_signatures[0]) == "6/8" and str(piece.score.keys[0]) == "G" for piece in pieces)
    assert all(one.full == one.on_tonic_chord == 1 for one in ends)


@pytest.mark.parametrize(("name", "temperature", "tempo"), [("chorales", 0.6, 76), ("folk_tunes", 0.8, 112)])
def test_it_generates_as_it_was_measured(name: str, temperature: float, tempo: int) -> None:
    composer = load(name, "music", device="cpu")
    assert composer.sampling == Sampling(temperature=temperature)
    recorded = (runs.ZOO.parent.parent / "recipes" / name / "written.json").read_text(encoding="utf-8")
    assert f"--temperature {temperature} " in recorded
    card = (runs.ZOO / name / "README.md").read_text(encoding="utf-8")
    assert f"By default at temperature {temperature}, top-p 1 and {tempo} quarter notes a minute." in card


def test_chorales_have_four_voices_in_their_order_and_end_on_a_triad() -> None:
    composer = load("chorales", "music", device="cpu")
    asked = Prompt(condition={"key": "D", "bars": "8"})
    pieces = composer.generate_many(4, asked, Sampling(temperature=0.8, seed=1))
    for piece in pieces:
        assert piece.ended
        assert [part.name for part in piece.score.parts] == ["soprano", "alto", "tenor", "bass"]
        last = [part.notes[-1].pitch for part in piece.score.parts]
        assert last == sorted(last, reverse=True)
        assert is_triad({pitch % 12 for pitch in last})
