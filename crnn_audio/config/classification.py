"""Recipes of the classification of whole recordings."""

from typing import Annotated, Literal

from pydantic import Field

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.sections import Fraction, Model, Task
from crnn_audio.config.sound import SoundData, SoundRecipe


class ClassificationTask(Task):
    """A label of each recording."""

    kind: Literal["classification"] = "classification"
    multilabel: bool = False
    """A recording may have several labels, separated by semicolons, or none."""
    background: list[str] = []  # noqa: RUF012  # pydantic copies it
    """Labels that are no event in a stream, such as silence and other words."""
    label_smoothing: Fraction = 0.0
    """Part of each target's weight that is spread over all classes."""
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Mix pairs of recordings, with a share from the Beta distribution with this parameter twice; 0 is off."""
    class_weights: bool = False
    """Weigh each class by the inverse of its number of recordings."""


class ClassificationData(SoundData):
    """The corpus and how its cuts are batched."""

    corpus: Annotated[str, CorpusOf("classification", ("manifests",))]
    """A known corpus, or `manifests`: your own train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""


class ClassificationModel(Model):
    """The CRNN, and how the frames of a recording become one vector."""

    pooling: Literal["last", "mean", "max", "attention"] = "attention"
    """`last`: the state after the last frame. `attention`: a mean with learned weights."""
    dropout: Fraction = 0.0
    """Dropout on the vector of a recording."""


class ClassificationRecipe(SoundRecipe):
    """Recordings to classes."""

    task: ClassificationTask = ClassificationTask()
    data: ClassificationData
    model: ClassificationModel = ClassificationModel()
