"""A pass over a split against one utterance at a time, and the figures made of it."""

from dataclasses import replace

import pytest
import torch

from crnn_audio.decoding.ctc import Greedy
from crnn_audio.metrics.error_rate import character_errors, word_errors
from crnn_audio.metrics.transcripts import ScoredUtterance, scores_of
from crnn_audio.tasks.ctc import Recognition, ctc_losses, transcribed
from tests.unit.tasks.test_ctc import TEXTS, VOCABULARY, recognition, speech


def talkative() -> Recognition:
    """A recogniser that is sure of what it makes up."""
    task = recognition(dropout=0.4)
    with torch.no_grad():
        task.model.head.linear.weight *= 15
    return task.train()


def scored(task: Recognition, batches: list, references: dict[str, str]) -> list[ScoredUtterance]:
    task.eval()
    found = {one.id: one for batch in batches for one in transcribed(task, batch, references, Greedy())}
    return [found[cut_id] for cut_id in references]


def test_a_split_is_scored_utterance_by_utterance() -> None:
    task = talkative()
    references = {"cut-2": "cab", "cut-0": "ab ba", "cut-1": "c"}
    utterances = scored(task, [speech(rows=(0, 1)), speech(rows=(2,))], references)
    for one in utterances:
        batch = speech(rows=(int(one.id[-1]),))
        encoded = task(batch.audio)
        (path,) = Greedy().decode(encoded.frames, encoded.lengths)
        reference = references[one.id]
        assert (one.reference, one.hypothesis) == (reference, VOCABULARY.decode(path.tokens))
        assert one.words == word_errors(reference, one.hypothesis)
        assert one.characters == character_errors(reference, one.hypothesis)
        assert one.loss == pytest.approx(ctc_losses(encoded, batch.targets).item(), rel=1e-9)
    assert len({one.hypothesis for one in utterances}) > 1, "the transcripts say nothing"
    assert scores_of(utterances).metric == "wer"


def test_batches_and_their_order_change_nothing() -> None:
    task, references = talkative(), {f"cut-{row}": text for row, text in enumerate(TEXTS)}
    whole = scored(task, [speech()], references)
    parts = scored(task, [speech(rows=(2,)), speech(rows=(1, 0))], references)
    for one, other in zip(whole, parts, strict=True):
        assert (one.id, one.hypothesis, one.words) == (other.id, other.hypothesis, other.words)
        assert one.loss == pytest.approx(other.loss, rel=1e-9)


def utterance(reference: str, hypothesis: str, loss: float = 1.0, name: str = "") -> ScoredUtterance:
    words, characters = word_errors(reference, hypothesis), character_errors(reference, hypothesis)
    return ScoredUtterance(name or reference, reference, hypothesis, words, characters, loss)


SCORES = scores_of(
    [
        utterance("one two three four five six", "one two three four five six", 0.5),
        utterance("seven", "", 2.0),
        utterance("eight nine", "eight wine oh", 3.5),
        utterance("zero", "", 4.0),
    ]
)


def test_rates_are_of_sums_and_never_means_of_rates() -> None:
    # By hand: "seven" and "zero" deleted, "nine" substituted and "oh" inserted, of ten words.
    assert [SCORES.figures[name] for name in ("substitutions", "deletions", "insertions", "words")] == [1, 2, 1, 10]
    assert SCORES.value == SCORES.metrics["wer"] == pytest.approx(0.4)
    # 5 and 4 deleted, 1 substituted and 3 inserted, of 27 + 5 + 10 + 4 characters.
    assert SCORES.metrics["cer"] == pytest.approx(13 / 46)


def test_loss_and_empty_hypotheses_are_means_over_utterances() -> None:
    assert SCORES.loss == 2.5
    assert SCORES.empty_rate == 0.5


def test_examples_show_errors_first_and_fill_up_with_the_rest() -> None:
    assert SCORES.examples[:2] == (("seven", ""), ("eight nine", "eight wine oh"))
    assert SCORES.examples[-1] == ("one two three four five six", "one two three four five six")
    assert len(SCORES.examples) == 4


def test_the_worst_have_most_wrong_words_then_most_wrong_characters() -> None:
    found = scores_of(
        [
            utterance("one two", "one two", name="a"),  # right
            utterance("one two", "one tow", name="b"),  # one word, two characters
            utterance("one two", "six", name="c"),  # two words
            utterance("one two", "one tu", name="d"),  # one word, two characters, after b in the manifest
            utterance("one two", "one eleventhousand", name="e"),  # one word, more characters than c
            utterance("three", "three", name="f"),  # right
        ]
    )
    assert [one.id for one in found.worst(10)] == ["c", "e", "b", "d"]
    assert [one.id for one in found.worst(2)] == ["c", "e"]
    assert found.worst(0) == []
    assert found.lines("model", 1)[-2:] == ["    reference   ONE TWO", "    hypothesis  SIX ***"]


def test_as_json_it_has_every_figure_and_where_it_is_of() -> None:
    found = replace(SCORES, run="run", corpus="an4", split="test")
    assert found.as_json() == {
        "run": "run", "corpus": "an4", "split": "test", "wer": 0.4, "cer": 13 / 46, "words": 10, "substitutions": 1,
        "deletions": 2, "insertions": 1, "interval": found.figures["interval"], "roc_auc": None, "utterances": 4,
    }  # fmt: skip
