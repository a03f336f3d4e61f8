"""Waveforms to features: Kaldi's fbank in plain torch, log-mel and MFCC by torchaudio, mel in decibels by librosa.

Each front end is a module over a padded batch. The edges of an utterance are mirrored within its own length, so its
features depend neither on what it is padded with nor on what lies beside it, and the frames past its end are exactly
zero. Waveforms are in [-1, 1] and every utterance has at least one sample. The arithmetic keeps the precision of the
waveforms even under autocast.
"""

import importlib
import math
from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio.errors import RecipeError
from crnn_audio.features.windows import CentredWindows, mirrored, power_of_two
from crnn_audio.lengths import Count, convolved, masked


@runtime_checkable
class FrontEnd(Protocol):
    """What every class of this file offers."""

    sample_rate: int
    """Samples per second that the waveforms must have."""
    hop_length: int
    """Samples between frames: frame t stands for the time t * hop_length."""
    num_features: int
    """Bins of one frame."""
    look_ahead_samples: int
    """Frame t is known once this many samples from t * hop_length on are available."""
    streamable: bool
    """Whether frames can be computed block by block with the same result."""

    def num_frames(self, samples: Count) -> Count:
        """Frames of an utterance of so many samples."""

    def __call__(
        self, waveforms: Float[Tensor, "B S"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Features with zeros as padding, and the frames of each utterance."""


class Fbank(nn.Module):
    """Log-mel filterbank exactly as Kaldi, sherpa-onnx, icefall and WeNet compute it; needs nothing but torch.

    25 ms povey windows every 10 ms, mirrored edges (`snip_edges=False`), no dither, mean removed per window,
    pre-emphasis 0.97, power spectrum, natural logarithm floored at float32's epsilon. An utterance shorter than half a
    hop has no frame. Agrees with kaldi-native-fbank to 1e-3.

    Args:
        sample_rate: Samples per second.
        num_mels: Mel bins.
        low_hz: Lower edge of the lowest bin.
        high_hz: Upper edge of the highest bin; zero or less counts down from half the sample rate.

    Raises:
        RecipeError: the edges do not lie in order between 0 Hz and half the sample rate, or there are so many mels that
            one lies between two frequencies of the FFT.
    """

    streamable = True
    window: Tensor
    banks: Tensor

    def __init__(
        self, sample_rate: int = 16000, num_mels: int = 80, low_hz: float = 20.0, high_hz: float = -400.0
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.num_features = num_mels
        self.hop_length = sample_rate * 10 // 1000
        self.window_length = sample_rate * 25 // 1000
        self.fft_size = power_of_two(self.window_length)
        self.first_sample = self.hop_length // 2 - self.window_length // 2
        self.look_ahead_samples = self.first_sample + self.window_length
        # Kept out of checkpoints: the recipe defines all of it.
        self.register_buffer("window", _povey_window(self.window_length)[1:].float(), persistent=False)
        banks = _kaldi_mel_banks(sample_rate, self.fft_size, num_mels, low_hz, high_hz)
        self.register_buffer("banks", banks.float(), persistent=False)

    def num_frames(self, samples: Count) -> Count:
        """Frames of an utterance of so many samples: samples / hop, rounded half up."""
        return convolved(samples, kernel=self.hop_length, stride=self.hop_length, padding=self.hop_length // 2)

    def forward(
        self, waveforms: Float[Tensor, "B S"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Features with zeros as padding, and the frames of each utterance."""
        count = self.num_frames(waveforms.shape[1])
        size = max(count - 1, 0) * self.hop_length + self.window_length
        with torch.autocast(waveforms.device.type, enabled=False):
            sound = mirrored(waveforms, lengths, start=self.first_sample, size=size, repeat_edge=True)
            frames = sound.unfold(1, self.window_length, self.hop_length)
            frames = frames - frames.mean(-1, keepdim=True)
            # A window's first sample has nothing before it to be emphasised against, but the povey window is 0 there.
            emphasised = torch.sub(frames[..., 1:], frames[..., :-1], alpha=0.97)
            spectrum = torch.view_as_real(torch.fft.rfft(emphasised * self.window, n=self.fft_size))
            mels = spectrum.square().sum(-1) @ self.banks
            features = mels.clamp(min=torch.finfo(torch.float32).eps).log()
        num_frames = self.num_frames(lengths)
        return masked(features[:, :count], num_frames), num_frames


class Centred(nn.Module, ABC):
    """Frames that are centred on t * hop_length, under Hann windows; its subclasses compute their features.

    Args:
        sample_rate: Samples per second.
        num_features: Bins of one frame.
        window_seconds: Length of a window; the FFT takes the next power of two of its samples.
        hop_seconds: Time between frames.

    Raises:
        RecipeError: window or hop are shorter than one sample.
    """

    streamable = True

    def __init__(self, sample_rate: int, num_features: int, window_seconds: float, hop_seconds: float) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.num_features = num_features
        self.windows = CentredWindows.from_seconds(sample_rate, window_seconds, hop_seconds)
        self.hop_length = self.windows.hop_length
        self.look_ahead_samples = self.windows.look_ahead

    def num_frames(self, samples: Count) -> Count:
        """Frames of an utterance of so many samples: 1 + samples // hop."""
        return self.windows.num_frames(samples)

    def forward(
        self, waveforms: Float[Tensor, "B S"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T F"], Int[Tensor, " B"]]:
        """Features with zeros as padding, and the frames of each utterance."""
        with torch.autocast(waveforms.device.type, enabled=False):
            features = self.features(self.windows.cover(waveforms, lengths))
        num_frames = self.num_frames(lengths)
        return masked(features.transpose(1, 2), num_frames), num_frames

    @abstractmethod
    def features(self, sound: Float[Tensor, "B P"]) -> Float[Tensor, "B F T"]:
        """The features under all windows."""


class LogMel(Centred):
    """Log-mel spectrogram by torchaudio: Hann windows, HTK mel scale up to half the sample rate, power, natural log.

    The logarithm is floored at a power of 1e-10.

    Args:
        sample_rate, window_seconds, hop_seconds: as of `Centred`.
        num_mels: Mel bins.

    Raises:
        RecipeError: torchaudio cannot be imported, or window or hop are shorter than one sample.
    """

    def __init__(
        self, sample_rate: int, num_mels: int = 80, window_seconds: float = 0.025, hop_seconds: float = 0.010
    ) -> None:
        transforms = _required("torchaudio.transforms", kind="log_mel")
        super().__init__(sample_rate, num_mels, window_seconds, hop_seconds)
        self.spectrogram = transforms.MelSpectrogram(
            sample_rate=sample_rate, n_mels=num_mels, **self.windows.stft_options
        )

    def features(self, sound: Float[Tensor, "B P"]) -> Float[Tensor, "B F T"]:
        """The logarithm of each mel bin."""
        found: Tensor = self.spectrogram(sound).clamp(min=1e-10).log()
        return found


class Mfcc(Centred):
    """Mel-frequency cepstral coefficients by torchaudio: orthonormal DCT-II of log(mel power + 1e-6).

    The mel scale is that of `LogMel`. The logarithm is a plain one, not decibels below the loudest frame, which would
    make every frame depend on the whole utterance.

    Args:
        sample_rate, window_seconds, hop_seconds: as of `Centred`.
        num_mels: Mel bins before the DCT.
        num_coefficients: Coefficients kept, the first included.

    Raises:
        RecipeError: torchaudio cannot be imported, there are more coefficients than mels, or window or hop are shorter
            than one sample.
    """

    def __init__(
        self,
        sample_rate: int,
        num_mels: int = 80,
        num_coefficients: int = 40,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.010,
    ) -> None:
        if num_coefficients > num_mels:
            raise RecipeError(
                f"features: num_coefficients must not exceed num_mels (found {num_coefficients} and {num_mels})."
            )
        transforms = _required("torchaudio.transforms", kind="mfcc")
        super().__init__(sample_rate, num_coefficients, window_seconds, hop_seconds)
        self.coefficients = transforms.MFCC(
            sample_rate=sample_rate,
            n_mfcc=num_coefficients,
            log_mels=True,
            melkwargs={"n_mels": num_mels, **self.windows.stft_options},
        )

    def features(self, sound: Float[Tensor, "B P"]) -> Float[Tensor, "B F T"]:
        """The coefficients."""
        found: Tensor = self.coefficients(sound)
        return found


class Mel(Centred):
    """Mel spectrogram in decibels by librosa: Slaney's mel scale and norm, Hann windows, floored at -100 dB.

    Computed by NumPy on the CPU, without gradients; the result is on the waveforms' device and in their precision.
    Decibels are of full scale, never below the loudest frame (`top_db`), which would couple frames.

    Args:
        sample_rate, window_seconds, hop_seconds: as of `Centred`.
        num_mels: Mel bins.

    Raises:
        RecipeError: librosa cannot be imported, or window or hop are shorter than one sample.
    """

    streamable = False

    def __init__(
        self, sample_rate: int, num_mels: int = 80, window_seconds: float = 0.025, hop_seconds: float = 0.010
    ) -> None:
        _required("librosa", kind="mel")
        super().__init__(sample_rate, num_mels, window_seconds, hop_seconds)

    def features(self, sound: Float[Tensor, "B P"]) -> Float[Tensor, "B F T"]:
        """The decibels of each mel bin."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=sound.detach().cpu().numpy(), sr=self.sample_rate, n_mels=self.num_features, **self.windows.stft_options
        )
        return torch.from_numpy(librosa.power_to_db(power, top_db=None)).to(sound)


def _required(module: str, *, kind: str) -> Any:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # a torchaudio built for another torch raises any of them
        raise RecipeError(
            f"features.kind: '{kind}' needs {package}, which cannot be imported here ({error}). Install a {package} "
            f"that fits the installed torch, or take kind 'fbank', which needs neither torchaudio nor librosa."
        ) from error


def _povey_window(size: int) -> Tensor:
    return torch.hann_window(size, periodic=False, dtype=torch.float64) ** 0.85


def _kaldi_mel_banks(sample_rate: int, fft_size: int, num_mels: int, low_hz: float, high_hz: float) -> Tensor:
    """Triangles of equal width on the mel scale, sampled at the FFT's frequencies: [fft_size // 2 + 1, num_mels]."""
    top = high_hz if high_hz > 0 else sample_rate / 2 + high_hz
    if not 0 <= low_hz < top <= sample_rate / 2:
        raise RecipeError(
            f"features: 0 <= low_hz < upper edge <= {sample_rate / 2:g} Hz (half the sample rate) must hold "
            f"(found low_hz {low_hz:g} and high_hz {high_hz:g}, that is an upper edge of {top:g} Hz)."
        )
    edges = torch.linspace(_mel(low_hz), _mel(top), num_mels + 2, dtype=torch.float64)
    frequency = torch.arange(fft_size // 2 + 1, dtype=torch.float64) * sample_rate / fft_size
    mel = (1127 * (1 + frequency / 700).log()).unsqueeze(1)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    banks = torch.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)).clamp(min=0)
    if empty := int((banks.amax(0) == 0).sum()):
        raise RecipeError(
            f"features.num_mels: {num_mels} are too many at {sample_rate} Hz: {empty} of them lie between two "
            f"frequencies of the FFT and would always be silent. Lower num_mels."
        )
    return banks


def _mel(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)
