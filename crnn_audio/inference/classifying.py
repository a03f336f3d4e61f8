"""Recordings to labels: batched by length inside, in the caller's order outside. Nothing here needs torch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np

from crnn_audio import audio
from crnn_audio.audio import Loss, Source
from crnn_audio.errors import DataError, RunError
from crnn_audio.hypotheses import NOT_LISTED, Label, Labels
from crnn_audio.inference.speech.channels import Channels, OneChannel
from crnn_audio.inference.speech.transcription import Progress, Read, batched, expected_seconds, require_a_frame

LONGEST = 600.0
"""Seconds of a recording that is classified as a whole, at most."""


class BaseClassifier(ABC):
    """What classifies recordings, whatever computes the probabilities.

    `reject_below` is the confidence below which a recording is "not listed", where one was chosen on dev.
    """

    name: str
    labels: tuple[str, ...]
    multilabel: bool
    reject_below: float | None
    sample_rate: int

    @abstractmethod
    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""

    @abstractmethod
    def probabilities(self, waveforms: Sequence[np.ndarray]) -> list[list[float]]:
        """Of each waveform at the model's sample rate, the probability of each label."""

    @overload
    def classify(self, source: Source, *, top: int = 5, reject: bool = False) -> Labels: ...

    @overload
    def classify(self, source: list[Source], *, top: int = 5, reject: bool = False) -> list[Labels]: ...

    def classify(self, source: Source | list[Source], *, top: int = 5, reject: bool = False) -> Labels | list[Labels]:
        """What a recording is, or each of several in their order.

        Args:
            top: how many of the likeliest classes to give.
            reject: give "not listed" in place of labels below the confidence that was chosen on dev.

        Raises:
            DataError: a recording cannot be read, is too short to hold a frame, or longer than ten minutes.
            RunError: the model has no such confidence.
        """
        sources = source if isinstance(source, list) else [source]
        results: dict[int, Labels] = {}
        for index, result in self.as_completed(sources, top=top, reject=reject):
            if isinstance(result, DataError):
                raise result
            results[index] = result
        found = [results[index] for index in range(len(sources))]
        return found if isinstance(source, list) else found[0]

    def as_completed(
        self, sources: Sequence[Source], *, top: int = 5, reject: bool = False
    ) -> Iterator[tuple[int, Labels | DataError]]:
        """Each result or error, with its recording's position, as soon as it is there; like lengths together."""
        below = self._threshold() if reject else 0.0
        recordings = [OneChannel(source) for source in sources]
        for planned in batched([expected_seconds(one.source) for one in recordings], alone=True):
            readable: dict[int, Read] = {}
            for entry in planned:
                try:
                    readable[entry.index] = self._read(recordings[entry.index])
                except DataError as error:
                    yield entry.index, error
            if readable:
                yield from zip(readable, self._labelled(list(readable.values()), top, below), strict=True)

    def _threshold(self) -> float:
        if self.reject_below is None:
            raise RunError(
                f"{self.name}: has no confidence for rejecting, which is chosen on dev while a run is trained."
            )
        return self.reject_below

    def _read(self, recording: OneChannel) -> Read:
        losses, blocks, seconds = list[Loss](), list[np.ndarray](), 0.0
        with audio.opened(recording.source, recording.channel) as sound:
            for block in sound.blocks(LONGEST, self.sample_rate, losses.append):
                blocks.append(block)
                seconds += len(block) / self.sample_rate
                if seconds > LONGEST:
                    raise DataError(
                        f"{recording.name}: longer than {LONGEST / 60:.0f} minutes, which is not classified as a "
                        "whole. Cut it, or look for events in it with `crnn-audio stream`."
                    )
            remarks = sound.adjustment.remarks
        waveform = np.concatenate(blocks)
        require_a_frame(self, len(waveform), recording)
        return Read(recording, waveform, losses, remarks)

    def _labelled(self, batch: Sequence[Read], top: int, below: float) -> Iterator[Labels]:
        for one, row in zip(batch, self.probabilities([one.waveform for one in batch]), strict=True):
            source, seconds = one.recording.source, len(one.waveform) / self.sample_rate
            found = named(row, self.labels, multilabel=self.multilabel, top=top, below=below)
            yield replace(
                found,
                seconds=seconds,
                path=str(source) if isinstance(source, str | Path) else None,
                warning=" ".join(map(str, one.losses)) or None,
                remarks=tuple(f"{one.recording.name}: {remark}." for remark in one.remarks),
            )


@dataclass(frozen=True)
class Asked:
    """A classifier and what is asked of it, for `transcripts.run`."""

    classifier: BaseClassifier
    top: int
    reject: bool

    def as_completed(
        self, sources: Sequence[Source], within: Progress | None, channels: Channels
    ) -> Iterator[tuple[int, Labels | DataError]]:
        """Results with the position of their recording."""
        return self.classifier.as_completed(sources, top=self.top, reject=self.reject)


def named(
    probabilities: Sequence[float], labels: Sequence[str], *, multilabel: bool, top: int = 5, below: float = 0.0
) -> Labels:
    """The labels that these probabilities mean.

    Args:
        below: the confidence below which they are "not listed".
    """
    order = sorted(range(len(labels)), key=lambda index: -probabilities[index])
    first = tuple(Label(labels[index], probabilities[index]) for index in order[:top])
    chosen = [index for index in order if probabilities[index] > 0.5] if multilabel else order[:1]
    confidence = min((probabilities[index] for index in chosen), default=1 - probabilities[order[0]])
    label = "; ".join(labels[index] for index in chosen)
    return Labels(NOT_LISTED if confidence < below else label, confidence, first, 0.0)
