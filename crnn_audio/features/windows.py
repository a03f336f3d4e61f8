"""Which samples lie under each frame's window, those outside an utterance mirrored into it."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.errors import RecipeError
from crnn_audio.lengths import Count, convolved, mirrored_positions


@dataclass(frozen=True)
class CentredWindows:
    """Windows centred on t * hop_length, as torch and librosa place them; both lengths in samples.

    A window shorter than the FFT, which takes the next power of two, lies in the middle of the FFT's samples; those
    beside it are multiplied by zero.
    """

    window_length: int
    hop_length: int

    @classmethod
    def from_seconds(cls, sample_rate: int, window_seconds: float, hop_seconds: float) -> Self:
        """The windows nearest to these times.

        Raises:
            RecipeError: window or hop are shorter than one sample.
        """
        window_length, hop_length = round(sample_rate * window_seconds), round(sample_rate * hop_seconds)
        if min(window_length, hop_length) < 1:
            raise RecipeError(
                f"features: window_seconds and hop_seconds must be at least one sample at {sample_rate} Hz "
                f"(found {window_seconds:g} and {hop_seconds:g})."
            )
        return cls(window_length, hop_length)

    @property
    def fft_size(self) -> int:
        """Samples of one FFT."""
        return power_of_two(self.window_length)

    @property
    def stft_options(self) -> dict[str, Any]:
        """As torchaudio and librosa both spell them; `cover` mirrors the edges, so they need not centre."""
        window = {"n_fft": self.fft_size, "win_length": self.window_length, "hop_length": self.hop_length}
        return {**window, "center": False}

    @property
    def look_ahead(self) -> int:
        """Samples from t * hop_length to the end of the window."""
        return (self.fft_size - self.window_length) // 2 + self.window_length - self.fft_size // 2

    def num_frames(self, samples: Count) -> Count:
        """Frames of an utterance of so many samples: 1 + samples // hop."""
        return convolved(samples, kernel=self.hop_length, stride=self.hop_length, padding=self.hop_length)

    def cover(self, waveforms: Float[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B P"]:
        """The sound under all windows, from the first one's first sample to the last one's last."""
        size = waveforms.shape[1] // self.hop_length * self.hop_length + self.fft_size
        return mirrored(waveforms, lengths, start=-(self.fft_size // 2), size=size, repeat_edge=False)


def power_of_two(size: int) -> int:
    """The next power of two that is not below `size`."""
    return 1 << (size - 1).bit_length()


def mirrored(
    waveforms: Float[Tensor, "B S"], lengths: Int[Tensor, " B"], *, start: int, size: int, repeat_edge: bool
) -> Float[Tensor, "B {size}"]:
    """`size` samples of each utterance from sample `start` on, mirrored as `lengths.mirrored_positions` describes."""
    position = torch.arange(start, start + size, device=waveforms.device)
    source = mirrored_positions(position, lengths.clamp(min=1).unsqueeze(1), repeat_edge=repeat_edge)
    return waveforms.gather(1, source)
