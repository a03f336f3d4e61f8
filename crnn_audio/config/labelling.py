"""Recipes of labelling: for every frame of a recording its labels, or what begins there."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.sections import Positive, Task
from crnn_audio.config.sound import SoundData, SoundRecipe


class LabellingTask(Task):
    """Labelled segments, onsets or notes."""

    kind: Literal["labelling"]
    targets: Literal["segments", "onsets", "notes"] = "segments"
    """What is learned: in which frames a label holds, where something begins, or both, for notes of the piano."""
    labels: list[str] = []  # noqa: RUF012  # pydantic copies it
    """The labels, in their order. Default: those of the training split, sorted."""
    exclusive: bool = False
    """At most one label holds at a time (a softmax with one more class for none of them)."""
    onset_width: Annotated[int, Field(ge=0, le=100)] = 1
    """Output frames on each side of an onset that are targets too, less and less."""
    positive_weight: Positive = 1.0
    """How much more a frame counts in which a label holds than one in which it does not."""
    class_weights: dict[str, Positive] = {}  # noqa: RUF012  # pydantic copies it
    """How much a label counts in the loss. Default: 1 each."""
    tolerance: Annotated[float, Field(gt=0, le=10)] = 0.05
    """Seconds by which onsets may differ when they are scored."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.exclusive and self.targets != "segments":
            raise ValueError("exclusive is for targets 'segments': onsets and notes may begin together")
        if self.labels and (unknown := sorted(self.class_weights.keys() - set(self.labels))):
            raise ValueError(f"class_weights names {unknown[0]!r}, which labels does not have")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels has one of them twice")
        return self


class LabellingData(SoundData):
    """The corpus and how its cuts are batched."""

    corpus: Annotated[str, CorpusOf("labelling", also=("manifests",))]
    """A known corpus, or `manifests`: your own train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""
    span_seconds: Positive | None = None
    """Cut training recordings into spans of this length, shorter at the end. Default: whole recordings."""
    distort_dev: bool = False
    """Score dev with the noise and reverberation of `augment` during training, and choose thresholds there."""


class LabellingRecipe(SoundRecipe):
    """Labels of frames."""

    starts_from_runs = True
    task: LabellingTask
    data: LabellingData

    @model_validator(mode="after")
    def _times_stay(self) -> Self:
        if self.augment.speed != [1.0]:
            raise ValueError(f"augment.speed {self.augment.speed}: labels stand at times, so it must be [1.0]")
        return self
