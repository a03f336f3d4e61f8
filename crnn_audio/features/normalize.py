"""Features brought to mean 0 and deviation 1, by the statistics of the training data or of each utterance.

All three modules hand back zeros as padding, and no result depends on it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crnn_audio import files
from crnn_audio.errors import DAMAGED, RunError
from crnn_audio.lengths import mask, masked

CONSTANT = 1e-5
"""A bin that deviates less than this is constant: it is centred but not scaled up, or unseen sound would explode it."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Deviations beyond which no float32 feature can be divided by them; means are no larger either."""


@runtime_checkable
class Normalizer(Protocol):
    """What every module of this file offers."""

    streamable: bool
    """Whether a frame is normalised without the frames after it."""

    def __call__(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
        """Normalised features with zeros as padding."""


class GlobalNorm(nn.Module):
    """Each bin less its mean and over its standard deviation in the training data, which are stored with the weights.

    Args:
        mean: Mean of each bin, as `Moments.mean` gives it.
        std: Standard deviation of each bin, above zero, as `Moments.std` gives it.
    """

    streamable = True
    mean: Tensor
    std: Tensor

    def __init__(self, mean: Float[Tensor, " F"], std: Float[Tensor, " F"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean.detach().clone().float())
        self.register_buffer("std", std.detach().clone().float())

    def forward(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
        """Normalised features with zeros as padding."""
        return masked((features - self.mean) / self.std, lengths)


class UtteranceNorm(nn.Module):
    """Each bin less its mean and over its standard deviation in the utterance itself; waits for its end.

    Mean and variance are computed in float64: rounding would otherwise be scaled up where a bin hardly moves.
    """

    streamable = False

    def forward(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
        """Normalised features with zeros as padding."""
        count = lengths.clamp(min=1).reshape(-1, 1, 1)
        exact = masked(features.double(), lengths)
        centred = masked(exact - exact.sum(1, keepdim=True) / count, lengths)
        variance = centred.square().sum(1, keepdim=True) / count
        return (centred / _deviation(variance)).to(features.dtype)


class NoNorm(nn.Module):
    """The features as they are."""

    streamable = True

    def forward(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
        """The same features with zeros as padding."""
        return masked(features, lengths)


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each feature in the training data, as a run directory stores them."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def save(self, path: Path) -> None:
        """Writes them as JSON, all or nothing; numbers survive to the last bit."""
        files.write_text(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Statistics":
        """Reads what `save` wrote.

        Raises:
            RunError: the file is missing or damaged.
        """
        numbers = files.read_json_object(path, RunError, advice=DAMAGED)
        try:
            found = cls(*(tuple(float(one) for one in numbers[name]) for name in ("mean", "std")))
            if not all(abs(one) < LARGEST for one in found.mean):
                raise ValueError("a mean is not finite")
            if not all(SMALLEST < one < LARGEST for one in found.std):
                raise ValueError("a deviation is not a number above zero")
            return found
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"{path}: damaged ({error!r}). {DAMAGED}") from None


class Moments:
    """Mean and standard deviation of each bin over all frames seen so far, in float64 on the CPU.

    The sums are of deviations from the mean (Chan, Golub & LeVeque 1979), so a large mean costs no precision.
    """

    def __init__(self, num_features: int) -> None:
        self.count = 0
        self.mean: Float[Tensor, " F"] = torch.zeros(num_features, dtype=torch.float64)
        self._squares = torch.zeros(num_features, dtype=torch.float64)

    def add(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> None:
        """Counts the real frames of a batch."""
        frames = features.detach()[mask(lengths, features.shape[1])].double()
        if len(frames):
            mean = frames.mean(0)
            self._combine(len(frames), mean.cpu(), (frames - mean).square().sum(0).cpu())

    @property
    def std(self) -> Float[Tensor, " F"]:
        """Standard deviation over all frames (not the sample estimate); 1 for a constant bin."""
        return _deviation(self._squares / max(self.count, 1))

    def _combine(self, count: int, mean: Tensor, squares: Tensor) -> None:
        total = self.count + count
        difference = mean - self.mean
        self._squares = self._squares + squares + difference.square() * (self.count * count / total)
        self.mean = self.mean + difference * (count / total)
        self.count = total


def _deviation(variance: Tensor) -> Tensor:
    # Chosen before the root, whose gradient at zero is infinite.
    return torch.where(variance < CONSTANT**2, torch.ones_like(variance), variance).sqrt()
