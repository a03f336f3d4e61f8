"""Waveforms to features in NumPy: what `features.spectrogram` computes of one recording, from numbers in a file.

The file holds the window, the mel filters and, for cepstra, the cosine transform, so that one piece of code serves all
kinds; a test holds it equal to the modules that they come from.
"""

import io
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float

from crnn_audio import files
from crnn_audio.errors import RunError

DAMAGED = "Export it anew."
BLOCK = 3000
"""Frames that are computed at once, so that memory does not grow with the recording."""


@dataclass(frozen=True)
class FrontEnd:
    """A front end by its numbers.

    Args:
        hop_length, first_sample: frame t's window begins at sample t * hop_length + first_sample.
        look_ahead_samples: frame t is known once so many samples from t * hop_length on are there.
        frame_padding: so many samples are counted to a recording's before its frames are.
        fft_size: samples of a Fourier transform.
        window: the weights of a window's samples; the first one's is left out where there is pre-emphasis.
        banks: mel filters, (fft_size // 2 + 1, mels).
        cosine: of cepstra, (mels, coefficients); of size 0 where there are none.
        emphasis: of each sample less the one before it, after the window's mean is removed; 0 for neither.
        floor, offset: the smallest power whose logarithm is taken, and what is added to each.
        repeat_edge: whether the edge stands twice where a recording is mirrored.
    """

    sample_rate: int
    hop_length: int
    first_sample: int
    look_ahead_samples: int
    frame_padding: int
    fft_size: int
    emphasis: float
    floor: float
    offset: float
    repeat_edge: bool
    window: Float[np.ndarray, " W"]
    banks: Float[np.ndarray, "K M"]
    cosine: Float[np.ndarray, "_ C"]

    @property
    def num_features(self) -> int:
        """Numbers in a frame."""
        return int(self.cosine.shape[1] if self.cosine.size else self.banks.shape[1])

    @property
    def window_length(self) -> int:
        """Samples under a window."""
        return len(self.window) + (self.emphasis > 0)

    def num_frames(self, samples: int) -> int:
        """Frames of a recording of so many samples."""
        return max(samples + self.frame_padding, 0) // self.hop_length

    def __call__(self, waveform: Float[np.ndarray, " S"]) -> Float[np.ndarray, "T F"]:
        """The features of a whole recording."""
        count = self.num_frames(len(waveform))
        blocks = [self._frames(waveform, at, min(at + BLOCK, count)) for at in range(0, count, BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros((0, self.num_features), np.float32)

    def _frames(self, waveform: np.ndarray, begin: int, end: int) -> Float[np.ndarray, "T F"]:
        hop, length = self.hop_length, self.window_length
        start = begin * hop + self.first_sample
        position = np.arange(start, start + (end - begin - 1) * hop + length)
        sound = waveform[_mirrored(position, len(waveform), self.repeat_edge)]
        frames = np.lib.stride_tricks.sliding_window_view(sound, length)[::hop]
        if self.emphasis:
            frames = frames - frames.mean(axis=1, keepdims=True)
            frames = frames[:, 1:] - np.float32(self.emphasis) * frames[:, :-1]
        spectrum = np.fft.rfft(frames * self.window, n=self.fft_size)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mels = np.log(np.maximum(power @ self.banks, np.float32(self.floor)) + np.float32(self.offset))
        features: np.ndarray = mels @ self.cosine if self.cosine.size else mels
        return features

    def save(self, path: Path) -> None:
        """Writes it, all or nothing."""
        content = io.BytesIO()
        np.savez(content, **asdict(self))
        files.write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            RunError: it is missing or damaged.
        """
        content = files.read_content(path, RunError, advice=DAMAGED)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as held:
                found = {one.name: held[one.name] for one in fields(cls)}
            plain = {name: value.item() if value.ndim == 0 else value for name, value in found.items()}
            return cls(**plain)
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"{path}: damaged ({files.reason(error)}). {DAMAGED}") from None


def _mirrored(position: np.ndarray, length: int, repeat_edge: bool) -> np.ndarray:
    """Indices reflected into [0, length), as `lengths.mirrored_positions` has it."""
    if position[0] >= 0 and position[-1] < length:
        return position
    period = 2 * length if repeat_edge else max(2 * length - 2, 1)
    inside = position % period
    folded = period - 1 - inside if repeat_edge else period - inside
    return np.maximum(np.where(inside < length, inside, folded), 0)


class SoundBuffer:
    """The features of sound that arrives piece by piece, equal to those of the whole, as `features.stream` has it."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self.samples = np.zeros(0, np.float32)
        self.first = self.done = 0

    def add(self, samples: Float[np.ndarray, " S"], last: bool) -> Float[np.ndarray, "T F"]:
        """The frames that these next samples complete; `last` marks the end of the sound."""
        front, sound = self.front_end, np.concatenate([self.samples, samples.astype(np.float32, copy=False)])
        hop, known = front.hop_length, len(sound) - front.look_ahead_samples
        if last:
            ready = self.first + front.num_frames(len(sound))
        else:  # a window of odd length reaches one sample farther back, so the first one's mirror needs one more
            ready = max(self.first + known // hop + 1, self.done) if known > 0 else self.done
        self.samples = sound
        if ready <= self.done or not len(sound):
            return np.zeros((0, front.num_features), np.float32)
        features = front(sound)[self.done - self.first : ready - self.first]
        needed = max(ready - (-(-2 * front.look_ahead_samples // hop) + 1), 0)
        self.samples, self.first, self.done = sound[(needed - self.first) * hop :], needed, ready
        return features
