"""Audio files to text with times and confidences: batched by length inside, in the caller's order outside.

Long recordings and streams are transcribed one by one, in bounded memory; damaged files as far as they can be read.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.audio import Loss, Sound, Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.batching.plan import Batch, in_order
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.decoder import Path as TokenPath
from crnn_audio.decoding.words import words
from crnn_audio.errors import DataError
from crnn_audio.inference.speech import long, plots
from crnn_audio.inference.speech.plots import Evidence
from crnn_audio.inference.speech.stream import Endpoint, Stream
from crnn_audio.runs import Run
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.types import AudioBatch, Hypothesis

BATCH_SECONDS = 120.0
"""Padded seconds in a batch."""
SHORT = 30.0
"""Seconds up to which recordings share a batch; on a CPU two to four of them at once are slower than one by one."""


@dataclass(frozen=True)
class Read:
    """A short recording, and what of it could not be read."""

    source: Source
    waveform: np.ndarray
    losses: list[Loss]


class Recognizer:
    """A trained speech recogniser; `crnn_audio.load` makes one. It decodes greedily unless given a decoder."""

    def __init__(self, run: Run, task: Recognition, decoder: Decoder[Any] | None = None) -> None:
        self.run = run
        self.task = task.eval()
        self.decoder = decoder or Greedy(run.path)
        self.device = next(task.model.parameters()).device
        self.sample_rate = task.front_end.sample_rate

    @overload
    def transcribe(self, source: Source) -> Hypothesis: ...

    @overload
    def transcribe(self, source: list[Source]) -> list[Hypothesis]: ...

    def transcribe(self, source: Source | list[Source]) -> Hypothesis | list[Hypothesis]:
        """The transcript of a recording of any length, or of each of several, in their order.

        A file that was cut short or damaged is transcribed as far as it can be read; its `warning` says so.

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
            progress: called after each recording with the number that are done.
        """
        results: dict[int, Hypothesis | DataError] = {}
        for index, result in self.as_completed(sources):
            results[index] = result
            if progress:
                progress(len(results))
        return [results[index] for index in range(len(sources))]

    def as_completed(
        self, sources: Sequence[Source], within: long.Progress | None = None
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """As `transcribe_each`, but yields each result, with its recording's position, as soon as it is there.

        Long recordings come first, one by one; short ones of like lengths are recognised together, the longest first.

        Args:
            within: called now and then with the seconds that are done of the current long recording.
        """
        seconds = [expected_seconds(source) for source in sources]
        for index, length in enumerate(seconds):
            if length > SHORT:
                yield index, self._transcribe_file(sources[index], within)
        for planned in _batches(seconds):
            yield from self._transcribe_batch(planned, sources)

    def _transcribe_file(self, source: Source, within: long.Progress | None) -> Hypothesis | DataError:
        try:
            with audio.opened(source) as sound:
                return self._transcribe(sound, source, within)
        except DataError as error:
            return error

    def _transcribe(self, sound: Sound, source: Source, within: long.Progress | None = None) -> Hypothesis:
        losses = list[Loss]()
        if sound.num_samples <= SHORT * sound.sample_rate:
            waveform = np.concatenate(list(sound.blocks(SHORT, self.sample_rate, losses.append)))
            self._require_a_frame(len(waveform), source)
            return next(self._decode([Read(source, waveform, losses)]))
        recording = long.LongRecording(self.task, sound, losses.append, within)
        path = long.decode(recording, self.decoder)
        self._require_a_frame(recording.num_samples, source)
        return self._with_source(path, recording.num_samples, source, losses)

    def _transcribe_batch(
        self, planned: Batch, sources: Sequence[Source]
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """A batch of short recordings."""
        readable: dict[int, Read] = {}
        for entry in planned:
            try:
                readable[entry.index] = self._read(sources[entry.index])
            except DataError as error:
                yield entry.index, error
        if readable:
            yield from zip(readable, self._decode(list(readable.values())), strict=True)

    def _read(self, source: Source) -> Read:
        losses = list[Loss]()
        waveform, _ = audio.read(source, self.sample_rate, on_loss=losses.append)
        self._require_a_frame(len(waveform), source)
        return Read(source, waveform, losses)

    @torch.inference_mode()
    def _decode(self, batch: Sequence[Read]) -> Iterator[Hypothesis]:
        encoded = self.task(self._on_device([one.waveform for one in batch]))
        for one, path in zip(batch, self.decoder.decode(encoded.frames, encoded.lengths), strict=True):
            yield self._with_source(path, len(one.waveform), one.source, one.losses)

    def _on_device(self, waveforms: Sequence[np.ndarray]) -> AudioBatch:
        padded = pad_waveforms(waveforms, self.sample_rate)
        return AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)

    def _require_a_frame(self, num_samples: int, source: Source) -> None:
        num_frames = self.task.front_end.num_frames(num_samples)
        if int(self.task.model.output_lengths(torch.tensor([num_frames]))) == 0:
            milliseconds = 1000 * num_samples / self.sample_rate
            raise DataError(f"{audio.name_of(source)}: {milliseconds:.2f} ms is too short to hold any speech.")

    def _with_source(self, path: TokenPath, num_samples: int, source: Source, losses: list[Loss]) -> Hypothesis:
        name = str(source) if isinstance(source, str | Path) else None
        warning = str(losses[0]) if losses else None
        return replace(self.hypothesis(path, num_samples / self.sample_rate), path=name, warning=warning)

    def hypothesis(self, path: TokenPath, seconds: float) -> Hypothesis:
        """The words of a decoded path of a recording of `seconds`, with times and confidences."""
        found = words(path, self.task.vocabulary, self.frame_seconds, seconds)
        confidence = min((word.confidence for word in found), default=path.blank_prob)
        text = self.task.vocabulary.decode(path.tokens)
        return Hypothesis(" ".join(text.split()), confidence, found, seconds)

    def plot(self, source: Source, path: str | Path, hypothesis: Hypothesis | None = None) -> Hypothesis:
        """Transcribes a recording and plots spectrogram, posteriors and words as a PNG; of long ones the beginning.

        Args:
            hypothesis: its transcript, if there is one already.

        Raises:
            DataError: as `transcribe`.
            OSError: the picture cannot be written.
        """
        with audio.opened(source) as sound:
            hypothesis = hypothesis or self._transcribe(sound, source)
            beginning = next(sound.blocks(plots.MAX_SECONDS, self.sample_rate, lambda loss: None))
        self._require_a_frame(len(beginning), source)
        plots.save(Path(path), self._evidence(beginning), hypothesis)
        return hypothesis

    @torch.inference_mode()
    def _evidence(self, waveform: np.ndarray) -> Evidence:
        sound = self._on_device([waveform])
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
        endpoint = endpoint or Endpoint()
        return Stream(self.task, self.decoder, self.hypothesis, self.frame_seconds, sample_rate, endpoint)

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.task.model.subsampling_factor * self.task.front_end.hop_length / self.sample_rate


def _batches(seconds: Sequence[float]) -> list[Batch]:
    """Batches of the short recordings."""
    short = [index for index, length in enumerate(seconds) if length <= SHORT]
    batches = in_order([seconds[index] for index in short], budget=BATCH_SECONDS)
    return [tuple(replace(entry, index=short[entry.index]) for entry in batch) for batch in batches]


def expected_seconds(source: Source) -> float:
    """From the file's header; a pipe, which can be read only once, counts as long."""
    there = isinstance(source, str | Path) and os.path.isfile(source)  # noqa: PTH113 - Path's raises where it may not look
    if there or isinstance(source, bytes):
        try:
            return audio.inspect(source).seconds
        except DataError:
            return 0.0
    return BATCH_SECONDS


def _or_raise(result: Hypothesis | DataError) -> Hypothesis:
    if isinstance(result, DataError):
        raise result
    return result
