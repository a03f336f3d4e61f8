"""Recordings of any length in bounded memory: read, turned into features and convolved block by block.

One-directional layers carry their state from block to block, which changes nothing. Bidirectional ones hear windows of
`WINDOW` seconds in one pass each, which is exact for what fits into one; the windows of a longer recording overlap by
twice `CONTEXT` seconds and are joined near the middle of that, at a frame where both hear a blank. How far off sound
still moves a bidirectional layer was measured (see DECISIONS.md), and `CONTEXT` lies well beyond.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.audio import OnLoss, Sound
from crnn_audio.decoding.ctc import BLANK_ID, GreedyDecoder, Path
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.normalize import GlobalNorm, Normalizer, Statistics
from crnn_audio.features.stream import SoundCarry
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.recognition import Recognition

BLOCK = 60.0
"""Seconds that are read, and convolved, at once."""
WINDOW = 900.0
"""Seconds of a recording that a bidirectional stack hears in one pass, besides the context."""
CONTEXT = 60.0
"""Seconds that a window begins before and ends after what is taken from it."""
SURE = 0.9
"""Probability from which on a blank is good to join at."""

Best = tuple[Int[Tensor, " _"], Float[Tensor, " _"]]
"""The likeliest token of each frame, and its probability."""
Progress = Callable[[float], None]
Item = TypeVar("Item")


class LongRecording:
    """An open recording as normalised features, equal to those of the whole, block by block.

    `num_samples` counts what has been read so far, at the features' sample rate; `progress` is told after each block or
    window how many seconds have been heard.
    """

    def __init__(self, task: Recognition, sound: Sound, on_loss: OnLoss, progress: Progress | None = None) -> None:
        self.task = task
        self.device = next(task.model.parameters()).device
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
        statistics = Statistics(self.task.front_end.num_features)
        for features, _ in self._features(lambda loss: None):
            statistics.add(features, self._length(features))
        return GlobalNorm(statistics.mean, statistics.std).to(self.device)

    def _features(self, on_loss: OnLoss) -> Iterator[tuple[Float[Tensor, "1 T F"], bool]]:
        carry: SoundCarry | None = None
        self.num_samples = 0
        for block, last in _marked(self.sound.blocks(BLOCK, self.task.front_end.sample_rate, on_loss)):
            self.num_samples += len(block)
            samples = torch.from_numpy(block).unsqueeze(0).to(self.device)
            features, carry = sound_stream.step(self.task.front_end, samples, carry, last=last)
            yield features, last

    def _length(self, features: Tensor) -> Int[Tensor, " 1"]:
        return torch.tensor([features.shape[1]], device=self.device)


@torch.inference_mode()
def path(recording: LongRecording) -> Path:
    """The greedy path of a recording, as of its log-probabilities in one piece."""
    task, decoder = recording.task, GreedyDecoder()
    with one_thread(recording.device):
        for ids, probs in _windowed(recording) if task.model.recurrent.bidirectional else _carried(recording):
            decoder.feed(ids.tolist(), probs.tolist())
    return decoder.path()


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU, where a layer hears a single sequence quicker by one thread than by two, which wait at every frame."""
    before = torch.get_num_threads()
    try:
        if device.type == "cpu":
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


def _carried(recording: LongRecording) -> Iterator[Best]:
    carry: Carry | None = None
    for features, last in recording:
        log_probs, carry = recording.task.step(features, carry, last=last)
        recording.progress(recording.num_samples / recording.task.front_end.sample_rate)
        yield _best(log_probs)


def _windowed(recording: LongRecording) -> Iterator[Best]:
    task = recording.task
    frame = task.model.subsampling_factor * task.front_end.hop_length / task.front_end.sample_rate
    stretches = windows(_convolved(recording), round(WINDOW / frame), round(CONTEXT / frame))

    def heard() -> Iterator[tuple[int, Best]]:
        for first, frames in stretches:
            best = _best(task.recognize_convolved(frames))
            recording.progress((first + frames.shape[1]) * frame)
            yield first, best

    return joined(heard())


def _convolved(recording: LongRecording) -> Iterator[Float[Tensor, "1 U D"]]:
    carry: tuple[Tensor, ...] | None = None
    for features, last in recording:
        frames, carry = recording.task.convolve(features, carry, last=last)
        yield frames


def _best(log_probs: Float[Tensor, "1 U V"]) -> Best:
    best, ids = log_probs[0].max(dim=-1)
    return ids.cpu(), best.exp().cpu()


def windows(
    pieces: Iterable[Float[Tensor, "1 _ _"]], size: int, context: int
) -> Iterator[tuple[int, Float[Tensor, "1 _ _"]]]:
    """Stretches of frames and where each begins: `size` frames and `context` more on each side, as far as there are.

    What is no longer than the first of them, `size + context`, is one.
    """
    held, count, first, middle = list[Tensor](), 0, 0, 0
    for piece in pieces:
        held.append(piece)
        count += piece.shape[1]
        while first + count > (end := middle + size + context):
            frames = torch.cat(held, dim=1)
            yield first, frames[:, : end - first]
            middle += size
            held, count = [frames[:, middle - context - first :]], first + count - (middle - context)
            first = middle - context
    yield first, torch.cat(held, dim=1)


def joined(heard: Iterable[tuple[int, Best]]) -> Iterator[Best]:
    """Overlapping windows as one: the frames of each up to where it is joined to the next."""
    rest = iter(heard)
    begin, (ids, probs) = next(rest)
    for first, (next_ids, next_probs) in rest:
        overlap = ids[first - begin :], probs[first - begin :]
        cut = join(overlap, (next_ids[: len(overlap[0])], next_probs[: len(overlap[0])]))
        yield ids[: first - begin + cut], probs[: first - begin + cut]
        begin, ids, probs = first + cut, next_ids[cut:], next_probs[cut:]
    yield ids, probs


def join(one: Best, other: Best) -> int:
    """The frame nearest to the middle that both take as blank and are sure of; the middle where there is none."""
    blank = (one[0] == BLANK_ID) & (other[0] == BLANK_ID) & (torch.minimum(one[1], other[1]) >= SURE)
    middle = len(blank) // 2
    candidates = blank.nonzero().flatten()
    return int(candidates[(candidates - middle).abs().argmin()]) if len(candidates) else middle


def _marked(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether it is the last."""
    rest = iter(items)
    previous = next(rest)
    for item in rest:
        yield previous, False
        previous = item
    yield previous, True
