"""Normalisation against NumPy on the frames laid end to end."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crnn_audio.features.normalize import GlobalNorm, Moments, NoNorm, UtteranceNorm

LENGTHS = torch.tensor([7, 31, 1, 18])


def batch() -> Tensor:
    """Features far from zero, one constant bin and one of 1000 +- 0.01, with garbage as padding."""
    features = torch.from_numpy(np.random.default_rng(0).normal(-8, 3, (4, 31, 5)))
    features[..., 3] = -15.9424
    features[..., 4] = 1000 + features[..., 4] / 300
    for row, length in enumerate(LENGTHS.tolist()):
        features[row, length:] = 1e6
    return features


def real_frames(features: Tensor) -> np.ndarray:
    return np.concatenate([features[row, :length] for row, length in enumerate(LENGTHS.tolist())])


def statistics(features: Tensor) -> Moments:
    seen = Moments(features.shape[2])
    seen.add(features, LENGTHS)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_statistics_are_numpys_over_the_real_frames(dtype: torch.dtype) -> None:
    features = batch().to(dtype)
    seen, frames = statistics(features), real_frames(features.double())
    assert seen.count == len(frames) == 57
    assert seen.mean.dtype == seen.std.dtype == torch.float64
    np.testing.assert_allclose(seen.mean, frames.mean(0), rtol=1e-12)
    np.testing.assert_allclose(seen.std, [*frames.std(0)[:3], 1, frames.std(0)[4]], rtol=1e-9)


def test_statistics_of_parts_one_after_the_other_are_those_of_the_whole() -> None:
    features = batch()
    whole, parts = statistics(features), Moments(5)
    parts.add(features[:1], LENGTHS[:1])
    assert parts.count == 7
    parts.add(features[1:3], LENGTHS[1:3])
    parts.add(features[3:], LENGTHS[3:])
    parts.add(features[:1], torch.tensor([0]))
    assert parts.count == whole.count
    torch.testing.assert_close(parts.mean, whole.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(parts.std, whole.std, rtol=1e-9, atol=0)


def test_no_frames_give_statistics_that_change_nothing() -> None:
    assert torch.equal(Moments(3).mean, torch.zeros(3, dtype=torch.float64))
    assert torch.equal(Moments(3).std, torch.ones(3, dtype=torch.float64))


def test_global_norm_gives_its_own_data_mean_0_and_deviation_1() -> None:
    features = batch()
    seen = statistics(features)
    normalised = real_frames(GlobalNorm(seen.mean, seen.std).double()(features, LENGTHS))
    np.testing.assert_allclose(normalised.mean(0), 0, atol=1e-2)
    np.testing.assert_allclose(normalised.std(0), [1, 1, 1, 0, 1], atol=1e-5)


def test_global_norm_is_the_formula() -> None:
    mean, std = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0])
    features = torch.tensor([[[2.0, 2.0], [0.0, -6.0], [9.0, 9.0]]])
    normalised = GlobalNorm(mean, std)(features, torch.tensor([2]))
    assert torch.equal(normalised, torch.tensor([[[2.0, 1.0], [-2.0, -1.0], [0.0, 0.0]]]))


def test_global_statistics_are_stored_with_the_weights() -> None:
    mean, std = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0])
    stored = GlobalNorm(mean, std).state_dict()
    mean.zero_()
    loaded = GlobalNorm(torch.zeros(2), torch.ones(2))
    loaded.load_state_dict(stored)
    assert loaded.mean.tolist() == [1.0, -2.0]
    assert loaded.std.tolist() == [0.5, 4.0]


def test_an_unseen_sound_in_a_constant_bin_does_not_explode() -> None:
    seen = statistics(batch())
    features = batch().float()
    features[0, 0, 3] = -5.0
    normalised = GlobalNorm(seen.mean, seen.std)(features, LENGTHS)
    assert normalised[0, 0, 3] == pytest.approx(15.9424 - 5, abs=1e-4)


def test_utterance_norm_is_numpys() -> None:
    features = batch()
    normalised = UtteranceNorm()(features, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        frames = features[row, :length].numpy()
        std = np.where(frames.std(0) < 1e-5, 1, frames.std(0))
        np.testing.assert_allclose(normalised[row, :length], (frames - frames.mean(0)) / std, atol=1e-9)


def test_utterance_norm_of_silence_in_float32_is_silence() -> None:
    silence = torch.full((1, 3001, 2), -15.9424)
    normalised = UtteranceNorm()(silence, torch.tensor([3001]))
    assert normalised.dtype == torch.float32
    assert float(normalised.abs().max()) < 1e-6


def test_utterance_norm_has_finite_gradients_where_nothing_moves() -> None:
    features = torch.zeros(1, 4, 2, requires_grad=True)
    UtteranceNorm()(features, torch.tensor([3])).sum().backward()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize(
    "norm", [GlobalNorm(torch.arange(5.0), torch.arange(5.0) + 0.5), UtteranceNorm(), NoNorm()], ids=repr
)
def test_neighbours_and_padding_change_nothing(norm: nn.Module) -> None:
    features = batch()
    given = features.clone()
    normalised = norm(features, LENGTHS)
    assert torch.equal(features, given)
    for row, length in enumerate(LENGTHS.tolist()):
        by_itself = norm(features[row : row + 1, :length], LENGTHS[row : row + 1])[0]
        torch.testing.assert_close(normalised[row, :length], by_itself, rtol=0, atol=1e-9)
        assert (normalised[row, length:] == 0).all()


def test_no_norm_leaves_real_frames_alone() -> None:
    features = batch()
    assert np.array_equal(real_frames(NoNorm()(features, LENGTHS)), real_frames(features))


def test_what_can_stream() -> None:
    assert GlobalNorm.streamable
    assert NoNorm.streamable
    assert not UtteranceNorm.streamable
