"""A trained speech recogniser, as people use it: audio files and live sound to text with times and confidences."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.decoding.build import LanguageModel, decoder_of
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.options import FLASHLIGHT, NONE, DecodingOptions
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.errors import DataError, StreamError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech import long, plots, transcription
from crnn_audio.inference.speech.channels import Channels
from crnn_audio.inference.speech.endpoints import Endpoint
from crnn_audio.inference.speech.plots import Evidence
from crnn_audio.inference.speech.stream import Stream
from crnn_audio.inference.speech.transcription import Progress, SoFar
from crnn_audio.runs import Run
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.types import AudioBatch


class Recognizer:
    """A trained speech recogniser; `crnn_audio.load` makes one, which decodes as the run says, by default greedily.

    Args:
        decoding: what may be said; greedy decoding by default.
        language_model: the opened run that `decoding.lm` names, where that is one.
        decoder: another decoder than that of `decoding`.
        report: shows what a person should know of the decoder, such as words that are left out.

    Raises:
        DataError: a file of `decoding` cannot be read, is damaged, or does not fit the model.
    """

    def __init__(
        self,
        run: Run,
        task: Recognition,
        decoder: Decoder[Any] | None = None,
        *,
        decoding: DecodingOptions = NONE,
        language_model: LanguageModel | None = None,
        report: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.run = run
        self.task = task.eval()
        self.device = task.device
        self.sample_rate = task.front_end.sample_rate
        self.decoding = decoding
        self.decoder: Decoder[Any] = decoder or decoder_of(
            decoding,
            task.vocabulary,
            model=run.path,
            device=self.device,
            language_model=language_model,
            report=report,
        )

    def with_decoding(
        self,
        options: DecodingOptions,
        report: Callable[[str], None] = lambda message: None,
        language_model: LanguageModel | None = None,
    ) -> "Recognizer":
        """The same recogniser with the decoder that these options ask for.

        Options that name no file change those of the run's own decoder, where it has one.

        Args:
            report: shows what a person should know, such as words that are left out.
            language_model: the opened run that `lm` names, where that is one.

        Raises:
            DataError: a file of the options cannot be read, is damaged, or does not fit the model.
        """
        found = options.over(self.decoding)
        return Recognizer(self.run, self.task, decoding=found, language_model=language_model, report=report)

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
        return transcription.transcribe(self, source, channels)

    def transcribe_each(
        self, sources: Sequence[Source], progress: Callable[[int], None] | None = None, channels: Channels = "mix"
    ) -> list[Hypothesis | DataError]:
        """As `transcribe`, but a recording that cannot be read gives its error in place of a hypothesis.

        Args:
            progress: called after each recording with the number that are done.
        """
        return transcription.transcribe_each(self, sources, progress, channels)

    def as_completed(
        self, sources: Sequence[Source], within: Progress | None = None, channels: Channels = "mix"
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """As `transcribe_each`, but yields each result, with its recording's position, as soon as it is there.

        Long recordings come first, one by one; short ones of like lengths are recognised together, the longest first.

        Args:
            within: called now and then with the seconds that are done of the current long recording.
        """
        return transcription.as_completed(self, sources, within, channels)

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return self.task.num_frames(num_samples)

    @torch.inference_mode()
    def decode(self, waveforms: Sequence[np.ndarray]) -> list[TokenPath]:
        """The decoded paths of short recordings at `sample_rate`, recognised together."""
        encoded = self.task(self.as_batch(waveforms))
        return self.task.decode(encoded, self.decoder)

    def decode_long(
        self, sound: Sound, on_loss: OnLoss, within: Progress | None, so_far: SoFar | None = None
    ) -> tuple[TokenPath, int]:
        """The decoded path of an open recording of any length, and the number of its samples."""
        features = long.LongRecording(self.task, sound, on_loss, within)
        return long.decode(features, self.decoder, so_far), features.num_samples

    def as_batch(self, waveforms: Sequence[np.ndarray]) -> AudioBatch:
        """Waveforms at `sample_rate`, padded, on the model's device."""
        padded = pad_waveforms(waveforms, self.sample_rate)
        return AudioBatch(padded.waveforms.to(self.device), padded.lengths.to(self.device), self.sample_rate)

    def hypothesis(self, path: TokenPath, seconds: float) -> Hypothesis:
        """The words of a decoded path of a recording of `seconds`, with times and confidences."""
        return transcription.hypothesis_of(path, self.task.vocabulary, self.frame_seconds, seconds)

    def plot(self, source: Source, path: str | Path, hypothesis: Hypothesis | None = None) -> Hypothesis:
        """Transcribes a recording and plots spectrogram, posteriors and words as a PNG; of long ones the beginning.

        Where several transcripts were asked for, the likeliest ones are plotted over time, except of long recordings.

        Args:
            hypothesis: its transcript, if there is one already.

        Raises:
            DataError: as `transcribe`.
            OSError: the picture cannot be written.
        """
        hypothesis, beginning = transcription.beginning(self, source, plots.MAX_SECONDS, hypothesis)
        seen, plotted = self.evidence(beginning), hypothesis
        if hypothesis.alternatives and hypothesis.seconds <= plots.MAX_SECONDS:
            plotted = transcription.with_times(
                hypothesis, seen.probs, self.task.vocabulary, self.frame_seconds, plots.SHOWN_ALTERNATIVES
            )
        plots.save(Path(path), seen, plotted)
        return hypothesis

    @torch.inference_mode()
    def evidence(self, waveform: np.ndarray) -> Evidence:
        """What `plot` draws of a waveform at the model's sample rate: features and token probabilities."""
        sound = self.as_batch([waveform])
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
            StreamError: the model is bidirectional, its features need the whole recording, or so does its decoder.
        """
        if self.decoding.decoder == FLASHLIGHT:
            raise StreamError("decoder flashlight reads whole recordings. Leave it out, or use transcribe.")
        endpoint = endpoint or Endpoint()
        return Stream(self.task, self.decoder, self.hypothesis, self.frame_seconds, sample_rate, endpoint)

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.task.frame_seconds
