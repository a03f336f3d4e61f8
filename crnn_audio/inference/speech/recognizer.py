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
from crnn_audio.audio import Adjustment, Loss, Sound, Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.batching.plan import Batch, in_order
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.decoder import Path as TokenPath
from crnn_audio.decoding.words import words
from crnn_audio.errors import DataError
from crnn_audio.inference.speech import long, plots
from crnn_audio.inference.speech.channels import Channels, OneChannel, separate
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

    recording: OneChannel
    waveform: np.ndarray
    losses: list[Loss]
    remarks: tuple[str, ...]


class Recognizer:
    """A trained speech recogniser; `crnn_audio.load` makes one. It decodes greedily unless given a decoder."""

    def __init__(self, run: Run, task: Recognition, decoder: Decoder[Any] | None = None) -> None:
        self.run = run
        self.task = task.eval()
        self.decoder = decoder or Greedy(run.path)
        self.device = next(task.model.parameters()).device
        self.sample_rate = task.front_end.sample_rate

    @overload
    def transcribe(self, source: Source, channels: Channels = "mix") -> Hypothesis: ...

    @overload
    def transcribe(self, source: list[Source], channels: Channels = "mix") -> list[Hypothesis]: ...

    def transcribe(self, source: Source | list[Source], channels: Channels = "mix") -> Hypothesis | list[Hypothesis]:
        """The transcript of a recording of any length, or of each of several, in their order.

        A file that was cut short or damaged is transcribed as far as it can be read; its `warning` says so. `remarks`
        say what was done to what is very quiet, in the range of integers, or cancelled by its channels.

        Args:
            source: a path, "-" for standard input, the bytes of a file or an open one; any format, rate and channel
                count that soundfile reads, or PyAV where the extra `media` is installed.
            channels: "mix" for the mean of all, "left" or "right" for one, "each" for the transcripts of all.

        Raises:
            DataError: a recording cannot be read, has no such channel, or is too short to hold a frame.
        """
        if isinstance(source, list):
            return [_or_raise(result) for result in self.transcribe_each(source, channels=channels)]
        return _or_raise(self.transcribe_each([source], channels=channels)[0])

    def transcribe_each(
        self, sources: Sequence[Source], progress: Callable[[int], None] | None = None, channels: Channels = "mix"
    ) -> list[Hypothesis | DataError]:
        """As `transcribe`, but a recording that cannot be read gives its error in place of a hypothesis.

        Args:
            progress: called after each recording with the number that are done.
        """
        results: dict[int, Hypothesis | DataError] = {}
        for index, result in self.as_completed(sources, channels=channels):
            results[index] = result
            if progress:
                progress(len(results))
        return [results[index] for index in range(len(sources))]

    def as_completed(
        self, sources: Sequence[Source], within: long.Progress | None = None, channels: Channels = "mix"
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """As `transcribe_each`, but yields each result, with its recording's position, as soon as it is there.

        Long recordings come first, one by one; short ones of like lengths are recognised together, the longest first.

        Args:
            within: called now and then with the seconds that are done of the current long recording.
        """
        return separate(sources, channels, lambda recordings: self._completed(recordings, within))

    def _completed(
        self, recordings: Sequence[OneChannel], within: long.Progress | None
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        seconds = [expected_seconds(one.source) for one in recordings]
        for index, length in enumerate(seconds):
            if length > SHORT:
                yield index, self._transcribe_file(recordings[index], within)
        for planned in _batches(seconds):
            yield from self._transcribe_batch(planned, recordings)

    def _transcribe_file(self, recording: OneChannel, within: long.Progress | None) -> Hypothesis | DataError:
        try:
            with audio.opened(recording.source, recording.channel) as sound:
                return self._transcribe(sound, recording, within)
        except DataError as error:
            return error

    def _transcribe(self, sound: Sound, recording: OneChannel, within: long.Progress | None = None) -> Hypothesis:
        losses = list[Loss]()
        remarks = sound.adjustment.remarks
        if sound.estimated_seconds <= SHORT:
            waveform = np.concatenate(list(sound.blocks(SHORT, self.sample_rate, losses.append)))
            self._require_a_frame(len(waveform), recording)
            return next(self._decode([Read(recording, waveform, losses, remarks)]))
        features = long.LongRecording(self.task, sound, losses.append, within)
        path = long.decode(features, self.decoder)
        self._require_a_frame(features.num_samples, recording)
        return self._with_source(path, features.num_samples, recording, losses, remarks)

    def _transcribe_batch(
        self, planned: Batch, recordings: Sequence[OneChannel]
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """A batch of short recordings."""
        readable: dict[int, Read] = {}
        for entry in planned:
            try:
                readable[entry.index] = self._read(recordings[entry.index])
            except DataError as error:
                yield entry.index, error
        if readable:
            yield from zip(readable, self._decode(list(readable.values())), strict=True)

    def _read(self, recording: OneChannel) -> Read:
        losses, adjusted = list[Loss](), list[Adjustment]()
        waveform, _ = audio.read(
            recording.source,
            self.sample_rate,
            channel=recording.channel,
            on_loss=losses.append,
            on_adjustment=adjusted.append,
        )
        self._require_a_frame(len(waveform), recording)
        return Read(recording, waveform, losses, adjusted[0].remarks if adjusted else ())

    @torch.inference_mode()
    def _decode(self, batch: Sequence[Read]) -> Iterator[Hypothesis]:
        encoded = self.task(self._on_device([one.waveform for one in batch]))
        for one, path in zip(batch, self.decoder.decode(encoded.frames, encoded.lengths), strict=True):
            yield self._with_source(path, len(one.waveform), one.recording, one.losses, one.remarks)

    def _on_device(self, waveforms: Sequence[np.ndarray]) -> AudioBatch:
        padded = pad_waveforms(waveforms, self.sample_rate)
        return AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)

    def _require_a_frame(self, num_samples: int, recording: OneChannel) -> None:
        num_frames = self.task.front_end.num_frames(num_samples)
        if int(self.task.model.output_lengths(torch.tensor([num_frames]))) == 0:
            milliseconds = 1000 * num_samples / self.sample_rate
            raise DataError(f"{recording.name}: {milliseconds:.2f} ms is too short to hold any speech.")

    def _with_source(
        self, path: TokenPath, num_samples: int, recording: OneChannel, losses: list[Loss], remarks: tuple[str, ...]
    ) -> Hypothesis:
        source, channel = recording.source, recording.channel
        return replace(
            self.hypothesis(path, num_samples / self.sample_rate),
            path=str(source) if isinstance(source, str | Path) else None,
            warning=" ".join(map(str, losses)) or None,
            remarks=tuple(f"{recording.name}: {remark}." for remark in remarks),
            channel=None if channel is None else channel + 1,
        )

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
        channel = hypothesis.channel - 1 if hypothesis and hypothesis.channel else None
        recording = OneChannel(source, channel)
        with audio.opened(source, channel) as sound:
            hypothesis = hypothesis or self._transcribe(sound, recording)
            levels = None if hypothesis.remarks else sound.levels()  # nothing was adjusted: the beginning is enough
            beginning = next(sound.blocks(plots.MAX_SECONDS, self.sample_rate, lambda loss: None, levels=levels))
        self._require_a_frame(len(beginning), recording)
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
            return audio.estimated_seconds(source)
        except DataError:
            return 0.0
    return BATCH_SECONDS


def _or_raise(result: Hypothesis | DataError) -> Hypothesis:
    if isinstance(result, DataError):
        raise result
    return result
