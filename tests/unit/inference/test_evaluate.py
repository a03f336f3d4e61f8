"""A run on a split: figures from counts, the worst first, and a run that is not what it was is not judged."""

from pathlib import Path

import jiwer
import pytest
from crnn_audio.tasks.judging import Transcribed

from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.evaluation.evaluate import Evaluation, case_of, default_split, evaluate
from crnn_audio.metrics.error_rate import ErrorCounts, character_errors, word_errors
from crnn_audio.runs import Run
from crnn_audio.text.vocabulary import Vocabulary
from tests import trainings


def evaluation(*pairs: tuple[str, str]) -> Evaluation:
    """Of what was said and what was heard, named a, b, c, ..."""
    heard = tuple(
        Transcribed(chr(97 + index), said, text, word_errors(said, text), character_errors(said, text), 1.0)
        for index, (said, text) in enumerate(pairs)
    )
    words = sum((one.words for one in heard), ErrorCounts())
    characters = sum((one.characters for one in heard), ErrorCounts())
    return Evaluation(Path("run"), "an4", "test", words, characters, (0.1, 0.2), heard)


def test_the_worst_have_most_wrong_words_then_most_wrong_characters() -> None:
    found = evaluation(
        ("one two", "one two"),  # a: right
        ("one two", "one tow"),  # b: one word, two characters
        ("one two", "six"),  # c: two words
        ("one two", "one tu"),  # d: one word, two characters, after b in the manifest
        ("one two", "one eleventhousand"),  # e: one word, more characters than c
        ("three", "three"),  # f: right
    )
    assert [one.cut_id for one in found.worst(10)] == ["c", "e", "b", "d"]
    assert [one.cut_id for one in found.worst(2)] == ["c", "e"]
    assert found.worst(0) == []


def test_rates_are_of_counts_and_no_means_of_rates() -> None:
    found = evaluation(("one", "two"), ("one two three four five six seven eight nine", ""))
    assert found.wer == 10 / 10
    assert evaluation(("a", "b"), ("a b c", "a b c")).wer == 1 / 4
    assert found.as_json() == {
        "run": "run",
        "corpus": "an4",
        "split": "test",
        "wer": 1.0,
        "cer": found.cer,
        "words": 10,
        "substitutions": 1,
        "deletions": 9,
        "insertions": 0,
        "interval": [0.1, 0.2],
        "confidence_area": None,
        "utterances": 2,
    }


def test_a_split_is_counted_as_it_is_transcribed(recognizer, tiny: Path) -> None:
    cuts = manifests.load(tiny / "train.jsonl")
    heard = [one.text for one in recognizer.transcribe([cut.recording.path for cut in cuts])]
    found = evaluate(recognizer, "train", root=tiny)
    assert [one.cut_id for one in found.utterances] == [cut.id for cut in cuts]
    assert [" ".join(one.hypothesis.split()) for one in found.utterances] == heard
    said = [cut.text for cut in cuts]
    assert found.wer == pytest.approx(jiwer.wer(said, heard))
    assert found.cer == pytest.approx(jiwer.cer(said, heard))
    assert found.interval[0] <= found.wer <= found.interval[1]


def test_there_must_be_such_a_split(recognizer, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'exam'; it has train, dev, test"):
        evaluate(recognizer, "exam", root=tiny)
    with pytest.raises(DataError, match="no such manifest"):
        evaluate(recognizer, "test", root=tmp_path)


def test_another_corpus_is_transcribed_and_a_wrong_name_is_told(recognizer, tiny: Path) -> None:
    own = evaluate(recognizer, "train", root=tiny)
    other = evaluate(recognizer, "train", corpus="manifests", root=tiny)
    assert (other.corpus, other.words, other.interval) == (str(tiny), own.words, own.interval)
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
    recipe = trainings.small(tmp_path, {"task.case": asked})
    run = Run(tmp_path, recipe, Vocabulary.build([letters], "characters"), None, {})
    assert case_of(run) == case


def test_without_test_dev_is_taken_if_it_was_not_trained_on(tiny: Path, tmp_path: Path) -> None:
    recipe = trainings.small(tmp_path)
    there = {"train": manifests.load(tiny / "train.jsonl"), "dev": manifests.load(tiny / "dev.jsonl")}
    assert default_split(recipe, there) == "dev"
    assert default_split(recipe, there | {"test": there["dev"]}) == "test"
    assert default_split(recipe, {"train": there["train"]}) == "test", "which is then said to be missing"
    assert default_split(trainings.small(tmp_path, {"data.dev_as_train": True}), there) == "test"
