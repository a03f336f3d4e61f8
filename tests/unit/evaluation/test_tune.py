"""Weights are tried in every combination, and the network computes once."""

from pathlib import Path

import pytest

from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.evaluation import tune as tuning
from crnn_audio.evaluation.tune import best, lines, store, tune
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems.restore import restore


def test_every_combination_is_tried_once(recognizer: Recognizer, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "words.txt").write_text("two\nthree\n")
    monkeypatch.setattr(tuning, "WORD_SCORES", (0.0, 50.0))
    calls = []
    forward = type(recognizer.task).forward
    monkeypatch.setattr(type(recognizer.task), "forward", lambda task, audio: calls.append(1) or forward(task, audio))
    options = DecodingOptions(lexicon=tmp_path / "words.txt", hotwords=tmp_path / "words.txt")
    monkeypatch.setattr(tuning, "HOTWORD_SCORES", (1.0,))
    points = tune(recognizer, options)
    assert len(calls) == 1, "all of dev fits into one batch"
    assert [(one.options.word_score, one.options.lexicon is None) for one in points] == [
        (0.0, True), (0.0, False), (50.0, False),
    ]  # fmt: skip
    assert points[2].wer > points[1].wer, "fifty nats a word invent words"
    said = list(lines(points))
    assert said[0].endswith("%  greedy")
    assert said[2].endswith("--word-score 50 --hotword-score 1")
    assert best(points).wer == min(point.wer for point in points)
    assert "forward" not in vars(recognizer.task)


def test_what_cannot_be_tuned(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("two\n")
    with pytest.raises(DataError, match="there is nothing to tune"):
        tune(recognizer, DecodingOptions(nbest=3))
    with pytest.raises(DataError, match="learned from train, so weights cannot be chosen on it"):
        tune(recognizer, DecodingOptions(lexicon=tmp_path / "words.txt"), "train")


def test_the_best_is_kept_by_the_run(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("two\nthree\n")
    store(recognizer.run, DecodingOptions(lexicon=tmp_path / "words.txt", word_score=2.0))
    restored = restore(recognizer.run)
    opened = restored.problem.opened(recognizer.run, restored.recipe, restored.assets, recognizer.task)
    assert opened.decoding.word_score == 2.0
    assert type(opened.decoder) is GraphDecoder
    assert opened.with_decoding(DecodingOptions(nbest=2)).decoding.lexicon == opened.decoding.lexicon
    assert type(opened.with_decoding(DecodingOptions(greedy=True)).decoder) is Greedy
    store(recognizer.run, DecodingOptions(greedy=True))
    assert restore(recognizer.run).assets.decoding == NONE
