"""One pass over a text: figures, baselines, and what is kept of what the model generated."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio.batching.text import running
from crnn_audio.inference.text.language_model import TextLikelihood
from crnn_audio.problems import ScoreOptions, text
from crnn_audio.tasks.text_generation import token_nats
from crnn_audio.text import encoding
from tests import texts as made


def test_nats_are_summed_and_divided_once(tmp_path: Path) -> None:
    recipe = made.small(made.file(tmp_path / "text.txt"))
    data = text.data(recipe)
    assets = text.assets(recipe, data)
    task, dev = text.task(recipe, assets).train(), data.items["dev"]
    found = text.scores(task, recipe, assets, dev, ScoreOptions())
    assert not task.training
    nats = token_nats(task, running(encoding.encode(dev, assets.vocabulary), task.context_length)).sum()
    assert found.value == pytest.approx(nats / len(dev))
    assert found.loss == found.figures["nats_per_token"] == pytest.approx(nats / found.figures["tokens"])
    assert found.figures["perplexity"] == pytest.approx(math.exp(nats / found.figures["tokens"]))
    assert (found.metric, found.empty_rate, found.examples, found.sample) == ("nats_per_character", 0.0, (), None)
    beside = text.scores(task, recipe, assets, dev, ScoreOptions(training=data.items["train"]))
    assert set(beside.figures["baselines"]) == {"unigram", "bigram", "trigram"}
    assert beside.value == found.value


def test_windows_begin_with_a_state_of_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "WINDOW", 16)
    recipe = made.small(made.file(tmp_path / "text.txt"))
    data = text.data(recipe)
    assets = text.assets(recipe, data)
    task, dev = text.task(recipe, assets), data.items["dev"]
    found = text.scores(task, recipe, assets, dev, ScoreOptions())
    tokens = encoding.encode(dev, assets.vocabulary)
    assert len(tokens) > 40
    assert len(tokens) % 16
    nats = 0.0
    for start in range(0, len(tokens), 16):
        before = [tokens[start - 1] if start else 0, *tokens[start : start + 15]]
        carry = None
        for token, following in zip(before, tokens[start : start + 16], strict=False):
            log_probs, carry = task.step(torch.tensor([[[token]]]), carry)
            nats -= log_probs[0, 0, following - 1].item()
    assert found.metrics["nats_per_character_by_window"] == pytest.approx(nats / len(dev), rel=1e-5)
    assert found.metrics["nats_per_character_by_window"] != pytest.approx(found.value, rel=1e-5)
    assert "nats_per_character_by_window" not in text.scores(task, recipe, assets, dev, ScoreOptions(epoch=1)).metrics


def test_a_sample_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    recipe = made.small(made.file(tmp_path / "text.txt"))
    data = text.data(recipe)
    assets = text.assets(recipe, data)
    task, dev = text.task(recipe, assets), data.items["dev"]
    first, again, next_epoch = (
        text.scores(task, recipe, assets, dev, ScoreOptions(epoch=epoch)).sample for epoch in (1, 1, 2)
    )
    assert first == again != next_epoch
    assert first.primer in dev


def test_invisible_characters_are_no_tokens_and_are_said(tmp_path: Path) -> None:
    path = made.file(tmp_path / "text.txt")
    path.write_text("\u200b" + path.read_text(encoding="utf-8"), encoding="utf-8")
    data = text.data(made.small(path))
    assert data.remarks == (f"{path}: 1 invisible character (1 U+200B) in 1 text removed.",)
    assert "\u200b" not in data.items["train"]


def test_what_was_generated_is_kept(tmp_path: Path) -> None:
    text.TextSample("the c", "at\nsat").save(tmp_path / "epoch-001")
    assert (tmp_path / "epoch-001.txt").read_text(encoding="utf-8") == "after 'the c':\nat\nsat\n"


def test_a_diverged_model_has_a_perplexity_all_the_same() -> None:
    assert math.isfinite(TextLikelihood("ab", "characters", ("a", "b"), np.array([1e9, 1e9]), 0).perplexity)
