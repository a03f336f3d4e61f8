"""Recordings of any length through an exported model, in bounded memory.

As `speech.long` does it: a one-directional model carries its state from block to block; a bidirectional one reads
windows, here of features, that overlap and are joined near the middle of the overlap.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.inference.exported.front_end import FrontEnd, SoundBuffer
from crnn_audio.inference.exported.sound import SoundGraph
from crnn_audio.inference.speech import joining
from crnn_audio.inference.speech.transcription import Progress


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


def carried(model: SoundGraph, recording: LongRecording) -> Iterator[Float[np.ndarray, "_ V"]]:
    """Outputs of a one-directional model, block by block."""
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


def windowed(
    model: SoundGraph,
    recording: LongRecording,
    window: float,
    context: float,
    may_join: Callable[[Any], Bool[np.ndarray, " U"]],
) -> Iterator[Float[np.ndarray, "_ V"]]:
    """Outputs of a bidirectional model, window by window.

    Windows begin at a multiple of the subsampling factor, so their output frames are those of the whole; the few that
    see a cut edge lie in the context that is left out.

    Args:
        window, context: seconds of the windows, and what they read before and after them.
        may_join: the frames at which two of them may be joined; that nearest to the middle is.
    """
    hop = recording.front_end.hop_length / recording.front_end.sample_rate
    factor = round(model.frame_seconds / hop)
    size, beside = (factor * round(part / model.frame_seconds) for part in (window, context))

    def outputs() -> Iterator[tuple[int, Float[np.ndarray, "_ V"]]]:
        pieces = (features[np.newaxis] for features, _ in recording)
        for first, frames in joining.windows(pieces, size, beside, lambda parts: np.concatenate(parts, axis=1)):
            log_probs, lengths = model.outputs([frames[0]])
            recording.progress((first + frames.shape[1]) * hop)
            yield first // factor, log_probs[0, : lengths[0]]

    return joining.joined(outputs(), may_join)


def sure_blank(log_probs: Float[np.ndarray, "U V"]) -> Bool[np.ndarray, " U"]:
    """Which frames are a blank with a probability of at least `joining.SURE`."""
    best = log_probs.max(axis=-1)
    found: np.ndarray = (log_probs.argmax(axis=-1) == BLANK_ID) & (np.exp(best) >= joining.SURE)
    return found
