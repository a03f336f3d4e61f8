"""Recognisers as people use them, whatever computes the tokens: recordings to transcripts, and pictures of these."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float

from crnn_audio import audio
from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.decoding.alignment import aligned
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.decoding.words import words
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Alternative, Hypothesis
from crnn_audio.inference.speech import plots, transcription
from crnn_audio.inference.speech.channels import Channels, OneChannel
from crnn_audio.inference.speech.plots import Evidence
from crnn_audio.inference.speech.transcription import Progress, SoFar
from crnn_audio.text.vocabulary import Vocabulary

LEAST_PROB = 1e-30
"""What a probability counts at least; some are 0 in single precision."""


class BaseRecognizer(ABC):
    """What recognises speech; its subclasses compute the tokens."""

    sample_rate: int
    """Samples per second of what it reads."""

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The tokens."""

    @property
    @abstractmethod
    def frame_seconds(self) -> float:
        """Seconds between output frames."""

    @abstractmethod
    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""

    @abstractmethod
    def decode(self, waveforms: Sequence[np.ndarray]) -> list[TokenPath]:
        """The tokens of short recordings at `sample_rate`, recognised together."""

    @abstractmethod
    def decode_long(
        self, sound: Sound, on_loss: OnLoss, within: Progress | None, so_far: SoFar | None = None
    ) -> tuple[TokenPath, int]:
        """The tokens of an open recording of any length, and the number of its samples."""

    @abstractmethod
    def evidence(self, waveform: np.ndarray) -> Evidence:
        """What `plot` draws of a waveform at `sample_rate`: features and token probabilities."""

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
        found = self.transcribe_each(source if isinstance(source, list) else [source], channels=channels)
        for one in found:
            if isinstance(one, DataError):
                raise one
        hypotheses = [one for one in found if isinstance(one, Hypothesis)]
        return hypotheses if isinstance(source, list) else hypotheses[0]

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
        self, sources: Sequence[Source], within: Progress | None = None, channels: Channels = "mix"
    ) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """As `transcribe_each`, but yields each result, with its recording's position, as soon as it is there.

        Long recordings come first, one by one; short ones of like lengths are recognised together, the longest first.

        Args:
            within: called now and then with the seconds that are done of the current long recording.
        """
        return transcription.as_completed(self, sources, within, channels)

    def hypothesis(self, path: TokenPath, seconds: float) -> Hypothesis:
        """The words of a decoded path of a recording of `seconds`, with times and confidences."""
        found = words(path, self.vocabulary, self.frame_seconds, seconds)
        confidence = min((word.confidence for word in found), default=path.blank_prob)
        likely = dict[str, float]()
        for tokens, score in path.alternatives:
            likely.setdefault(self._text(tokens), score)  # they may differ in separators alone
        alternatives = tuple(Alternative(other, score) for other, score in likely.items())
        return Hypothesis(self._text(path.tokens), confidence, found, seconds, alternatives=alternatives)

    def _text(self, tokens: tuple[int, ...]) -> str:
        return " ".join(self.vocabulary.decode(tokens).split())

    def plot(self, source: Source, path: str | Path, hypothesis: Hypothesis | None = None) -> Hypothesis:
        """Transcribes a recording and plots spectrogram, posteriors and words as a PNG; of long ones the beginning.

        Where several transcripts were asked for, the likeliest ones are plotted over time, except of long recordings.

        Args:
            hypothesis: its transcript, if there is one already.

        Raises:
            DataError: as `transcribe`.
            OSError: the picture cannot be written.
        """
        hypothesis, waveform = self.beginning(source, hypothesis)
        seen, plotted = self.evidence(waveform), hypothesis
        if hypothesis.alternatives and hypothesis.seconds <= plots.MAX_SECONDS:
            plotted = self._with_times(hypothesis, seen.probs)
        plots.save(Path(path), seen, plotted)
        return hypothesis

    def beginning(self, source: Source, hypothesis: Hypothesis | None = None) -> tuple[Hypothesis, np.ndarray]:
        """The transcript of a recording, unless there is one already, and as much of its sound as is plotted.

        Raises:
            DataError: as `transcribe`.
        """
        channel = hypothesis.channel - 1 if hypothesis and hypothesis.channel else None
        recording = OneChannel(source, channel)
        with audio.opened(source, channel) as sound:
            hypothesis = hypothesis or transcription.transcribe_open(self, sound, recording)
            levels = None if hypothesis.remarks else sound.levels()  # nothing was adjusted: the beginning is enough
            waveform = next(sound.blocks(plots.MAX_SECONDS, self.sample_rate, lambda loss: None, levels=levels))
        transcription.require_a_frame(self, len(waveform), recording)
        return hypothesis, waveform

    def _with_times(self, hypothesis: Hypothesis, probs: Float[np.ndarray, "U V"]) -> Hypothesis:
        """With the words of the alternatives that are plotted at their times, by alignment with the whole recording."""
        log_probs = np.log(np.maximum(probs.astype(np.float64), LEAST_PROB))[None]
        timed = list(hypothesis.alternatives)
        for at, one in enumerate(timed[: plots.SHOWN_ALTERNATIVES]):
            (path,) = aligned(log_probs, [len(probs)], [self.vocabulary.encode(one.text)])
            timed[at] = replace(one, words=words(path, self.vocabulary, self.frame_seconds, hypothesis.seconds))
        return replace(hypothesis, alternatives=tuple(timed))
