"""One pass over a split: the figures that training watches and that `evaluate` reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Protocol, runtime_checkable

import torch

from crnn_audio.decoding.decoder import Decoder, Path
from crnn_audio.decoding.words import words
from crnn_audio.metrics.error_rate import ErrorCounts, character_errors, right_words, word_errors
from crnn_audio.metrics.music import figures
from crnn_audio.metrics.scores import ranking_area
from crnn_audio.symbolic import files as scores
from crnn_audio.symbolic import plotting
from crnn_audio.symbolic.representation import Representation
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.composing import scored
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.recognition import Recognition, ctc_losses
from crnn_audio.types import SequenceBatch, SpeechBatch


@runtime_checkable
class Judgement(Protocol):
    """What the training loop needs to know of a pass over dev; `score` is better when lower."""

    @property
    def metric(self) -> str:
        """What `score` is: "wer", "nats_per_frame"."""
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

    @property
    def figures(self) -> Mapping[str, float | None]:
        """What else the log should have."""
        ...

    def examples(self, count: int) -> list[tuple[str, str]]:
        """Pairs of what should have come out and what did."""
        ...

    @property
    def written(self) -> str:
        """A text that the model wrote, to be shown; empty where it writes none."""
        ...

    def keep(self, stem: FilePath) -> None:
        """Writes what a person may look at or listen to beside `stem`, if there is such a thing."""
        ...


@dataclass(frozen=True)
class Transcribed:
    """One utterance: what was said, what was heard, its errors, and its loss in nats a token.

    `judged_words` has the confidence of each word that was heard, and whether it is right.
    """

    cut_id: str
    reference: str
    hypothesis: str
    words: ErrorCounts
    characters: ErrorCounts
    loss: float
    judged_words: tuple[tuple[float, bool], ...] = ()


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
    def confidence_area(self) -> float | None:
        """How well confidence tells right words from wrong ones: the area under the ROC curve."""
        judged = [pair for one in self.utterances for pair in one.judged_words]
        return ranking_area([confidence for confidence, _ in judged], [right for _, right in judged])

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

    @property
    def figures(self) -> Mapping[str, float | None]:
        """None."""
        return {}

    @property
    def written(self) -> str:
        """Nothing."""
        return ""

    def keep(self, stem: FilePath) -> None:
        """Nothing: what was said and heard is shown."""


@torch.inference_mode()
def judge_recognition(
    task: Recognition, batches: Iterable[SpeechBatch], references: dict[str, str], decoder: Decoder[Any]
) -> RecognitionJudgement:
    """Transcribes every batch and counts errors against `references`, the texts by cut id, in their order."""
    task.eval()
    utterances = {one.cut_id: one for batch in batches for one in _transcribe(task, batch, references, decoder)}
    return RecognitionJudgement(tuple(utterances[cut_id] for cut_id in references))


def _transcribe(
    task: Recognition, batch: SpeechBatch, references: dict[str, str], decoder: Decoder[Any]
) -> list[Transcribed]:
    encoded = task(batch.audio)
    losses = ctc_losses(encoded, batch.targets).tolist()
    paths = decoder.decode(encoded.frames, encoded.lengths)
    return [
        _compared(task, cut_id, references[cut_id], path, loss)
        for cut_id, path, loss in zip(batch.cut_ids, paths, losses, strict=True)
    ]


def _compared(task: Recognition, cut_id: str, reference: str, path: Path, loss: float) -> Transcribed:
    text = task.vocabulary.decode(path.tokens)
    heard = words(path, task.vocabulary, frame_seconds=1.0, seconds=float("inf"))
    return Transcribed(
        cut_id,
        reference,
        text,
        word_errors(reference, text),
        character_errors(reference, text),
        loss,
        tuple(zip((word.confidence for word in heard), right_words(reference, text), strict=True)),
    )


@dataclass(frozen=True)
class Foretold:
    """One piece: its negative log-likelihood in nats, and what that is divided by: frames that were foretold, notes."""

    piece_id: str
    nats: float
    count: int


@dataclass(frozen=True)
class ForetoldJudgement:
    """A split of music foretold by what sounded before in the same piece: piano rolls by frames, tokens by notes.

    `sample` is a piece that the model wrote.
    """

    pieces: tuple[Foretold, ...]
    metric: str
    silent_share: float = 0.0
    sample: Score | None = None

    @property
    def count(self) -> int:
        """Frames or notes that were foretold."""
        return sum(one.count for one in self.pieces)

    @property
    def score(self) -> float:
        """Nats of all pieces, divided by the number of all their frames or notes."""
        return sum(one.nats for one in self.pieces) / self.count

    @property
    def loss(self) -> float:
        """The same."""
        return self.score

    def examples(self, count: int) -> list[tuple[str, str]]:
        """None: music is no text."""
        return []

    @property
    def figures(self) -> Mapping[str, float | None]:
        """Of the piece that the model wrote."""
        return {f"sample_{name}": rate for name, rate in figures([self.sample]).rates.items()} if self.sample else {}

    @property
    def written(self) -> str:
        """Nothing: a piece is kept."""
        return ""

    def keep(self, stem: FilePath) -> None:
        """The piece that the model wrote, as MIDI and as a picture."""
        if self.sample and self.sample.notes:
            stem.parent.mkdir(exist_ok=True)
            scores.save(self.sample, stem.with_suffix(".mid"))
            plotting.plot(self.sample, stem.with_suffix(".png"))


@torch.inference_mode()
def judge_next_frame(task: Prediction, batches: Iterable[SequenceBatch]) -> ForetoldJudgement:
    """Foretells whole pieces, each from a state of zero."""
    task.eval()
    return ForetoldJudgement(tuple(one for batch in batches for one in _foretold(task, batch)), "nats_per_frame")


def _foretold(task: Prediction, batch: SequenceBatch) -> list[Foretold]:
    losses = task.losses(batch)[0].double().sum(dim=1)
    return [
        Foretold(piece_id, nats, length)
        for piece_id, nats, length in zip(batch.cut_ids, losses.tolist(), batch.lengths.tolist(), strict=True)
    ]


def judge_next_token(
    task: Prediction, batches: Iterable[SequenceBatch], representation: Representation, sample: Score | None = None
) -> ForetoldJudgement:
    """Foretells whole pieces, nothing of which is given; the representation says which nats count, over how many."""
    found = list[Foretold]()
    for batch in batches:
        for piece_id, targets, nats in zip(
            batch.cut_ids, batch.targets.cpu().numpy(), scored(task, batch), strict=True
        ):
            rows = targets[: len(nats)]
            counted = float(nats[representation.counted(rows)].sum())
            found.append(Foretold(piece_id, counted, representation.num_notes(rows)))
    return ForetoldJudgement(tuple(found), "nats_per_note", sample=sample)
