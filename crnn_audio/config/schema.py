"""Every field of a recipe: its default, its range and what it means.

A recipe is data. It knows no class and no builder; `crnn_audio.build` turns it into parts. Fields state what differs
between experiments; what nobody varies is not a field. What a recipe is about, `task.kind`, says which sections it has.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from crnn_audio.config.events import EventData, EventModel, NextTokenTask
from crnn_audio.config.language import LanguageModel, LanguageTask, TextData
from crnn_audio.config.rolls import NextFrameTask, RollData, RollModel
from crnn_audio.config.sections import Model, Optim, Section, Train
from crnn_audio.config.speech import Augment, FbankFeatures, Features, RecognitionTask, SpeechData


class Recipe(Section):
    """One experiment, whole: what `make train RECIPE=...` reads. Its children add what it is about."""

    init: str | None = None
    """A trained run to start from, by path or shipped name: same features and network; new tokens are added."""
    task: RecognitionTask | NextFrameTask | NextTokenTask | LanguageTask
    data: SpeechData | RollData | EventData | TextData
    model: Model | EventModel | LanguageModel = Model()
    optim: Optim = Optim()
    train: Train = Train()
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", examples=["auto", "cpu", "cuda", "cuda:1"])] = (
        "auto"
    )
    """`auto` takes a GPU where there is one."""
    precision: Literal["float32", "bf16"] = "float32"
    """Of the network's inside; log-softmax and losses are always float32."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 takes this machine's cores, four at most. The count is part of what makes a run repeatable."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1

    @classmethod
    def load(cls, path: str | Path, *overrides: str) -> "Recipe":
        """The recipe in a file or of a shipped name, changed by overrides such as "optim.lr=2e-4".

        Raises:
            RecipeError: it cannot be read, or something in it is wrong: all problems at once.
        """
        from crnn_audio.config.load import load  # here, because loading is built on this schema

        return load(path, overrides)


class SpeechRecipe(Recipe):
    """From sound to text."""

    task: RecognitionTask = RecognitionTask()
    data: SpeechData
    model: Model = Model()
    features: Features = FbankFeatures()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.data.dev_as_train and (self.train.early_stopping or self.optim.schedule == "plateau"):
            raise ValueError("data.dev_as_train leaves no dev to judge; early_stopping and schedule plateau need one")
        if self.task.intermediate and self.model.recurrent.num_layers < 2:
            raise ValueError("task.intermediate puts heads between recurrent layers, so model.recurrent needs two")
        return self


class RollRecipe(Recipe):
    """From a piano roll to what sounds next."""

    task: NextFrameTask
    data: RollData
    model: RollModel = RollModel()

    @model_validator(mode="after")
    def _hears_only_the_past(self) -> Self:
        if self.init is not None:
            raise ValueError("init is for recognition; a piano roll is quickly learned from the start")
        if self.model.recurrent.bidirectional:
            raise ValueError("task next_frame hears only the past, so model.recurrent.bidirectional must be false")
        if self.model.recurrent.look_ahead or (self.model.conv and self.model.conv_time != "causal"):
            raise ValueError("task next_frame hears only the past: look_ahead 0, and model.conv_time 'causal'")
        if self.data.recall and self.model.conv:
            raise ValueError("data.recall adds what is no key, over which no convolution goes: model.conv []")
        if any(layer.stride[0] != 1 for layer in self.model.conv):
            raise ValueError("task next_frame says something of every frame, so time strides in model.conv are 1")
        return self


class EventRecipe(Recipe):
    """From nothing, a beginning, a voice or a wish to a piece of music."""

    task: NextTokenTask
    data: EventData
    model: EventModel = EventModel()

    @model_validator(mode="after")
    def _voices_are_heard(self) -> Self:
        if self.init is not None:
            raise ValueError("init is for recognition")
        if (self.task.given_share > 0) != (self.model.listener is not None):
            raise ValueError("task.given_share above 0 and model.listener, which hears what is given, go together")
        if self.data.chunk_rows and self.model.listener:
            raise ValueError("model.listener reads whole pieces, so data.chunk_rows must be 0")
        return self


class LanguageRecipe(Recipe):
    """From a text to its next character or word."""

    task: LanguageTask
    data: TextData
    model: LanguageModel = LanguageModel()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.init is not None:
            raise ValueError("init is for recognition")
        if self.task.unit == "words" and self.model.embedding_size == 0:
            raise ValueError("task.unit 'words' has too many tokens for one-hot vectors: model.embedding_size above 0")
        return self


RECIPES: dict[str, type[Recipe]] = {
    "recognition": SpeechRecipe,
    "next_frame": RollRecipe,
    "next_token": EventRecipe,
    "language": LanguageRecipe,
}
"""What a recipe may be about, by its `task.kind`."""
ORDER = ("init", "task", "data", "features", "augment", "model", "optim", "train")
"""In which sections are written; what is not named here follows."""


def kind_of(data: Any) -> type[Recipe]:
    """The class that a recipe's data asks for by `task.kind`; where it names none that there is, by its corpus."""

    def named(section: str, field: str) -> Any:
        inside = data.get(section) if isinstance(data, dict) else None
        return inside.get(field) if isinstance(inside, dict) else None

    kind, corpus = named("task", "kind"), named("data", "corpus")
    if isinstance(kind, str) and kind in RECIPES:
        return RECIPES[kind]
    of_corpus = [one for one in RECIPES.values() if corpus in choices_of(one)]
    return of_corpus[0] if of_corpus else SpeechRecipe


def choices_of(recipe: type[Recipe]) -> tuple[Any, ...]:
    """The corpora that a kind of recipe may name."""
    section = recipe.model_fields["data"].annotation
    assert section is not None, "every kind of recipe says what its data are"
    return get_args(section.model_fields["corpus"].annotation)
