"""A run on a split: figures from counts, the worst first, and a run that is not what it was is not evaluated."""

from pathlib import Path

import jiwer
import pytest

from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.evaluation.evaluate import default_split, evaluate
from crnn_audio.metrics.error_rate import character_errors, interval, word_errors
from crnn_audio.metrics.scores import Scores
from crnn_audio.metrics.transcripts import ScoredUtterance, scores_of
from crnn_audio.problems import Data, recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary
from tests import trainings


def scored(*pairs: tuple[str, str]) -> Scores:
    """Of references and hypotheses, named a, b, c, ..."""
    return scores_of(
        [
            ScoredUtterance(chr(97 + index), said, text, word_errors(said, text), character_errors(said, text), 1.0)
            for index, (said, text) in enumerate(pairs)
        ]
    )


def test_the_worst_have_most_wrong_words_then_most_wrong_characters() -> None:
    found = scored(
        ("one two", "one two"),  # a: right
        ("one two", "one tow"),  # b: one word, two characters
        ("one two", "six"),  # c: two words
        ("one two", "one tu"),  # d: one word, two characters, after b in the manifest
        ("one two", "one eleventhousand"),  # e: one word, more characters than c
        ("three", "three"),  # f: right
    )
    assert [one.id for one in found.worst(10)] == ["c", "e", "b", "d"]
    assert [one.id for one in found.worst(2)] == ["c", "e"]
    assert found.worst(0) == []


def test_rates_are_of_counts_and_no_means_of_rates() -> None:
    found = scored(("one", "two"), ("one two three four five six seven eight nine", ""))
    assert found.value == 10 / 10
    assert scored(("a", "b"), ("a b c", "a b c")).value == 1 / 4
    assert found.as_json() == {
        "run": "",
        "corpus": "",
        "split": "",
        "wer": 1.0,
        "cer": found.metrics["cer"],
        "words": 10,
        "substitutions": 1,
        "deletions": 9,
        "insertions": 0,
        "interval": list(interval([one.words for one in found.items])),
        "roc_auc": None,
        "utterances": 2,
    }


def test_a_split_is_counted_as_it_is_transcribed(recognizer, tiny: Path) -> None:
    cuts = manifests.load(tiny / "train.jsonl")
    hypotheses = [one.text for one in recognizer.transcribe([cut.recording.path for cut in cuts])]
    found = evaluate(recognizer, "train", root=tiny)
    assert [one.id for one in found.items] == [cut.id for cut in cuts]
    assert [" ".join(one.hypothesis.split()) for one in found.items] == hypotheses
    said = [cut.text for cut in cuts]
    assert found.value == pytest.approx(jiwer.wer(said, hypotheses))
    assert found.metrics["cer"] == pytest.approx(jiwer.cer(said, hypotheses))
    low, high = found.figures["interval"]
    assert low <= found.value <= high


def test_there_must_be_such_a_split(recognizer, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'exam'; it has train, dev, test"):
        evaluate(recognizer, "exam", root=tiny)
    with pytest.raises(DataError, match="no such manifest"):
        evaluate(recognizer, "test", root=tmp_path)


def test_another_corpus_is_transcribed_and_a_wrong_name_is_reported(recognizer, tiny: Path) -> None:
    own = evaluate(recognizer, "train", root=tiny)
    other = evaluate(recognizer, "train", corpus="manifests", root=tiny)
    assert other.corpus == str(tiny)
    assert (other.metrics, other.figures) == (own.metrics, own.figures)
    with pytest.raises(RecipeError, match=r"data\.corpus=an5.*did you mean 'an4'"):
        evaluate(recognizer, corpus="an5")
    with pytest.raises(RecipeError, match="manifests"):
        evaluate(recognizer, corpus="manifests")


@pytest.mark.parametrize(
    ("letters", "asked", "case"),
    [
        ("AB C", "keep", "upper"),
        ("ab 'c", "keep", "lower"),
        ("aB", "keep", "keep"),
        ("AB", "lower", "lower"),
        ("12", "keep", "keep"),
    ],
)
def test_another_corpus_is_spelled_in_the_case_that_the_model_writes(tmp_path, letters, asked, case) -> None:
    recipe = trainings.small(tmp_path, {"task.case": asked, "data.dev_as_train": True})
    assets = Assets(Vocabulary.build([letters], "characters"), None)
    assert recognition.transfer(recipe, assets) == ["data.dev_as_train=false", "data.fold=null", f"task.case={case}"]


def test_without_test_dev_is_taken_if_it_was_not_trained_on() -> None:
    there = {"train": ["a"], "dev": ["b"]}
    assert default_split(Data(there, ("dev", "test"))) == "dev"
    assert default_split(Data(there | {"test": []}, ("dev", "test"))) == "dev"
    assert default_split(Data(there | {"test": ["c"]}, ("dev", "test"))) == "test"
    assert default_split(Data({"train": ["a"]}, ("dev", "test"))) == "test", "which is then said to be missing"
    assert default_split(Data(there, ("test",))) == "test"
