"""Two tasks that ask how far a network remembers, made from a seed: the adding problem and copy memory.

As Bai, Kolter and Koltun (2018) have them. `data.collection` names one. "adding": of numbers from 0 to 1, the target at
the end is the sum of the two that are marked (Hochreiter and Schmidhuber 1997). "copy": ten symbols are the target
after a pause and a mark, and blanks before. Every epoch of training has new examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crnn_audio.batching.plan import key
from crnn_audio.corpora.home import Progress, arriving

NAME = "memory"
KIND = "memory"
LICENCE = "Random numbers, made on this machine"
HOME = "the seed of a recipe"
NOT_FOR = "Anything else than the task that it learned, at about the length that it learned it at."
COLLECTIONS = ("adding", "copy")
NUM_COPIED, NUM_SYMBOLS = 10, 8
BLANK, MARK = 1, NUM_SYMBOLS + 2
"""Tokens of copy memory; the symbols are between them."""
HELD_OUT = 1000
"""Examples of dev and of test, the same for all recipes of a length."""

Example = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Inputs, the target at each, and how much its loss counts."""


@dataclass(frozen=True)
class Examples:
    """Examples of a task, each a function of the split, the seed, the epoch and its number.

    Args:
        length: inputs of the adding problem, or the pause of copy memory.
        start_length: that of the first epoch, which grows evenly until `growing` epochs have passed; 0 for `length`.
    """

    task: str
    length: int
    count: int
    split: str
    seed: int = 0
    start_length: int = 0
    growing: int = 0

    def __len__(self) -> int:
        return self.count

    @property
    def lengths(self) -> Sequence[int]:
        """Inputs of each."""
        return [self.length + (2 * NUM_COPIED if self.task == "copy" else 0)] * self.count

    def length_in(self, epoch: int) -> int:
        """The length in an epoch."""
        if not self.start_length or epoch >= self.growing:
            return self.length
        return self.start_length + (self.length - self.start_length) * epoch // self.growing

    def example(self, number: int, epoch: int) -> Example:
        """Example number `number` as it is in an epoch."""
        make = {"adding": _adding, "copy": _copy}[self.task]
        return make(np.random.default_rng(key(self.split, self.seed, epoch, number)), self.length_in(epoch))


def _adding(random: np.random.Generator, length: int) -> Example:
    numbers, marks, targets = random.random(length, dtype=np.float32), *np.zeros((2, length), dtype=np.float32)
    marked = random.choice(length, 2, replace=False)
    marks[marked] = 1
    targets[-1] = numbers[marked].sum()
    return np.stack([numbers, marks], axis=1), targets, (np.arange(length) == length - 1)


def _copy(random: np.random.Generator, length: int) -> Example:
    inputs, targets = np.full((2, length + 2 * NUM_COPIED), BLANK)
    inputs[:NUM_COPIED] = targets[-NUM_COPIED:] = random.integers(BLANK + 1, MARK, NUM_COPIED)
    inputs[-NUM_COPIED - 1 :] = MARK
    return inputs[:, None], targets, np.ones(len(inputs))


def read_splits(
    folder: Path,
    task: str = "adding",
    *,
    length: int = 600,
    count: int = 50_000,
    seed: int = 1,
    start_length: int = 0,
    growing: int = 0,
) -> dict[str, Examples]:
    """The examples by split; nothing of them lies in the folder."""
    train = Examples(task, length, count, "train", seed, start_length, growing)
    return {"train": train} | {split: Examples(task, length, HELD_OUT, split) for split in ("dev", "test")}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Makes an empty folder: the examples are made where they are needed."""
    with arriving(folder):
        pass
