"""An exported recogniser: the same methods and results as `Recognizer`, by onnxruntime and NumPy."""

from collections.abc import Sequence

import numpy as np

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.greedy import ArrayGreedy
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.inference.exported import long
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.sound import SoundGraph
from crnn_audio.inference.exported.streams import Streams
from crnn_audio.inference.speech import joining
from crnn_audio.inference.speech.endpoints import Endpoint, LiveStream
from crnn_audio.inference.speech.plots import Evidence
from crnn_audio.inference.speech.recognizing import BaseRecognizer
from crnn_audio.inference.speech.transcription import Progress, SoFar
from crnn_audio.text.vocabulary import Vocabulary


class ExportedRecognizer(BaseRecognizer):
    """An exported speech recogniser, which decodes greedily on the CPU; `crnn_audio.load` of its folder makes one."""

    def __init__(self, exported: Exported) -> None:
        exported.require("recognition")
        self.exported = exported
        self.sound = SoundGraph(exported)
        self.front_end, self.pieces = self.sound.front_end, self.sound.pieces
        self.sample_rate = self.front_end.sample_rate
        self._vocabulary = Vocabulary.load(exported.path / "vocabulary.json")
        self.greedy = ArrayGreedy(exported.path)

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens."""
        return self._vocabulary

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        return self.sound.frame_seconds

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return self.sound.output_length(self.front_end.num_frames(num_samples))

    def decode(self, waveforms: Sequence[np.ndarray]) -> list[TokenPath]:
        """The tokens of short recordings, recognised together."""
        log_probs, lengths = self.sound.outputs([self.front_end(waveform) for waveform in waveforms])
        return self.greedy.decode(log_probs, lengths)

    def decode_long(
        self, sound: Sound, on_loss: OnLoss, within: Progress | None, so_far: SoFar | None = None
    ) -> tuple[TokenPath, int]:
        """The tokens of an open recording of any length, and the number of its samples."""
        state, recording = None, long.LongRecording(self.front_end, sound, on_loss, within)
        if self.pieces:
            found = long.carried(self.sound, recording)
        else:
            found = long.windowed(self.sound, recording, joining.WINDOW, joining.CONTEXT, long.sure_blank)
        for log_probs in found:
            state = self.greedy.step(log_probs, state)
            if so_far:
                so_far(state.path)
        assert state is not None, "a recording has a last piece"
        return state.path, recording.num_samples

    def evidence(self, waveform: np.ndarray) -> Evidence:
        """What `plot` draws of a waveform at the model's sample rate: features and token probabilities."""
        features = self.front_end(waveform)
        log_probs, lengths = self.sound.outputs([features])
        return Evidence(
            features=features,
            hop_seconds=self.front_end.hop_length / self.sample_rate,
            probs=np.exp(log_probs[0, : lengths[0]]),
            frame_seconds=self.frame_seconds,
            tokens=self.vocabulary.tokens,
        )

    def streams(self, wait: float = 0.0) -> Streams:
        """Live streams of this model, stepped side by side.

        Args:
            wait: seconds of sound that are stepped together: less work, and texts that come so much later.

        Raises:
            StreamError: the model is bidirectional.
        """
        return Streams(self, self.sound.live("transcribe"), wait)

    def stream(self, sample_rate: int, endpoint: Endpoint | None = None) -> LiveStream:
        """Recognises sound as it arrives, as `Recognizer.stream` does.

        Raises:
            StreamError: the model is bidirectional, or there is no such sample rate.
        """
        return self.streams().open(sample_rate, endpoint)
