"""Draws follow the distribution that they should, and what cannot be sampled never is."""

import math

import numpy as np
import pytest

from crnn_audio.decoding.sampling import RandomStreams, Sampling, sample
from crnn_audio.errors import DataError

PROBS = np.array([0.35, 0.05, 0.25, 0.2, 0.1, 0.05])
DRAWS = 10_000
CHI_SQUARE_999 = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}
"""The 99.9 % point of the chi-square distribution by degrees of freedom (any table)."""


def counts(sampling: Sampling, allowed: np.ndarray | None = None) -> np.ndarray:
    numbers = RandomStreams([sampling.seed]).uniforms(DRAWS)[0]
    tokens = sample(every(np.log(PROBS)), numbers, sampling, None if allowed is None else every(allowed))
    return np.bincount(tokens, minlength=len(PROBS))


def every(row: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    return np.tile(row, (draws, 1))


def tempered(temperature: float) -> np.ndarray:
    return PROBS ** (1 / temperature)


def only(*kept: int) -> np.ndarray:
    return np.isin(np.arange(len(PROBS)), kept) * PROBS


@pytest.mark.parametrize(
    ("sampling", "wanted"),
    [
        (Sampling(), PROBS),
        (Sampling(temperature=0.5), tempered(0.5)),
        (Sampling(temperature=2.5), tempered(2.5)),
        (Sampling(top_k=3), only(0, 2, 3)),
        (Sampling(top_p=0.59), only(0, 2)),
        (Sampling(top_p=0.61), only(0, 2, 3)),
        (Sampling(temperature=2.0, top_k=2), tempered(2.0) * (only(0, 2) > 0)),
        (Sampling(top_k=4, top_p=0.9), only(0, 2, 3, 4)),
    ],
)
def test_ten_thousand_samples_by_chi_square(sampling: Sampling, wanted: np.ndarray) -> None:
    found, expected = counts(sampling), DRAWS * wanted / wanted.sum()
    assert (found[expected == 0] == 0).all(), "sampled though it was left out"
    possible = expected > 0
    chi_square = ((found - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < CHI_SQUARE_999[int(possible.sum()) - 1]


def test_what_is_not_allowed_is_never_sampled_and_the_rest_keeps_its_shares() -> None:
    found = counts(Sampling(), np.array([False, True, True, False, True, False]))
    expected = DRAWS * only(1, 2, 4) / 0.4
    assert (found[expected == 0] == 0).all()
    assert ((found - expected)[expected > 0] ** 2 / expected[expected > 0]).sum() < CHI_SQUARE_999[2]


def test_temperature_0_is_the_likeliest_that_is_allowed() -> None:
    numbers, log_probs = np.random.default_rng(0).random(50), every(np.log(PROBS), 50)
    assert (sample(log_probs, numbers, Sampling(temperature=0)) == 0).all()
    allowed = every(np.array([False, True, False, True, True, True]), 50)
    assert (sample(log_probs, numbers, Sampling(temperature=0), allowed) == 3).all()


def test_a_small_temperature_comes_to_the_same() -> None:
    numbers = np.random.default_rng(0).random(50)
    assert (sample(every(np.log(PROBS), 50), numbers, Sampling(temperature=0.01)) == 0).all()


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-53])
def test_the_ends_of_chance(chance: float) -> None:
    for thirds in (0.5, 1 / 3, 0.1):
        impossible = np.array([[-math.inf, math.log(thirds), math.log(thirds), -math.inf]])
        (token,) = sample(impossible, np.array([chance]), Sampling())
        assert token == (1 if chance == 0 else 2)


def test_a_piece_has_its_own_numbers_alone_or_beside_others() -> None:
    alone, beside, at_once = RandomStreams([7]), RandomStreams([3, 7]), RandomStreams([7]).uniforms(20)
    for index in range(20):
        number = alone.uniforms(1)[0, 0]
        assert number == beside.uniforms(1)[1, 0] == at_once[0, index]
    assert len(set(RandomStreams(range(100)).uniforms(1)[:, 0].tolist())) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.5}, "temperature should be 0 .* or above .found -0.5."),
        ({"temperature": math.inf}, "temperature should be"),
        ({"temperature": math.nan}, "temperature should be"),
        ({"top_p": 0.0}, "top_p should be above 0 and at most 1.* .found 0."),
        ({"top_p": 1.5}, "top_p should be above 0 and at most 1"),
        ({"top_k": -1}, "top_k should be 1 or above"),
        ({"seed": -1}, "seed should be 0 or above"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Sampling(**options)
