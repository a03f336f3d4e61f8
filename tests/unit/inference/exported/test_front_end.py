"""The front ends in NumPy equal the modules, whole and block by block, at the edges of frames and of recordings."""

from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio.errors import RunError
from crnn_audio.features.spectrogram import Fbank, FrontEnd, LogMel, Mel, Mfcc
from crnn_audio.inference.export.front_end import described
from crnn_audio.inference.exported import front_end
from crnn_audio.inference.exported.front_end import SoundBuffer

FRONTS = {
    "fbank": lambda: Fbank(),
    "fbank at 8 kHz": lambda: Fbank(8000, num_mels=23),
    "log_mel": lambda: LogMel(16000, num_mels=40, window_seconds=0.03),
    "mfcc": lambda: Mfcc(16000, num_mels=40, num_coefficients=13),
}
LENGTHS = (1, 79, 80, 160, 399, 400, 401, 5000, 16001)


def sound(length: int) -> np.ndarray:
    return np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)


def loud(log_powers: np.ndarray) -> np.ndarray:
    """Logarithms with what a transform in float32 rounds added to each power: 1e-11 of the loudest bin of its frame.

    The bins above the constant that one sample is mirrored to hold nothing else, and each library rounds by itself.
    """
    return np.logaddexp(log_powers, log_powers.max(axis=-1, keepdims=True) + np.log(1e-11))


@pytest.mark.parametrize("name", FRONTS)
def test_it_equals_the_module(name: str) -> None:
    module: FrontEnd = FRONTS[name]()
    ours = described(module)
    for length in LENGTHS:
        waveform = torch.from_numpy(sound(length))
        wanted, counts = module(waveform.unsqueeze(0), torch.tensor([length]))
        assert ours.num_frames(length) == int(counts[0])
        found, expected = (loud(one) if name == "log_mel" else one for one in (ours(sound(length)), wanted[0].numpy()))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4)
    assert ours.num_features == module.num_features


@pytest.mark.parametrize("name", FRONTS)
@pytest.mark.parametrize("block", [37, 160, 1000, 7000])
def test_blocks_give_the_frames_of_the_whole(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_end, "BLOCK", 30)  # more than one of them too
    ours, whole = described(FRONTS[name]()), sound(9001)
    buffer, found = SoundBuffer(ours), []
    for begin in range(0, len(whole), block):
        found.append(buffer.add(whole[begin : begin + block], last=begin + block >= len(whole)))
        assert len(buffer.samples) < block + 3000, "what is done is let go"
    np.testing.assert_allclose(np.concatenate(found), ours(whole), rtol=1e-5, atol=1e-5)


def test_it_is_kept_in_a_file(tmp_path: Path) -> None:
    ours, path = described(Mfcc(16000)), tmp_path / "front_end.npz"
    ours.save(path)
    np.testing.assert_array_equal(front_end.FrontEnd.load(path)(sound(5000)), ours(sound(5000)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"front_end\.npz: damaged"):
        front_end.FrontEnd.load(path)
    np.savez(path, hop_length=3)
    with pytest.raises(RunError, match=r"front_end\.npz: damaged"):
        front_end.FrontEnd.load(path)


def test_that_of_librosa_is_refused() -> None:
    with pytest.raises(RunError, match="librosa"):
        described(Mel(16000))
