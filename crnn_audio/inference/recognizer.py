"""Audio files to text with times and confidences: batched by length inside, in the caller's order outside."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.audio import Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.batching.plan import Batch, in_order
from crnn_audio.decoding.ctc import Path as TokenPath
from crnn_audio.decoding.ctc import greedy
from crnn_audio.decoding.words import words
from crnn_audio.errors import DataError
from crnn_audio.inference import plots
from crnn_audio.inference.plots import Evidence
from crnn_audio.inference.stream import Endpoint, Stream
from crnn_audio.runs import Run
from crnn_audio.tasks.recognition import Recognition
from crnn_audio.types import AudioBatch, Hypothesis

BATCH_SECONDS = 60.0
"""Padded seconds that are recognised at once."""


class Recognizer:
    """A trained speech recogniser; `crnn_audio.load` makes one."""

    def __init__(self, run: Run, task: Recognition) -> None:
        self.run = run
        self.task = task.eval()
        self.device = next(task.model.parameters()).device
        self.sample_rate = run.speech.features.sample_rate

    @overload
    def transcribe(self, source: Source) -> Hypothesis: ...

    @overload
    def transcribe(self, source: list[Source]) -> list[Hypothesis]: ...

    def transcribe(self, source: Source | list[Source]) -> Hypothesis | list[Hypothesis]:
        """What is said in a recording, or in each of several, in their order.

        Args:
            source: a path, "-" for standard input, the bytes of a file or an open one; any format, rate and channel
                count that soundfile reads.

        Raises:
            DataError: a recording cannot be read, or is too short to hold a frame.
        """
        if isinstance(source, list):
            return [_or_raise(result) for result in self.transcribe_each(source)]
        return _or_raise(self.transcribe_each([source])[0])

    def transcribe_each(
        self, sources: Sequence[Source], progress: Callable[[int], None] | None = None
    ) -> list[Hypothesis | DataError]:
        """As `transcribe`, but a recording that cannot be read gives its error in place of a hypothesis.

        Args:
            progress: told after each recording how many are done.
        """
        results: dict[int, Hypothesis | DataError] = {}
        for index, result in self.as_done(sources):
            results[index] = result
            if progress:
                progress(len(results))
        return [results[index] for index in range(len(sources))]

    def as_done(self, sources: Sequence[Source]) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """As `transcribe_each`, but each result, with its recording's position, as soon as its batch is done.

        Recordings of like lengths are recognised together, the longest first.
        """
        for planned in _planned(sources):
            readable = []
            for entry in planned:
                try:
                    readable.append((entry.index, self._read(sources[entry.index])))
                except DataError as error:
                    yield entry.index, error
            if readable:
                yield from self._recognized(readable, sources)

    def _read(self, source: Source) -> np.ndarray:
        waveform, _ = audio.read(source, self.sample_rate)
        num_frames = self.task.front_end.num_frames(len(waveform))
        if int(self.task.model.output_lengths(torch.tensor([num_frames]))) == 0:
            seconds = len(waveform) / self.sample_rate
            raise DataError(f"{audio.name_of(source)}: {seconds * 1000:.2f} ms is too short to hold any speech.")
        return waveform

    @torch.inference_mode()
    def _recognized(
        self, batch: Sequence[tuple[int, np.ndarray]], sources: Sequence[Source]
    ) -> Iterator[tuple[int, Hypothesis]]:
        padded = pad_waveforms([waveform for _, waveform in batch], self.sample_rate)
        on_device = AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)
        encoded = self.task(on_device)
        paths = greedy(encoded.frames, encoded.lengths)
        for (index, waveform), path in zip(batch, paths, strict=True):
            source = sources[index]
            name = str(source) if isinstance(source, str | Path) else None
            yield index, self.hypothesis(path, len(waveform) / self.sample_rate, name)

    def hypothesis(self, path: TokenPath, seconds: float, name: str | None = None) -> Hypothesis:
        """What a decoded path of a recording of `seconds` length says, with times and confidences."""
        found = words(path, self.task.vocabulary, self.frame_seconds, seconds)
        confidence = min((word.confidence for word in found), default=path.blank_prob)
        text = self.task.vocabulary.decode(path.tokens)
        return Hypothesis(" ".join(text.split()), confidence, found, seconds, name)

    def plot(self, source: Source, path: str | Path, hypothesis: Hypothesis | None = None) -> Hypothesis:
        """Transcribes a recording and draws spectrogram, posteriors and words into a PNG; of long ones the beginning.

        Args:
            hypothesis: what is said in it, where that is known already.

        Raises:
            DataError: as `transcribe`.
            OSError: the picture cannot be written.
        """
        waveform = self._read(source)
        if hypothesis is None:
            ((_, hypothesis),) = self._recognized([(0, waveform)], [source])
        plots.save(Path(path), self._evidence(waveform[: round(plots.MAX_SECONDS * self.sample_rate)]), hypothesis)
        return hypothesis

    @torch.inference_mode()
    def _evidence(self, waveform: np.ndarray) -> Evidence:
        sound = pad_waveforms([waveform], self.sample_rate)
        sound = AudioBatch(sound.waveforms.to(self.device), sound.lengths.to(self.device), self.sample_rate)
        features, _ = self.task.front_end(sound.waveforms, sound.lengths)
        return Evidence(
            features=features[0].float().cpu().numpy(),
            hop_seconds=self.task.front_end.hop_length / self.sample_rate,
            probs=self.task(sound).frames[0].float().exp().cpu().numpy(),
            frame_seconds=self.frame_seconds,
            tokens=self.task.vocabulary.tokens,
        )

    def stream(self, sample_rate: int, endpoint: Endpoint | None = None) -> Stream:
        """Recognises sound as it arrives; one-directional models only.

        Args:
            sample_rate: of the blocks that will be fed, in samples per second.
            endpoint: when an utterance counts as finished.

        Raises:
            StreamError: the model is bidirectional, or its features need the whole recording.
        """
        return Stream(self.task, self.hypothesis, self.frame_seconds, sample_rate, endpoint or Endpoint())

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.task.model.subsampling_factor * self.task.front_end.hop_length / self.sample_rate


def _planned(sources: Sequence[Source]) -> list[Batch]:
    return in_order([expected_seconds(source) for source in sources], budget=BATCH_SECONDS)


def expected_seconds(source: Source) -> float:
    """From the file's header; a stream, which can be read but once, is taken as long."""
    if isinstance(source, str | Path) and os.path.isfile(source):  # noqa: PTH113 - Path's raises where it may not look
        try:
            return audio.inspect(source).seconds
        except DataError:
            return 0.0
    return BATCH_SECONDS


def _or_raise(result: Hypothesis | DataError) -> Hypothesis:
    if isinstance(result, DataError):
        raise result
    return result
