"""One pass over a text: figures, what is kept of what the model wrote, and what is shown."""

import math
from pathlib import Path

import numpy as np
import pytest
from crnn_audio.tasks.judging import Judgement
from crnn_audio.tasks.judging_text import TextJudgement, judge_language

from crnn_audio.batching.text import running
from crnn_audio.tasks.text_generation import token_nats
from tests import texts as made

TOKENS = np.random.default_rng(2).integers(2, 9, 20)


def test_nats_are_summed_and_divided_once() -> None:
    task = made.task()
    found = judge_language(task.train(), running(TOKENS, 0), num_characters=55)
    assert not task.training
    nats = token_nats(task, running(TOKENS, 0)).sum()
    assert (found.score, found.loss) == (pytest.approx(nats / 55), pytest.approx(nats / 20))
    assert found.perplexity == found.figures["perplexity"] == pytest.approx(math.exp(nats / 20))
    assert (found.metric, found.empty_rate, found.examples(2)) == ("nats_per_character", 0.0, [])
    assert isinstance(found, Judgement)


def test_what_was_written_is_kept(tmp_path: Path) -> None:
    found = TextJudgement(3.0, 2, 2, "the c", "at\nsat")
    found.keep(tmp_path / "pieces" / "epoch-001")
    assert (tmp_path / "pieces" / "epoch-001.txt").read_text(encoding="utf-8") == "after 'the c':\nat\nsat\n"


def test_a_diverged_model_has_a_perplexity_all_the_same() -> None:
    assert math.isfinite(TextJudgement(1e9, 2, 2).perplexity)
