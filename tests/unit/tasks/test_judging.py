"""A pass over a split against one utterance at a time, and the figures made of it."""

import pytest
import torch
from crnn_audio.tasks.judging import RecognitionJudgement, Transcribed, judge_recognition

from crnn_audio.decoding.ctc import Greedy
from crnn_audio.metrics.error_rate import ErrorCounts, character_errors, word_errors
from crnn_audio.tasks.ctc import Recognition, ctc_losses
from tests.unit.tasks.test_recognition import TEXTS, VOCABULARY, recognition, speech


def talkative() -> Recognition:
    """A recogniser that is sure of what it makes up."""
    task = recognition(dropout=0.4)
    with torch.no_grad():
        task.model.head.linear.weight *= 15
    return task.train()


def test_a_split_is_judged_utterance_by_utterance_in_the_order_of_its_references() -> None:
    task = talkative()
    references = {"cut-2": "cab", "cut-0": "ab ba", "cut-1": "c"}
    judgement = judge_recognition(task, [speech(rows=(0, 1)), speech(rows=(2,))], references, Greedy())
    assert [one.cut_id for one in judgement.utterances] == list(references)
    assert not task.training, "dropout would change what is heard"
    for one in judgement.utterances:
        batch = speech(rows=(int(one.cut_id[-1]),))
        encoded = task(batch.audio)
        (path,) = Greedy().decode(encoded.frames, encoded.lengths)
        reference = references[one.cut_id]
        assert (one.reference, one.hypothesis) == (reference, VOCABULARY.decode(path.tokens))
        assert one.words == word_errors(reference, one.hypothesis)
        assert one.characters == character_errors(reference, one.hypothesis)
        assert one.loss == pytest.approx(ctc_losses(encoded, batch.targets).item(), rel=1e-9)
    assert len({one.hypothesis for one in judgement.utterances}) > 1, "the transcripts say nothing"
    assert judgement.metric == "wer"


def test_batches_and_their_order_change_nothing() -> None:
    task, references = talkative(), {f"cut-{row}": text for row, text in enumerate(TEXTS)}
    whole = judge_recognition(task, [speech()], references, Greedy())
    parts = judge_recognition(task, [speech(rows=(2,)), speech(rows=(1, 0))], references, Greedy())
    for one, other in zip(whole.utterances, parts.utterances, strict=True):
        assert (one.cut_id, one.hypothesis, one.words) == (other.cut_id, other.hypothesis, other.words)
        assert one.loss == pytest.approx(other.loss, rel=1e-9)


def transcribed(reference: str, hypothesis: str, loss: float = 1.0) -> Transcribed:
    words, characters = word_errors(reference, hypothesis), character_errors(reference, hypothesis)
    return Transcribed(reference, reference, hypothesis, words, characters, loss)


JUDGEMENT = RecognitionJudgement(
    (
        transcribed("one two three four five six", "one two three four five six", 0.5),
        transcribed("seven", "", 2.0),
        transcribed("eight nine", "eight wine oh", 3.5),
        transcribed("zero", "", 4.0),
    )
)


def test_rates_are_of_sums_and_never_means_of_rates() -> None:
    # By hand: "seven" and "zero" deleted, "nine" substituted and "oh" inserted, of ten words.
    assert JUDGEMENT.words.errors == 4
    assert JUDGEMENT.score == pytest.approx(0.4)
    # 5 and 4 deleted, 1 substituted and 3 inserted, of 27 + 5 + 10 + 4 characters.
    assert JUDGEMENT.characters.errors == 13
    assert JUDGEMENT.characters.rate == pytest.approx(13 / 46)


def test_loss_and_silence_are_means_over_utterances() -> None:
    assert JUDGEMENT.loss == 2.5
    assert JUDGEMENT.empty_rate == 0.5


def test_examples_show_errors_first_and_fill_up_with_the_rest() -> None:
    assert JUDGEMENT.examples(2) == [("seven", ""), ("eight nine", "eight wine oh")]
    assert JUDGEMENT.examples(9)[-1] == ("one two three four five six", "one two three four five six")
    assert len(JUDGEMENT.examples(9)) == 4


def test_counts_of_a_split_add_up() -> None:
    assert JUDGEMENT.words == sum((one.words for one in JUDGEMENT.utterances), ErrorCounts(0, 0, 0, 0))
