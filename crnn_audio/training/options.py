"""How to train, in plain numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to train; the meaning of each is in the recipe's schema."""

    max_epochs: int
    lr: float
    schedule: str
    warmup: float
    plateau_patience: int
    clip_norm: float | None
    clip_value: float | None
    eval_epochs: int
    early_stopping: int
    checkpoint_steps: int
    seed: int
    checkpoint_seconds: float = 120.0
