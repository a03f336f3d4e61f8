"""What a recipe comes to, without training it: sizes, times and the memory of a step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from crnn_audio import build
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.corpora import home
from crnn_audio.errors import DataError, enough_memory
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.tasks.recognition import Recognition
from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

ASSUMED_TOKENS = "abcdefghijklmnopqrstuvwxyz '"
PROBE_SECONDS = 2.0
OPTIMIZER_SLOTS = {"adamw": 2, "adam": 2, "sgd": 1, "rmsprop": 2, "adagrad": 1, "adadelta": 2}
"""Tensors the size of the weights that an optimiser keeps, at most."""


@dataclass(frozen=True)
class Summary:
    """A recipe in figures: frames and the receptive field count input frames; look-ahead is None for a whole file.

    `step_bytes` estimates weights, gradients, optimiser and activations of one accumulation part.
    """

    num_parameters: int
    num_tokens: int
    tokens_assumed: bool
    frame_ms: float
    subsampling_factor: int
    receptive_frames: int
    look_ahead_ms: float | None
    step_bytes: int


@dataclass(frozen=True)
class RollSummary:
    """A recipe of music in figures; `past_frames` are those that it hears, None where it is all of them.

    What may be asked of a composer is known from its corpus alone, and its vectors are not counted.
    """

    num_parameters: int
    past_frames: int | None


@dataclass(frozen=True)
class TextSummary:
    """A recipe of text in figures; `past_tokens` are those that it hears, None where it is all of them."""

    num_parameters: int
    num_tokens: int
    tokens_assumed: bool
    past_tokens: int | None


def show(recipe: Recipe) -> Summary | RollSummary | TextSummary:
    """Builds a recipe's model and measures it; the vocabulary is that of its corpus, where that is already here.

    Raises:
        RecipeError, DataError: it cannot be built.
    """
    with enough_memory("take a smaller model, shorter windows or a lower sample rate"):
        if isinstance(recipe, RollsRecipe):
            model = build.next_frame(recipe).model
            return RollSummary(model.num_parameters, model.past_frames)
        if isinstance(recipe, MusicRecipe):
            model = build.next_token(recipe, Conditions({})).model
            return RollSummary(model.num_parameters, model.past_frames)
        if isinstance(recipe, TextRecipe):
            return _text(recipe)
        assert isinstance(recipe, RecognitionRecipe), "the schema knows no other kind"
        return _measured(recipe, *_vocabulary(recipe))


def _text(recipe: TextRecipe) -> TextSummary:
    here = recipe.data.root is not None or home.find(recipe.data.corpus) is not None
    try:
        vocabulary = build.vocabulary_of_text(recipe, build.text(recipe).splits["train"]) if here else None
    except DataError:
        vocabulary = None
    assumed = [chr(first) for first in range(32, 127)]
    if recipe.task.unit == "words":
        assumed = [f"word{number}" for number in range(recipe.task.vocabulary_size)]
    found = vocabulary or Vocabulary(recipe.task.unit, (BLANK, UNKNOWN, *assumed))
    model = build.language(recipe, found).model
    reach = recipe.data.context_length - 1 if recipe.data.context_length else model.past_frames
    return TextSummary(model.num_parameters, len(found) - 1, vocabulary is None, reach)


def _measured(recipe: RecognitionRecipe, tokens: Vocabulary, assumed: bool) -> Summary:
    num_features = build.front_end(recipe.features).num_features
    statistics = ([0.0] * num_features, [1.0] * num_features) if recipe.features.normalize == "global" else None
    task = build.recognition(recipe, tokens, statistics)
    model = task.model
    return Summary(
        num_parameters=model.num_parameters,
        num_tokens=len(tokens),
        tokens_assumed=assumed,
        frame_ms=1000 * task.front_end.hop_length / task.front_end.sample_rate,
        subsampling_factor=model.subsampling_factor,
        receptive_frames=model.receptive_field.size,
        look_ahead_ms=look_ahead_ms(task),
        step_bytes=_step_bytes(recipe, task),
    )


def look_ahead_ms(task: Recognition) -> float | None:
    """Milliseconds of sound after its own frame that an output waits for; None where it waits for the whole.

    All of the right context together: the window of a frame, the convolutions and the look-ahead layer.
    """
    front, ahead = task.front_end, task.model.look_ahead
    return None if ahead is None else 1000 * (ahead * front.hop_length + front.look_ahead_samples) / front.sample_rate


def _vocabulary(recipe: RecognitionRecipe) -> tuple[Vocabulary, bool]:
    data = recipe.data
    here = data.root is not None or home.find(data.corpus) is not None
    if here:
        try:
            return build.vocabulary(recipe.task, build.splits(recipe)["train"]), False
        except DataError:
            pass
    return Vocabulary.build([ASSUMED_TOKENS], "characters"), True


def _step_bytes(recipe: RecognitionRecipe, task: Recognition) -> int:
    """Weights, gradients, optimiser and average, and what autograd keeps for a batch, scaled up from a short one."""
    weights = sum(one.numel() * one.element_size() for one in task.model.parameters())
    copies = 2 + OPTIMIZER_SLOTS[recipe.optim.name] + (1 if recipe.optim.ema else 0)
    seconds = recipe.data.batch_seconds / recipe.data.accumulate * (2 if recipe.task.consistency else 1)
    return weights * copies + int(_kept_bytes(task, recipe.features.sample_rate) * seconds / PROBE_SECONDS)


def _kept_bytes(task: Recognition, sample_rate: int) -> int:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    samples = torch.tensor([int(PROBE_SECONDS * sample_rate)])
    frames: Tensor = task.front_end.num_frames(samples)
    features = torch.zeros(1, int(frames), task.front_end.num_features)
    weights = {one.untyped_storage().data_ptr() for one in task.model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = task.recognize(features, frames)
    del output
    return sum(size for address, size in kept.items() if address not in weights)


def lines(recipe: Recipe, summary: Summary | RollSummary | TextSummary) -> Sequence[str]:
    """The figures for people."""
    if isinstance(summary, TextSummary):
        assumed = " (assumed: the text is not here yet)" if summary.tokens_assumed else ""
        past = "all of the past" if summary.past_tokens is None else f"a token and {summary.past_tokens} before it"
        return [
            f"parameters          {summary.num_parameters:,}",
            f"tokens              {summary.num_tokens}{assumed}",
            f"hears               {past}",
        ]
    if isinstance(summary, RollSummary):
        past = "all of the past" if summary.past_frames is None else f"its own frame and {summary.past_frames} before"
        return [f"parameters          {summary.num_parameters:,}", f"hears               {past}"]
    assert isinstance(recipe, RecognitionRecipe), "whose summary it is"
    assumed = " (assumed: the corpus is not here yet)" if summary.tokens_assumed else ""
    ahead = "the whole recording" if summary.look_ahead_ms is None else f"{summary.look_ahead_ms:.0f} ms"
    factor, field_ms = summary.subsampling_factor, summary.receptive_frames * summary.frame_ms
    mebibytes = summary.step_bytes / 2**20
    return [
        f"parameters          {summary.num_parameters:,}",
        f"tokens              {summary.num_tokens}{assumed}",
        f"frames in           one each {summary.frame_ms:g} ms",
        f"subsampling factor  {factor} (a frame out each {summary.frame_ms * factor:g} ms)",
        f"receptive field     {summary.receptive_frames} frames ({field_ms:.0f} ms), of the convolutions alone",
        f"look-ahead          {ahead}",
        f"memory of a step    about {mebibytes:,.0f} MiB for {recipe.data.batch_seconds:g} s of speech",
    ]
