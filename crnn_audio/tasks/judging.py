"""One pass over a split: the figures that training watches and that `evaluate` reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from crnn_audio.decoding.ctc import greedy
from crnn_audio.metrics.error_rate import ErrorCounts, character_errors, word_errors
from crnn_audio.tasks.recognition import Recognition, ctc_losses
from crnn_audio.types import SpeechBatch


@runtime_checkable
class Judgement(Protocol):
    """What the training loop needs to know of a pass over dev; `score` is better when lower."""

    @property
    def metric(self) -> str:
        """What `score` is: "wer"."""
        ...

    @property
    def score(self) -> float:
        """The figure that chooses between models, a fraction or in nats."""
        ...

    @property
    def loss(self) -> float:
        """The training objective on this split, without augmentation."""
        ...

    @property
    def silent_share(self) -> float:
        """Share of items for which the model said nothing at all."""
        ...

    def examples(self, count: int) -> list[tuple[str, str]]:
        """Pairs of what should have come out and what did."""
        ...


@dataclass(frozen=True)
class Transcribed:
    """One utterance: what was said, what was heard, its errors, and its loss in nats a token."""

    cut_id: str
    reference: str
    hypothesis: str
    words: ErrorCounts
    characters: ErrorCounts
    loss: float


@dataclass(frozen=True)
class RecognitionJudgement:
    """A split transcribed, in the order of its manifest."""

    utterances: tuple[Transcribed, ...]
    metric: str = "wer"

    @property
    def words(self) -> ErrorCounts:
        """Word errors of the whole split."""
        return sum((one.words for one in self.utterances), ErrorCounts(0, 0, 0, 0))

    @property
    def characters(self) -> ErrorCounts:
        """Character errors of the whole split."""
        return sum((one.characters for one in self.utterances), ErrorCounts(0, 0, 0, 0))

    @property
    def score(self) -> float:
        """Word error rate, a fraction."""
        return self.words.rate

    @property
    def loss(self) -> float:
        """Mean over utterances of the nats a token."""
        return sum(one.loss for one in self.utterances) / len(self.utterances)

    @property
    def silent_share(self) -> float:
        """Share of utterances with an empty hypothesis."""
        return sum(not one.hypothesis for one in self.utterances) / len(self.utterances)

    def examples(self, count: int) -> list[tuple[str, str]]:
        """The first utterances that have errors, filled up with those that have none."""
        wrong_first = sorted(self.utterances, key=lambda one: one.words.errors == 0)
        return [(one.reference, one.hypothesis) for one in wrong_first[:count]]


@torch.inference_mode()
def judge_recognition(
    task: Recognition, batches: Iterable[SpeechBatch], references: dict[str, str]
) -> RecognitionJudgement:
    """Transcribes every batch greedily and counts errors against `references`, the texts by cut id, in their order."""
    task.eval()
    utterances = {one.cut_id: one for batch in batches for one in _transcribe(task, batch, references)}
    return RecognitionJudgement(tuple(utterances[cut_id] for cut_id in references))


def _transcribe(task: Recognition, batch: SpeechBatch, references: dict[str, str]) -> list[Transcribed]:
    encoded = task(batch.audio)
    losses = ctc_losses(encoded, batch.targets).tolist()
    texts = [task.vocabulary.decode(path.tokens) for path in greedy(encoded.frames, encoded.lengths)]
    return [
        Transcribed(
            cut_id,
            references[cut_id],
            text,
            word_errors(references[cut_id], text),
            character_errors(references[cut_id], text),
            loss,
        )
        for cut_id, text, loss in zip(batch.cut_ids, texts, losses, strict=True)
    ]
