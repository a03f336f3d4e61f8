"""Front ends against other people's implementations, and against themselves beside louder neighbours."""

import builtins
import copy
import sys

import kaldi_native_fbank
import librosa
import numpy as np
import pytest
import torch
import torchaudio
from torch import Tensor

from crnn_audio.errors import RecipeError
from crnn_audio.features.spectrogram import Fbank, FrontEnd, LogMel, Mel, Mfcc

FRONT_ENDS = {"fbank": Fbank, "log_mel": LogMel, "mfcc": Mfcc, "mel": Mel}
LENGTHS = [1, 79, 80, 81, 255, 256, 400, 1601, 4003, 16000]


@pytest.fixture(params=FRONT_ENDS)
def front_end(request: pytest.FixtureRequest) -> FrontEnd:
    return FRONT_ENDS[request.param](sample_rate=16000, num_mels=40)


def sound(samples: int, seed: int = 0) -> np.ndarray:
    """A chirp in noise with an offset, so that no bin is empty and the mean matters."""
    time = np.arange(samples) / 16000
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.4 * np.sin(2 * np.pi * (200 + 1500 * time) * time) + 0.05 * noise + 0.03).astype(np.float32)


def alone(front_end: FrontEnd, waveform: np.ndarray) -> Tensor:
    """Features of one utterance that is not padded."""
    features, num_frames = front_end(torch.from_numpy(waveform).unsqueeze(0), torch.tensor([len(waveform)]))
    assert num_frames.tolist() == [features.shape[1]]
    return features[0]


# ---------------------------------------------------------------------------------------- parity


def kaldi(waveform: np.ndarray, sample_rate: int, num_mels: int, low_hz: float, high_hz: float) -> np.ndarray:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = sample_rate
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = num_mels
    options.mel_opts.low_freq = low_hz
    options.mel_opts.high_freq = high_hz
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(sample_rate, waveform.tolist())
    fbank.input_finished()
    return np.array([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)]).reshape(-1, num_mels)


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize(
    ("sample_rate", "num_mels", "low_hz", "high_hz"),
    [
        (16000, 80, 20.0, -400.0),
        (16000, 40, 20.0, -400.0),
        (16000, 23, 64.0, 7000.0),
        (8000, 80, 20.0, -400.0),
        (8000, 40, 20.0, 0.0),
        (11025, 64, 20.0, -400.0),
    ],
)
def test_fbank_is_kaldis(samples: int, sample_rate: int, num_mels: int, low_hz: float, high_hz: float) -> None:
    waveform = sound(samples)
    ours = alone(Fbank(sample_rate, num_mels, low_hz, high_hz), waveform)
    theirs = kaldi(waveform, sample_rate, num_mels, low_hz, high_hz)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)


def test_fbank_of_silence_is_kaldis() -> None:
    silence = np.zeros(1000, dtype=np.float32)
    np.testing.assert_allclose(alone(Fbank(), silence), kaldi(silence, 16000, 80, 20.0, -400.0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("samples", [513, 1601, 16000])
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_log_mel_is_torchaudios_centred_one_and_librosas(samples: int, sample_rate: int) -> None:
    waveform = sound(samples)
    ours = alone(LogMel(sample_rate, num_mels=40), waveform)
    fft_size = {8000: 256, 16000: 512}[sample_rate]
    shape = {"n_fft": fft_size, "win_length": sample_rate // 40, "hop_length": sample_rate // 100}
    centred = torchaudio.transforms.MelSpectrogram(sample_rate=sample_rate, n_mels=40, pad_mode="reflect", **shape)
    torch.testing.assert_close(ours, centred(torch.from_numpy(waveform)).clamp(min=1e-10).log().T, rtol=0, atol=1e-5)
    mel = librosa_mel(waveform, sr=sample_rate, n_mels=40, htk=True, norm=None, **shape)
    np.testing.assert_allclose(ours, np.log(np.maximum(mel, 1e-10)).T, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("front_end", "floor"), [(LogMel(16000), np.log(1e-10)), (Mel(16000), -100.0), (Fbank(), np.log(2.0**-23))]
)
def test_silence_is_at_the_stated_floor(front_end: FrontEnd, floor: float) -> None:
    np.testing.assert_allclose(alone(front_end, np.zeros(1000, dtype=np.float32)), floor, rtol=1e-6)


def librosa_mel(waveform: np.ndarray, **options: object) -> np.ndarray:
    return librosa.feature.melspectrogram(y=waveform, center=True, pad_mode="reflect", power=2.0, **options)


def test_mfcc_is_librosas() -> None:
    waveform = sound(8001)
    ours = alone(Mfcc(16000, num_mels=64, num_coefficients=20), waveform)
    mel = librosa_mel(waveform, sr=16000, n_mels=64, htk=True, norm=None, n_fft=512, win_length=400, hop_length=160)
    theirs = librosa.feature.mfcc(S=np.log(mel + 1e-6), n_mfcc=20, dct_type=2, norm="ortho")
    np.testing.assert_allclose(ours, theirs.T, rtol=0, atol=1e-3)


@pytest.mark.parametrize("samples", [512, 1601, 8001])
def test_mel_is_librosas(samples: int) -> None:
    waveform = sound(samples)
    mel = librosa_mel(waveform, sr=16000, n_mels=40, n_fft=512, win_length=400, hop_length=160)
    theirs = librosa.power_to_db(mel, ref=1.0, top_db=None)
    np.testing.assert_allclose(alone(Mel(16000, num_mels=40), waveform), theirs.T, rtol=0, atol=1e-4)


# ---------------------------------------------------------------------------------------- laws


def test_neighbours_and_padding_change_nothing(front_end: FrontEnd) -> None:
    front_end.double()
    waveforms = torch.full((len(LENGTHS), max(LENGTHS) + 500), 1e3, dtype=torch.float64)
    for row, samples in enumerate(LENGTHS):
        waveforms[row, :samples] = torch.from_numpy(sound(samples, seed=row)).double()
    waveforms[0, 200:] = torch.nan
    features, num_frames = front_end(waveforms, torch.tensor(LENGTHS))
    assert features.dtype == torch.float64
    for row, samples in enumerate(LENGTHS):
        by_itself, count = front_end(waveforms[row : row + 1, :samples], torch.tensor([samples]))
        assert count == num_frames[row] == front_end.num_frames(samples)
        torch.testing.assert_close(features[row, :count], by_itself[0], rtol=0, atol=1e-9)
        assert (features[row, count:] == 0).all()


def test_float32_is_close_to_float64(front_end: FrontEnd) -> None:
    waveform = torch.from_numpy(sound(8001)).unsqueeze(0)
    lengths = torch.tensor([8001])
    single, _ = front_end(waveform, lengths)
    double, _ = front_end.double()(waveform.double(), lengths)
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert not torch.equal(single.double(), double)
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-3)


def test_autocast_changes_nothing(front_end: FrontEnd) -> None:
    waveform, lengths = torch.from_numpy(sound(4000)).unsqueeze(0), torch.tensor([4000])
    expected, _ = front_end(waveform, lengths)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        features, _ = front_end(waveform, lengths)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["fbank", "log_mel", "mfcc"])
def test_a_frame_hears_up_to_its_look_ahead_and_no_further(kind: str) -> None:
    front_end = FRONT_ENDS[kind](sample_rate=16000, num_mels=40).double()
    waveform = torch.from_numpy(sound(4000)).double().unsqueeze(0).requires_grad_()
    features, _ = front_end(waveform, torch.tensor([4000]))
    frame = 7
    features[0, frame].square().sum().backward()
    used = waveform.grad[0].nonzero().flatten()
    assert int(used.max()) + 1 == frame * front_end.hop_length + front_end.look_ahead_samples


@pytest.mark.parametrize("kind", ["fbank", "log_mel", "mfcc"])
def test_gradients_are_finite_through_silence_and_edges(kind: str) -> None:
    waveforms = torch.zeros(2, 1000, requires_grad=True)
    features, _ = FRONT_ENDS[kind](sample_rate=16000, num_mels=40)(waveforms, torch.tensor([1000, 1]))
    features.sum().backward()
    assert waveforms.grad.isfinite().all()


def test_one_sample_gives_finite_frames(front_end: FrontEnd) -> None:
    assert alone(front_end, np.ones(1, dtype=np.float32)).isfinite().all()


def test_the_interface(front_end: FrontEnd) -> None:
    assert front_end.sample_rate == 16000
    assert front_end.hop_length == 160
    assert front_end.num_features == alone(front_end, sound(800)).shape[1] == 40
    assert front_end.look_ahead_samples == (280 if isinstance(front_end, Fbank) else 200)
    assert front_end.streamable is not isinstance(front_end, Mel)
    assert front_end.num_frames(torch.tensor(LENGTHS)).tolist() == [front_end.num_frames(size) for size in LENGTHS]


def test_an_average_of_the_weights_can_copy_it(front_end: FrontEnd) -> None:
    copied = copy.deepcopy(front_end)
    assert torch.equal(alone(copied, sound(800)), alone(front_end, sound(800)))


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(("kind", "package"), [("log_mel", "torchaudio"), ("mfcc", "torchaudio"), ("mel", "librosa")])
def test_a_missing_package_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "torchaudio.transforms", None)
    with pytest.raises(RecipeError, match=rf"'{kind}' needs {package}.*fbank"):
        FRONT_ENDS[kind](sample_rate=16000)


def test_fbank_needs_neither_torchaudio_nor_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *args: object, **kwargs: object) -> object:
        assert name.partition(".")[0] not in {"torchaudio", "librosa"}
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    alone(Fbank(), sound(800))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 8000, "high_hz": 7600.0}, "upper edge of 7600"),
        ({"sample_rate": 16000, "low_hz": 9000.0}, "low_hz 9000"),
        ({"sample_rate": 16}, "-392"),
        ({"sample_rate": 8000, "num_mels": 300}, "Lower num_mels"),
    ],
)
def test_impossible_banks_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Fbank(**options)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"num_coefficients.*found 50 and 40"):
        Mfcc(16000, num_mels=40, num_coefficients=50)
    with pytest.raises(RecipeError, match="at least one sample at 16000 Hz"):
        LogMel(16000, hop_seconds=1e-6)
