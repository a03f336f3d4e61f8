"""Recipes of piano rolls: the keys of the next frame are predicted from the frames before."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import Count, Data, Fraction, Model, Section, Task, check_causal


class RollsTask(Task):
    """Predict the next frame of a piano roll."""

    kind: Literal["rolls"]


class RollsData(Data):
    """The piano rolls and how they are batched."""

    corpus: Annotated[str, CorpusOf("rolls")]
    collection: Literal["jsb", "nottingham", "musedata", "piano_midi"]
    """JSB chorales in quarter notes; Nottingham, MuseData and Piano-midi.de in eighth notes."""
    root: str | None = None
    """Folder of the .mat files. Default: $CRNN_AUDIO_DATA/piano_rolls, then data/piano_rolls, then a download."""
    batch_size: Count = 16
    """Pieces per batch (one optimiser step)."""
    bptt: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Frames per step of truncated back-propagation through time; 0 trains on whole pieces."""
    copy_context: bool = False
    """Add the frame that followed the longest earlier match of the current context to the input features."""

    @property
    def name(self) -> str:
        """The corpus's name in messages."""
        return f"{self.corpus}/{self.collection}"


class SigmoidKeys(Section):
    """Keys that are independent of each other, given the past."""

    kind: Literal["sigmoid"] = "sigmoid"


class NadeKeys(Section):
    """The joint distribution of the keys of a frame, factorised from the lowest key upwards (NADE)."""

    kind: Literal["nade"] = "nade"
    hidden_size: Count = 128
    """Units of the hidden layer, which reads the keys below."""
    dropout: Fraction = 0.0
    """Dropout on the hidden layer."""


class RollsModel(Model):
    """The CRNN, with the distribution of a frame as its head."""

    head: Annotated[SigmoidKeys | NadeKeys, Field(discriminator="kind")] = SigmoidKeys()


class RollsRecipe(Recipe):
    """Piano rolls, frame by frame."""

    task: RollsTask
    data: RollsData
    model: RollsModel = RollsModel()

    @model_validator(mode="after")
    def _is_causal(self) -> Self:
        check_causal(self.model.recurrent)
        if self.model.conv and self.model.conv_time != "causal":
            raise ValueError("the next frame is predicted from the past, so model.conv_time must be 'causal'")
        if self.data.copy_context and self.model.conv:
            raise ValueError("data.copy_context adds features that are no keys to convolve over: model.conv must be []")
        if any(layer.stride[0] != 1 for layer in self.model.conv):
            raise ValueError("task rolls predicts every frame, so the time strides in model.conv must be 1")
        return self
