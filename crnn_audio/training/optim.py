"""How weights move: optimisers, learning-rate schedules as functions of the step, clipping, and averaged weights."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, Optimizer, RMSprop

START_FACTOR = 1 / 25
"""Fraction of the peak rate at which a warm-up starts."""
END_FACTOR = 1 / 1000
"""Fraction of the peak rate at which cosine and one-cycle end."""


def build_optimizer(
    model: nn.Module,
    *,
    name: str = "adamw",
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.98),
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """The optimiser over a model's weights; matrices decay, biases and norms do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    norms = {one for module in model.modules() if isinstance(module, nn.LayerNorm) for one in module.parameters()}
    decaying = {one for one in parameters if one.dim() > 1} - norms  # a norm over channels and bins is no vector
    groups = [
        {"params": [one for one in parameters if one in decaying], "weight_decay": weight_decay},
        {"params": [one for one in parameters if one not in decaying], "weight_decay": 0.0},
    ]
    builders: dict[str, Callable[[], Optimizer]] = {
        "adamw": lambda: AdamW(groups, lr=lr, betas=betas, fused=True),
        "adam": lambda: Adam(groups, lr=lr, betas=betas, fused=True),
        "sgd": lambda: SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov),
        "rmsprop": lambda: RMSprop(groups, lr=lr, momentum=momentum),
        "adagrad": lambda: Adagrad(groups, lr=lr),
        "adadelta": lambda: Adadelta(groups, lr=lr),
    }
    return builders[name]()


def rate_factor(schedule: str, step: int, total_steps: int, warmup: float) -> float:
    """The fraction of the peak learning rate in effect at `step` (from 0) of `total_steps`.

    "constant" and "plateau" stay at 1; "warmup" rises linearly, then stays; "cosine" falls from 1 along half a cosine;
    "one_cycle" (Smith and Topin 2018) rises and falls along half cosines. `warmup` is
    the fraction of steps spent rising.
    """
    if schedule in ("constant", "plateau"):
        return 1.0
    last = max(total_steps - 1, 1)
    done = min(step / last, 1.0)
    if schedule == "cosine":
        return _half_cosine(1.0, END_FACTOR, done)
    if done < warmup:
        risen = done / warmup
        return (
            START_FACTOR + (1 - START_FACTOR) * risen
            if schedule == "warmup"
            else _half_cosine(START_FACTOR, 1.0, risen)
        )
    return 1.0 if schedule == "warmup" else _half_cosine(1.0, END_FACTOR, (done - warmup) / max(1 - warmup, 1e-9))


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def set_rate(optimizer: Optimizer, lr: float) -> None:
    """The learning rate of the next step, for every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Euclidean norm of the whole gradient; not finite where an element is not."""
    return nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])


def clip(
    parameters: Iterable[nn.Parameter], norm: Tensor, *, clip_norm: float | None, clip_value: float | None
) -> bool:
    """Scales the gradient to at most `clip_norm` (Pascanu et al. 2013), then limits its elements; whether it did."""
    clipped = False
    parameters = [one for one in parameters if one.grad is not None]
    if clip_norm is not None:
        nn.utils.clip_grads_with_norm_(parameters, clip_norm, norm)
        clipped = bool(norm > clip_norm)
    if clip_value is not None:
        largest = max(float(one.grad.abs().max()) for one in parameters if one.grad is not None)
        nn.utils.clip_grad_value_(parameters, clip_value)
        clipped = clipped or largest > clip_value
    return clipped


class AveragedWeights:
    """Exponential moving average of a model's weights (Polyak and Juditsky 1992), evaluated and kept in their place.

    Early on the decay is held to (1 + step) / (10 + step), so that the average does not remember initial weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average towards the weights after step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = self.model.state_dict()
        torch._foreach_lerp_(list(self.weights.values()), [current[name] for name in self.weights], 1 - decay)

    def swap(self) -> None:
        """Exchanges the model's weights and the average; a second call puts them back."""
        current = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.weights)
        self.weights = current
