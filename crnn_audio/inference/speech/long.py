"""Recordings of any length in bounded memory: read, turned into features and convolved block by block.

One-directional layers carry their state from block to block, which changes nothing. Bidirectional ones process windows
of `joining.WINDOW` seconds in one pass each, which is exact for what fits into one; the windows of a longer recording
overlap by twice `CONTEXT` seconds and are joined near the middle of the overlap, where both have a blank. How far away
sound still changes the output of a bidirectional layer was measured (see DECISIONS.md); `CONTEXT` is well above.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.greedy import BLANK_ID
from crnn_audio.decoding.paths import Path
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.normalize import GlobalNorm, Moments, Normalizer
from crnn_audio.features.stream import SoundCarry
from crnn_audio.inference.speech import joining
from crnn_audio.inference.speech.joining import marked
from crnn_audio.inference.speech.transcription import Progress, SoFar
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.sound import SoundTask

MayJoin: TypeAlias = Callable[[Any], Bool[np.ndarray, " U"]]


class LongRecording:
    """An open recording as normalised features, equal to those of the whole, block by block.

    `num_samples` counts what has been read so far, at the features' sample rate; `progress` is called after each block
    or window with the seconds that are done.
    """

    def __init__(self, task: SoundTask, sound: Sound, on_loss: OnLoss, progress: Progress | None = None) -> None:
        self.task = task
        self.device = task.device
        self.sound = sound
        self.on_loss = on_loss
        self.progress = progress or (lambda seconds: None)
        self.num_samples = 0

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "1 T F"], bool]]:
        """Features, and whether they are the last ones."""
        normalizer = self.task.normalizer if self.task.normalizer.streamable else self._of_the_whole()
        for features, last in self._features(self.on_loss):
            yield normalizer(features, self._length(features)), last

    def _of_the_whole(self) -> Normalizer:
        """Normalisation over the utterance, which takes a pass of its own."""
        statistics = Moments(self.task.front_end.num_features)
        for features, _ in self._features(lambda loss: None):
            statistics.add(features, self._length(features))
        return GlobalNorm(statistics.mean, statistics.std).to(self.device)

    def _features(self, on_loss: OnLoss) -> Iterator[tuple[Float[Tensor, "1 T F"], bool]]:
        carry: SoundCarry | None = None
        self.num_samples = 0
        for block, last in marked(self.sound.blocks(joining.BLOCK, self.task.front_end.sample_rate, on_loss)):
            self.num_samples += len(block)
            samples = torch.from_numpy(block).unsqueeze(0).to(self.device)
            features, carry = sound_stream.step(self.task.front_end, samples, carry, last=last)
            yield features, last

    def _length(self, features: Tensor) -> Int[Tensor, " 1"]:
        return torch.tensor([features.shape[1]], device=self.device)


@torch.inference_mode()
def decode(recording: LongRecording, decoder: Decoder[Any], so_far: SoFar | None = None) -> Path:
    """The decoder's path of a recording, as of its log-probabilities in one piece."""
    state = None
    with one_thread(recording.device):
        for log_probs in log_probs_of(recording):
            state = decoder.step(log_probs, state)
            if so_far:
                so_far(state.path)
        path, _ = decoder.finish(state)
    return path


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU one thread computes a single sequence faster than two, which wait for each other at every frame.

    torch sets the number for the Python thread that asks and for all that begin later. So a thread that ends at once
    takes the second back, and whatever else the process computes meanwhile keeps its threads.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or before == 1:
        yield
        return
    torch.set_num_threads(1)
    others = threading.Thread(target=torch.set_num_threads, args=(before,))
    others.start()
    others.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def log_probs_of(recording: LongRecording) -> Iterator[Float[Tensor, "_ V"]]:
    """Log-probabilities of a recording, piece by piece."""
    return outputs_of(recording, joining.WINDOW, joining.CONTEXT, _sure_blank)


def outputs_of(
    recording: LongRecording, window: float, context: float, may_join: MayJoin
) -> Iterator[Float[Tensor, "_ V"]]:
    """What the model gives of a recording, piece by piece.

    Args:
        window, context: seconds of the windows of bidirectional models.
        may_join: the frames at which two of them may be joined; that nearest to the middle is.
    """
    if not recording.task.model.recurrent.bidirectional:
        return _carried(recording)
    return _windowed(recording, window, context, may_join)


def _carried(recording: LongRecording) -> Iterator[Float[Tensor, "_ V"]]:
    carry: Carry | None = None
    for features, last in recording:
        log_probs, carry = recording.task.step(features, carry, last=last)
        recording.progress(recording.num_samples / recording.task.front_end.sample_rate)
        yield log_probs[0]


def _windowed(
    recording: LongRecording, window: float, context: float, may_join: MayJoin
) -> Iterator[Float[Tensor, "_ V"]]:
    task, frame = recording.task, recording.task.frame_seconds

    def outputs() -> Iterator[tuple[int, Float[Tensor, "_ V"]]]:
        for first, frames in windows(_convolved(recording), round(window / frame), round(context / frame)):
            log_probs = task.outputs_of_convolved(frames)[0]
            recording.progress((first + frames.shape[1]) * frame)
            yield first, log_probs

    return joining.joined(outputs(), may_join)


def _convolved(recording: LongRecording) -> Iterator[Float[Tensor, "1 U D"]]:
    carry: tuple[Tensor, ...] | None = None
    for features, last in recording:
        frames, carry = recording.task.convolve(features, carry, last=last)
        yield frames


def windows(
    pieces: Iterable[Float[Tensor, "1 _ _"]], size: int, context: int
) -> Iterator[tuple[int, Float[Tensor, "1 _ _"]]]:
    """Windows of frames and where each begins, as `joining.windows` has them."""
    return joining.windows(pieces, size, context, partial(torch.cat, dim=1))


def joined(outputs: Iterable[tuple[int, Float[Tensor, "_ V"]]]) -> Iterator[Float[Tensor, "_ V"]]:
    """Log-probabilities of overlapping windows as of one, as `joining.joined` has them."""
    return joining.joined(outputs, _sure_blank)


def _sure_blank(log_probs: Float[Tensor, "U V"]) -> Bool[np.ndarray, " U"]:
    best, ids = log_probs.max(dim=-1)
    found: np.ndarray = ((ids == BLANK_ID) & (best.exp() >= joining.SURE)).cpu().numpy()
    return found
