"""Speed change, frequency warp and SpecAugment: what they must do, over many draws."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.features.augment import perturbed_length, spec_augment, speed_perturb

BINS = 40


def masks(length: int, seeds: list[int], padded: int | None = None, **options: int) -> Tensor:
    """Where utterances of ones were masked, one a seed: [utterances, frames, bins]."""
    chosen = {"time_masks": 0, "time_width": 40, "freq_masks": 0, "freq_width": 27} | options
    features = torch.ones(len(seeds), padded or length, BINS)
    generators = [np.random.default_rng(seed) for seed in seeds]
    return spec_augment(features, torch.full((len(seeds),), length), generators, **chosen) == 0


def test_masked_cells_are_zero_and_all_others_untouched() -> None:
    features = torch.randn(3, 100, BINS)
    given = features.clone()
    masked = spec_augment(
        features,
        torch.tensor([100, 60, 7]),
        [np.random.default_rng(seed) for seed in range(3)],
        time_masks=2,
        time_width=20,
        freq_masks=2,
        freq_width=10,
    )
    assert torch.equal(features, given)
    assert 0 < int((masked == 0).sum()) < masked.numel()
    assert torch.equal(masked[masked != 0], given[masked != 0])


def test_masks_are_whole_frames_and_whole_bins() -> None:
    dropped = masks(100, list(range(50)), time_masks=2, freq_masks=2)
    frames, bins = dropped.all(2), dropped.all(1)
    assert torch.equal(dropped, frames.unsqueeze(2) | bins.unsqueeze(1))
    assert frames.any(1).float().mean() > 0.8
    assert bins.any(1).float().mean() > 0.8


@pytest.mark.parametrize(("length", "time_width", "widest"), [(100, 12, 12), (100, 40, 20), (34, 40, 6), (4, 40, 0)])
def test_time_masks_are_uniform_up_to_their_bound(length: int, time_width: int, widest: int) -> None:
    draws = 200 * (widest + 1)
    frames = masks(length, list(range(draws)), padded=120, time_masks=1, time_width=time_width).all(2)
    assert not frames[:, length:].any()
    assert_one_band(frames)
    assert_uniform(frames.sum(1), widest)


@pytest.mark.parametrize(("freq_width", "widest"), [(9, 9), (100, BINS // 2)])
def test_freq_masks_are_uniform_up_to_their_bound(freq_width: int, widest: int) -> None:
    bins = masks(30, list(range(200 * (widest + 1))), freq_masks=1, freq_width=freq_width).all(1)
    assert_one_band(bins)
    assert_uniform(bins.sum(1), widest)


def assert_one_band(covered: Tensor) -> None:
    assert (covered.int().diff(dim=1, prepend=torch.zeros(len(covered), 1, dtype=torch.int)) == 1).sum(1).max() <= 1


def assert_uniform(values: Tensor, largest: int) -> None:
    """Chi-square of 200 draws a value, far out in its tail (5 standard deviations)."""
    counts = Counter(values.tolist())
    assert set(counts) == set(range(largest + 1))
    chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert chi_square <= largest + 5 * (2 * largest) ** 0.5


def test_a_mask_may_lie_anywhere_inside() -> None:
    frames = masks(20, list(range(4000)), time_masks=1, time_width=1).all(2)
    hits = frames.sum(0)
    assert int(hits.min()) > 0.5 * 2000 / 20
    assert int(hits.max()) < 1.5 * 2000 / 20


def test_an_utterance_is_masked_the_same_in_any_company() -> None:
    options = {"time_masks": 3, "time_width": 30, "freq_masks": 2, "freq_width": 10}
    lengths = [90, 41, 200]
    features = torch.randn(3, 200, BINS)
    together = spec_augment(
        features, torch.tensor(lengths), [np.random.default_rng(seed) for seed in (5, 6, 7)], **options
    )
    for row, length in enumerate(lengths):
        lone = spec_augment(
            features[row : row + 1, :length], torch.tensor([length]), [np.random.default_rng(5 + row)], **options
        )
        assert torch.equal(together[row, :length], lone[0])


def test_the_generator_decides_and_moves_on() -> None:
    options = {"time_masks": 2, "freq_masks": 2}
    assert torch.equal(masks(100, [3], **options), masks(100, [3], **options))
    assert not torch.equal(masks(100, [3], **options), masks(100, [4], **options))
    generator, features, lengths = np.random.default_rng(3), torch.ones(1, 100, BINS), torch.tensor([100])
    options |= {"time_width": 40, "freq_width": 27}
    first, second = (spec_augment(features, lengths, [generator], **options) for _ in range(2))
    assert not torch.equal(first, second)


def test_every_utterance_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="zip"):
        spec_augment(
            torch.ones(2, 9, BINS),
            torch.tensor([9, 9]),
            [np.random.default_rng(0)],
            time_masks=1,
            time_width=1,
            freq_masks=1,
            freq_width=1,
        )


def test_gradients_pass_where_nothing_is_masked() -> None:
    features = torch.ones(1, 50, BINS, requires_grad=True)
    masked = spec_augment(
        features,
        torch.tensor([50]),
        [np.random.default_rng(1)],
        time_masks=2,
        time_width=10,
        freq_masks=2,
        freq_width=10,
    )
    masked.sum().backward()
    assert torch.equal(features.grad, (masked != 0).float())


# ---------------------------------------------------------------------------------------- speed


@pytest.mark.parametrize("samples", [1, 2, 3, 10, 999, 16000])
@pytest.mark.parametrize("factor", [0.87, 0.9, 1.1, 1.13])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_speed_divides_the_length_exactly(samples: int, factor: float, dtype: type) -> None:
    waveform = np.random.default_rng(0).standard_normal(samples).astype(dtype)
    given = waveform.copy()
    played = speed_perturb(waveform, factor)
    assert played.dtype == dtype
    assert len(played) == perturbed_length(samples, factor) == int(samples / factor + 0.5)
    assert np.isfinite(played).all()
    assert np.array_equal(waveform, given)


@pytest.mark.parametrize(("factor", "hz"), [(1.1, 484), (0.9, 396)])
def test_speed_moves_the_pitch(factor: float, hz: float) -> None:
    played = speed_perturb(np.sin(2 * np.pi * 440 * np.arange(32000) / 16000), factor)
    middle = played[2000:18000] * np.hanning(16000)
    assert np.abs(np.fft.rfft(middle)).argmax() == hz
    expected = np.sin(2 * np.pi * hz * np.arange(len(played)) / 16000)
    np.testing.assert_allclose(played[500:-500], expected[500:-500], atol=1e-3)


def test_speed_1_is_the_same_array() -> None:
    waveform = np.ones(5, dtype=np.float32)
    assert speed_perturb(waveform, 1.0) is waveform


def test_a_speed_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        speed_perturb(np.ones(5, dtype=np.float32), 0.0)
