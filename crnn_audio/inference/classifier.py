"""Recordings to labels: batched by length inside, in the caller's order outside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.audio import Loss, Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.errors import DataError, RunError
from crnn_audio.hypotheses import NOT_LISTED, Label, Labels
from crnn_audio.inference.events import Detection, EventStream
from crnn_audio.inference.speech.channels import Channels, OneChannel
from crnn_audio.inference.speech.transcription import Progress, Read, batched, expected_seconds, require_a_frame
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification
from crnn_audio.types import AudioBatch

LONGEST = 600.0
"""Seconds of a recording that is classified as a whole, at most."""


class Classifier:
    """A trained classifier of recordings; `crnn_audio.load` makes one.

    Args:
        background: labels that are no event in a stream.
    """

    def __init__(
        self, run: Run, task: Classification, labels: tuple[str, ...], *, background: tuple[str, ...] = ()
    ) -> None:
        self.run = run
        self.task = task.eval()
        self.labels = labels
        self.background = background
        self.reject_below = run.chosen("reject_below")
        self.device = next(task.model.parameters()).device
        self.sample_rate = task.front_end.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return int(self.task.model.output_lengths(torch.tensor([self.task.front_end.num_frames(num_samples)])))

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
            RunError: the run has no such confidence.
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
        self,
        sources: Sequence[Source],
        *,
        top: int = 5,
        reject: bool = False,
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
                f"{self.run.path}: has no confidence for rejecting, which is chosen on dev while a run is trained."
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
            found = named(row, self.labels, multilabel=self.task.multilabel, top=top, below=below)
            yield replace(
                found,
                seconds=seconds,
                path=str(source) if isinstance(source, str | Path) else None,
                warning=" ".join(map(str, one.losses)) or None,
                remarks=tuple(f"{one.recording.name}: {remark}." for remark in one.remarks),
            )

    def stream(self, sample_rate: int, detection: Detection | None = None) -> EventStream:
        """Finds keywords in sound as it arrives: labels of a window that moves along, but for those of the background.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.
            detection: the threshold and the rest; by default as `detection`.

        Raises:
            StreamError: the features need the whole recording, or a window is shorter than a frame.
        """
        return EventStream(self.task, self.labels, self.background, sample_rate, detection or self.detection())

    def detection(self, threshold: float | None = None, refractory: float | None = None) -> Detection:
        """When a label is an event: by the threshold that was chosen with the run, else at 0.5; with these changes."""
        chosen = self.run.chosen("threshold") if threshold is None else threshold
        changes = {"threshold": chosen, "refractory": refractory}
        return Detection(**{name: value for name, value in changes.items() if value is not None})

    @torch.inference_mode()
    def probabilities(self, waveforms: Sequence[np.ndarray]) -> list[list[float]]:
        """Of each waveform at the model's sample rate, the probability of each label."""
        padded = pad_waveforms(waveforms, self.sample_rate)
        on_device = AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)
        found: list[list[float]] = self.task(on_device).tolist()
        return found


@dataclass(frozen=True)
class Asked:
    """A classifier and what is asked of it, for `transcripts.run`."""

    classifier: Classifier
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
