"""Scores of transcripts: word and character error rates with their interval, and how well confidences rank words."""

from collections.abc import Sequence
from dataclasses import dataclass

from crnn_audio.metrics.error_rate import ErrorCounts, align, interval
from crnn_audio.metrics.scores import Scores, ranking_area


@dataclass(frozen=True)
class ScoredUtterance:
    """An utterance: its transcript, the hypothesis, its errors, and its loss in nats a token.

    `words_right` has the confidence of each word of the hypothesis, and whether it is right.
    """

    id: str
    reference: str
    hypothesis: str
    words: ErrorCounts
    characters: ErrorCounts
    loss: float
    words_right: tuple[tuple[float, bool], ...] = ()

    @property
    def rank(self) -> tuple[float, ...]:
        """Word errors, then character errors."""
        return self.words.errors, self.characters.errors

    def lines(self) -> list[str]:
        """Reference and hypothesis, word under word."""
        reference, hypothesis = align(self.reference, self.hypothesis)
        return [self.id, f"  reference   {reference.rstrip()}", f"  hypothesis  {hypothesis.rstrip()}"]


def scores_of(utterances: Sequence[ScoredUtterance]) -> Scores:
    """The scores of a split. `interval` is the 95 % bootstrap interval of the word error rate."""
    words = sum((one.words for one in utterances), ErrorCounts())
    characters = sum((one.characters for one in utterances), ErrorCounts())
    low, high = interval([one.words for one in utterances])
    pairs = [pair for one in utterances for pair in one.words_right]
    area = ranking_area([confidence for confidence, _ in pairs], [right for _, right in pairs])
    details = [
        f"WER {100 * words.rate:.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f})  "
        f"{words.substitutions} substitutions, {words.deletions} deletions, {words.insertions} insertions",
        f"CER {100 * characters.rate:.2f} %",
    ]
    if area is not None:
        details.append(f"confidence: {area:.3f} under the ROC curve of right against wrong words")
    wrong_first = sorted(utterances, key=lambda one: one.words.errors == 0)
    return Scores(
        metrics={"wer": words.rate, "cer": characters.rate},
        loss=sum(one.loss for one in utterances) / len(utterances),
        counts=f"{len(utterances)} utterances, {words.reference} words",
        details=tuple(details),
        figures={
            "words": words.reference,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "interval": [low, high],
            "roc_auc": area,
            "utterances": len(utterances),
        },
        items=tuple(utterances),
        examples=tuple((one.reference, one.hypothesis) for one in wrong_first[:5]),
        empty_rate=sum(not one.hypothesis for one in utterances) / len(utterances),
    )
