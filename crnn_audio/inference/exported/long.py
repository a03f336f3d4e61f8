"""Recordings of any length through an exported recogniser, in bounded memory.

As `speech.long` does it: a one-directional model carries its state from block to block; a bidirectional one reads
windows, here of features, that overlap and are joined where both are sure of a blank.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.inference.exported.front_end import FrontEnd, SoundBuffer
from crnn_audio.inference.exported.pieces import PieceGraph
from crnn_audio.inference.speech import joining
from crnn_audio.inference.speech.transcription import Progress


@runtime_checkable
class Model(Protocol):
    """What a long recording needs of an exported recogniser."""

    pieces: PieceGraph | None

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""

    def output_length(self, frames: int) -> int:
        """Output frames of so many frames of features."""

    def log_probs(
        self, features: Sequence[Float[np.ndarray, "_ F"]]
    ) -> tuple[Float[np.ndarray, "B U V"], Int[np.ndarray, " B"]]:
        """Log-probabilities of whole recordings, and how many frames of each are real."""


class LongRecording:
    """An open recording as features, block by block; `num_samples` counts what has been read so far.

    `progress` is called after each block or window with the seconds that are done.
    """

    def __init__(self, front_end: FrontEnd, sound: Sound, on_loss: OnLoss, progress: Progress | None) -> None:
        self.front_end = front_end
        self.sound = sound
        self.on_loss = on_loss
        self.progress = progress or (lambda seconds: None)
        self.num_samples = 0

    def __iter__(self) -> Iterator[tuple[Float[np.ndarray, "T F"], bool]]:
        """Features, and whether they are the last ones."""
        buffer, rate = SoundBuffer(self.front_end), self.front_end.sample_rate
        for block, last in joining.marked(self.sound.blocks(joining.BLOCK, rate, self.on_loss)):
            self.num_samples += len(block)
            yield buffer.add(block, last), last


def carried(model: Model, recording: LongRecording) -> Iterator[Float[np.ndarray, "_ V"]]:
    """Log-probabilities by a one-directional model, block by block."""
    graph = model.pieces
    assert graph is not None, "this model is bidirectional"
    running = graph.start()
    for features, last in recording:
        graph.add(running, features)
        if last:
            graph.end(running, model.output_length(running.begin + len(running.frames)))
        (log_probs,) = graph.advance([running])
        recording.progress(recording.num_samples / recording.front_end.sample_rate)
        yield log_probs


def windowed(model: Model, recording: LongRecording) -> Iterator[Float[np.ndarray, "_ V"]]:
    """Log-probabilities by a bidirectional model, window by window.

    Windows begin at a multiple of the subsampling factor, so their output frames are those of the whole; the few that
    see a cut edge lie in the context that is left out.
    """
    hop = recording.front_end.hop_length / recording.front_end.sample_rate
    factor = round(model.frame_seconds / hop)
    size, context = (factor * round(part / model.frame_seconds) for part in (joining.WINDOW, joining.CONTEXT))

    def outputs() -> Iterator[tuple[int, Float[np.ndarray, "_ V"]]]:
        pieces = (features[np.newaxis] for features, _ in recording)
        for first, frames in joining.windows(pieces, size, context, lambda parts: np.concatenate(parts, axis=1)):
            log_probs, lengths = model.log_probs([frames[0]])
            recording.progress((first + frames.shape[1]) * hop)
            yield first // factor, log_probs[0, : lengths[0]]

    return joining.joined(outputs(), _sure_blank)


def _sure_blank(log_probs: Float[np.ndarray, "U V"]) -> Bool[np.ndarray, " U"]:
    best = log_probs.max(axis=-1)
    found: np.ndarray = (log_probs.argmax(axis=-1) == BLANK_ID) & (np.exp(best) >= joining.SURE)
    return found
