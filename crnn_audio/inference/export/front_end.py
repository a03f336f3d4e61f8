"""A front end's numbers, as exported models compute features from them without torch."""

import numpy as np
from torch import Tensor

from crnn_audio.errors import RunError
from crnn_audio.features.spectrogram import Fbank, FrontEnd, LogMel, Mfcc
from crnn_audio.inference.exported import front_end as exported


def described(front_end: FrontEnd) -> exported.FrontEnd:
    """The same front end for NumPy.

    Raises:
        RunError: it is computed from whole recordings by librosa.
    """
    if isinstance(front_end, Fbank):
        return _fbank(front_end)
    if isinstance(front_end, LogMel):
        return _centred(front_end, front_end.spectrogram, floor=1e-10)
    if isinstance(front_end, Mfcc):
        inside = front_end.coefficients
        return _centred(front_end, inside.MelSpectrogram, offset=1e-6, cosine=inside.dct_mat)
    raise RunError(f"{type(front_end).__name__} features are computed by librosa. Train with fbank, log_mel or mfcc.")


def _fbank(front_end: Fbank) -> exported.FrontEnd:
    return exported.FrontEnd(
        sample_rate=front_end.sample_rate,
        hop_length=front_end.hop_length,
        first_sample=front_end.first_sample,
        look_ahead_samples=front_end.look_ahead_samples,
        frame_padding=front_end.hop_length // 2,
        fft_size=front_end.fft_size,
        emphasis=0.97,
        floor=float(np.finfo(np.float32).eps),
        offset=0.0,
        repeat_edge=True,
        window=_array(front_end.window),
        banks=_array(front_end.banks),
        cosine=np.zeros((0, 0), np.float32),
    )


def _centred(
    front_end: LogMel | Mfcc, mels: object, *, floor: float = 0.0, offset: float = 0.0, cosine: Tensor | None = None
) -> exported.FrontEnd:
    """Windows that lie in the middle of the samples of a Fourier transform, by torchaudio."""
    windows = front_end.windows
    spectrogram, scale = mels.spectrogram, mels.mel_scale  # type: ignore[attr-defined]  # torchaudio ships no types
    beside = windows.fft_size - windows.window_length
    padded = np.pad(_array(spectrogram.window), (beside // 2, beside - beside // 2))
    return exported.FrontEnd(
        sample_rate=front_end.sample_rate,
        hop_length=front_end.hop_length,
        first_sample=-(windows.fft_size // 2),
        look_ahead_samples=front_end.look_ahead_samples,
        frame_padding=windows.hop_length,
        fft_size=windows.fft_size,
        emphasis=0.0,
        floor=floor,
        offset=offset,
        repeat_edge=False,
        window=padded,
        banks=_array(scale.fb),
        cosine=np.zeros((0, 0), np.float32) if cosine is None else _array(cosine),
    )


def _array(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.detach().cpu().numpy()
    return found
