"""A trained speech recogniser, as people use it: audio files and live sound to text with times and confidences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.batching.loader import pad_waveforms
from crnn_audio.decoding.build import LanguageModel, decoder_of
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.options import FLASHLIGHT, NONE, DecodingOptions
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.errors import StreamError
from crnn_audio.inference.speech import long
from crnn_audio.inference.speech.endpoints import Endpoint
from crnn_audio.inference.speech.plots import Evidence
from crnn_audio.inference.speech.recognizing import BaseRecognizer
from crnn_audio.inference.speech.stream import Stream
from crnn_audio.inference.speech.transcription import Progress, SoFar
from crnn_audio.runs import Run
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch


class Recognizer(BaseRecognizer):
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
        return pad_waveforms(waveforms, self.sample_rate).to(self.device)

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
    def vocabulary(self) -> Vocabulary:
        """The tokens."""
        return self.task.vocabulary

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.task.frame_seconds
