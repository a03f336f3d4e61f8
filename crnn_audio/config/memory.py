"""Recipes of memory: two synthetic tasks that ask how far recurrent layers remember."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import CausalNetwork, Count, Data, RecurrentLayers, Task


class MemoryTask(Task):
    """Say at the end of a sequence what stood in it long before."""

    kind: Literal["memory"]


class MemoryData(Data):
    """Which task, how long, and how its examples are batched."""

    corpus: Annotated[str, CorpusOf("memory")] = "memory"
    collection: Literal["adding", "copy"]
    """`adding`: the sum of two marked numbers. `copy`: ten symbols after a pause."""
    length: Annotated[int, Field(ge=2, le=100_000)] = 600
    """Inputs of the adding problem, or the pause of copy memory."""
    examples: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    """New training examples in each epoch."""
    batch_size: Count = 32
    """Examples per batch (one optimiser step)."""
    start_length: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Length in the first epoch, for a curriculum; 0 has the whole length from the start."""
    growing: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Epochs until the length has grown evenly from `start_length` to `length`."""

    @property
    def name(self) -> str:
        """The corpus's name in messages."""
        return f"{self.corpus}/{self.collection}"

    @model_validator(mode="after")
    def _a_curriculum_is_whole(self) -> Self:
        if bool(self.start_length) != bool(self.growing) or self.start_length == 1:
            raise ValueError("a curriculum has both start_length (2 or more) and growing, the epochs that it lasts")
        if self.start_length > self.length:
            raise ValueError(f"start_length ({self.start_length}) is greater than length ({self.length})")
        return self


class MemoryModel(CausalNetwork):
    """Recurrent layers on the numbers themselves, or on one-hot symbols, and a linear output."""

    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False, num_layers=1, dropout=0.0)


class MemoryRecipe(Recipe):
    """The adding problem and copy memory of Bai, Kolter and Koltun (2018)."""

    task: MemoryTask
    data: MemoryData
    model: MemoryModel = MemoryModel()
