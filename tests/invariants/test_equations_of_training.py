"""Law 12: optimisers, clippings, schedules and averaged weights are their formulas, written out by hand."""

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from crnn_audio.training.optim import AveragedWeights, build_optimizer, clip, gradient_norm, rate_factor, set_rate
from tests.invariants.small import crnn

# ---------------------------------------------------------------------------------------- optimisers

LR, DECAY = 0.03, 0.1
Steps = Iterator[np.ndarray]
"""A weight's path under an optimiser: hand-written from the papers, fed with one gradient a step."""


def adamw(p: np.ndarray, gradients: list[np.ndarray], decay: float) -> Steps:
    """Loshchilov and Hutter 2019."""
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g**2
        p = p - LR * decay * p - LR * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-8)
        yield p


def adam(p: np.ndarray, gradients: list[np.ndarray], decay: float) -> Steps:
    """Kingma and Ba 2015, weight decay as a term of the gradient."""
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        g = g + decay * p
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g**2
        p = p - LR * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-8)
        yield p


def sgd(
    p: np.ndarray, gradients: list[np.ndarray], decay: float, momentum: float = 0.0, nesterov: bool = False
) -> Steps:
    """Polyak 1964 and, with `nesterov`, Sutskever et al. 2013; the rate stands outside the velocity."""
    velocity = 0.0
    for g in gradients:
        g = g + decay * p
        velocity = momentum * velocity + g
        p = p - LR * (g + momentum * velocity if nesterov else velocity)
        yield p


def rmsprop(p: np.ndarray, gradients: list[np.ndarray], decay: float, momentum: float = 0.0) -> Steps:
    """Tieleman and Hinton 2012, with momentum on the scaled gradient."""
    v, velocity = 0.0, 0.0
    for g in gradients:
        g = g + decay * p
        v = 0.99 * v + 0.01 * g**2
        velocity = momentum * velocity + g / (np.sqrt(v) + 1e-8)
        p = p - LR * velocity
        yield p


def adagrad(p: np.ndarray, gradients: list[np.ndarray], decay: float) -> Steps:
    """Duchi et al. 2011."""
    total = 0.0
    for g in gradients:
        g = g + decay * p
        total = total + g**2
        p = p - LR * g / (np.sqrt(total) + 1e-10)
        yield p


def adadelta(p: np.ndarray, gradients: list[np.ndarray], decay: float) -> Steps:
    """Zeiler 2012, times the rate."""
    seen, moved_by = 0.0, 0.0
    for g in gradients:
        g = g + decay * p
        seen = 0.9 * seen + 0.1 * g**2
        move = np.sqrt(moved_by + 1e-6) / np.sqrt(seen + 1e-6) * g
        moved_by = 0.9 * moved_by + 0.1 * move**2
        p = p - LR * move
        yield p


FORMULAS: dict[str, Callable[..., Steps]] = {
    "adamw": adamw,
    "adam": adam,
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
}


@pytest.mark.parametrize("decay", [0.0, DECAY])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adamw", {}),
        ("adam", {}),
        ("sgd", {}),
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", {}),
        ("rmsprop", {"momentum": 0.9}),
        ("adagrad", {}),
        ("adadelta", {}),
    ],
)
def test_an_optimiser_steps_by_its_formula(name: str, options: dict[str, float], decay: float) -> None:
    model = nn.Linear(4, 3).double()
    optimizer = build_optimizer(model, name=name, lr=LR, weight_decay=decay, **options)
    random = np.random.default_rng(3)
    gradients = {one: [random.standard_normal(one.shape) for _ in range(3)] for one in model.parameters()}
    paths = {
        one: FORMULAS[name](one.detach().numpy().copy(), gradients[one], decay if one.dim() > 1 else 0.0, **options)
        for one in model.parameters()
    }
    for step in range(3):
        for one in model.parameters():
            one.grad = torch.from_numpy(gradients[one][step])
        optimizer.step()
        for one in model.parameters():
            np.testing.assert_allclose(one.detach().numpy(), next(paths[one]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_only_matrices_decay_and_never_a_bias_or_a_norm(name: str) -> None:
    model = crnn("lstm", bidirectional=True)
    names = {id(one): name for name, one in model.named_parameters()}
    decayed = {
        names[id(one)]
        for group in build_optimizer(model, name=name, weight_decay=DECAY).param_groups
        for one in group["params"]
        if group["weight_decay"] > 0
    }
    kinds = (nn.Conv2d, nn.Linear, nn.LSTM)
    matrices = {
        f"{owner}.{one}"
        for owner, module in model.named_modules()
        if isinstance(module, kinds)
        for one, _ in module.named_parameters()
        if "weight" in one
    }
    assert decayed == matrices
    grouped = [one for group in build_optimizer(model, name=name).param_groups for one in group["params"]]
    assert sorted(names[id(one)] for one in grouped) == sorted(names.values())


# ---------------------------------------------------------------------------------------- clipping


def with_gradients(*gradients: list[float]) -> list[nn.Parameter]:
    found = []
    for one in gradients:
        found.append(nn.Parameter(torch.zeros(len(one), dtype=torch.float64)))
        found[-1].grad = torch.tensor(one, dtype=torch.float64)
    return [*found, nn.Parameter(torch.zeros(2))]  # one that was not reached by the loss


def clipped(parameters: list[nn.Parameter], norm: float | None, value: float | None) -> tuple[bool, list[list[float]]]:
    changed = clip(parameters, gradient_norm(parameters), clip_norm=norm, clip_value=value)
    return changed, [one.grad.tolist() for one in parameters if one.grad is not None]


@pytest.mark.parametrize(
    ("norm", "value", "factor", "bound"),
    [
        (None, None, 1.0, math.inf),
        (20.0, None, 1.0, math.inf),
        (6.5, None, 0.5, math.inf),
        (None, 3.5, 1.0, 3.5),
        (None, 50.0, 1.0, 50.0),
        (6.5, 1.75, 0.5, 1.75),  # by norm first, then by value
    ],
)
def test_clipping_is_its_formula(norm: float | None, value: float | None, factor: float, bound: float) -> None:
    gradients = [[3.0, -4.0], [12.0]]  # of norm 13
    parameters = with_gradients(*gradients)
    assert float(gradient_norm(parameters)) == pytest.approx(13, rel=1e-12)
    changed, found = clipped(parameters, norm, value)
    wanted = [[max(-bound, min(bound, factor * one)) for one in gradient] for gradient in gradients]
    assert changed == (wanted != gradients)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    if norm is not None:
        assert math.hypot(*(one for gradient in found for one in gradient)) <= norm


def test_the_norm_of_a_broken_gradient_is_not_finite() -> None:
    assert not torch.isfinite(gradient_norm(with_gradients([1.0, math.nan], [2.0])))
    assert not torch.isfinite(gradient_norm(with_gradients([1.0], [math.inf])))


# ---------------------------------------------------------------------------------------- schedules

TOTAL = 101


def shares(schedule: str, warmup: float, total: int = TOTAL) -> np.ndarray:
    return np.array([rate_factor(schedule, step, total, warmup) for step in range(total)])


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_constant_rate_stays(schedule: str) -> None:
    assert (shares(schedule, 0.2) == 1).all()


def test_warmup_rises_in_a_straight_line_and_stays() -> None:
    found = shares("warmup", 0.2)
    np.testing.assert_allclose(found[:21], np.linspace(1 / 25, 1, 21), rtol=1e-12)
    assert (found[20:] == 1).all()


def test_cosine_falls_from_the_peak_along_half_a_cosine() -> None:
    found, done = shares("cosine", 0.2), np.arange(TOTAL) / (TOTAL - 1)
    np.testing.assert_allclose(found, 0.001 + 0.999 * np.cos(np.pi * done / 2) ** 2, rtol=1e-9)
    assert (found[0], found[-1]) == (1, pytest.approx(0.001))


@pytest.mark.parametrize("warmup", [0.1, 0.15, 0.5, 0.9])
def test_one_cycle_rises_to_its_peak_and_falls_below_its_start(warmup: float) -> None:
    found = shares("one_cycle", warmup)
    peak = round(warmup * (TOTAL - 1))
    assert (found[0], found[peak], found[-1]) == pytest.approx((1 / 25, 1, 1 / 1000))
    assert (np.diff(found[: peak + 1]) > 0).all()
    assert (np.diff(found[peak:]) < 0).all()
    rise, fall = np.arange(peak + 1) / peak, np.arange(TOTAL - peak) / (TOTAL - 1 - peak)
    np.testing.assert_allclose(found[: peak + 1], 1 - 0.96 * np.cos(np.pi * rise / 2) ** 2, rtol=1e-9)
    np.testing.assert_allclose(found[peak:], 0.001 + 0.999 * np.cos(np.pi * fall / 2) ** 2, rtol=1e-9)


@pytest.mark.parametrize("schedule", ["constant", "warmup", "cosine", "one_cycle", "plateau"])
@pytest.mark.parametrize("warmup", [0.0, 0.15, 1.0])
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_no_schedule_leaves_its_range_however_short_the_run(schedule: str, warmup: float, total: int) -> None:
    found = shares(schedule, warmup, total)
    assert np.isfinite(found).all()
    assert (found > 0).all()
    assert (found <= 1 + 1e-12).all()


def test_a_rate_is_that_of_every_group() -> None:
    optimizer = build_optimizer(crnn("gru"), lr=1.0)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


# ---------------------------------------------------------------------------------------- averaged weights


def scrambled(model: nn.Module) -> dict[str, np.ndarray]:
    """New random weights for a model, and a copy of them."""
    with torch.no_grad():
        for one in model.parameters():
            one.copy_(torch.randn_like(one))
    return weights(model)


def weights(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def test_averaged_weights_are_their_recurrence() -> None:
    model = crnn("lstm")
    average, wanted = AveragedWeights(model, 0.6), weights(model)
    for step in range(20):
        seen = scrambled(model)
        average.update(step)
        decay = min(0.6, (1 + step) / (10 + step))  # 0.1, 0.18, 0.25, ... until it reaches 0.6
        wanted = {name: decay * wanted[name] + (1 - decay) * seen[name] for name in wanted}
    for name, value in average.weights.items():
        np.testing.assert_allclose(value.numpy(), wanted[name], rtol=1e-9, atol=1e-12)
    assert all(np.array_equal(one, seen[name]) for name, one in weights(model).items()), "the model itself is untouched"


def test_swapped_once_the_model_is_the_average_and_twice_itself() -> None:
    model = crnn("lstm")
    average = AveragedWeights(model, 0.9)
    scrambled(model)
    average.update(0)
    own, averaged = weights(model), {name: value.numpy().copy() for name, value in average.weights.items()}
    assert not np.array_equal(own["head.linear.weight"], averaged["head.linear.weight"])
    for model_holds, average_holds in [(averaged, own), (own, averaged)]:
        average.swap()
        assert all(np.array_equal(value, model_holds[name]) for name, value in weights(model).items())
        assert all(np.array_equal(value.numpy(), average_holds[name]) for name, value in average.weights.items())


def test_an_average_is_no_part_of_what_is_trained() -> None:
    model = crnn("lstm")
    average = AveragedWeights(model, 0.9)
    kept = copy.deepcopy(average.weights)
    scrambled(model)
    assert all(torch.equal(value, kept[name]) for name, value in average.weights.items())
    assert not any(value.requires_grad for value in average.weights.values())
