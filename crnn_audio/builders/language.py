"""From a recipe of text to its parts: the text, its vocabulary, its tokens, task, and training split as batches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.batching.text import Segments, Windows
from crnn_audio.builders.parts import rebuilding
from crnn_audio.config.text import TextRecipe
from crnn_audio.corpora import CORPORA, home, texts
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import SoftmaxHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.runs import Run
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.text import tokens, words
from crnn_audio.text.plain import num_lost, plain
from crnn_audio.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Text:
    """A text by split, written as the recipe wants it, and what a person should know of how."""

    splits: texts.Splits
    remarks: tuple[str, ...] = ()


def text(recipe: TextRecipe, progress: home.Progress | None = None) -> Text:
    """The corpus's text: found or downloaded.

    Raises:
        DataError: it is nowhere and cannot be fetched; it is empty, or not UTF-8.
    """
    data = recipe.data
    corpus = CORPORA[data.corpus]
    folder = home.locate(corpus, Path(data.root) if data.root else None, progress)
    found = corpus.read_splits(folder)
    lost = sum(map(num_lost, found.values())) if data.ascii else 0
    remarks = (f"{data.name}: {lost} characters have no sign in ASCII and are left out.",) if lost else ()
    return Text({split: spelled(recipe, one) for split, one in found.items()}, remarks)


def spelled(recipe: TextRecipe, found: str) -> str:
    """Any text as the recipe writes it."""
    return plain(found, lower_case=recipe.data.lower_case, ascii=recipe.data.ascii)


def vocabulary_of_text(recipe: TextRecipe, training: str) -> Vocabulary:
    """All characters of the training text, or its most frequent words."""
    if recipe.task.unit == "words":
        return words.most_frequent(words.split_words(training), recipe.task.vocabulary_size)
    return Vocabulary.build([training], "characters")


def encoded_text(recipe: TextRecipe, found: Text, vocabulary: Vocabulary) -> dict[str, Int[np.ndarray, " T"]]:
    """The tokens of each split.

    Raises:
        DataError: it is too short to train on, or leaves nothing for dev.
    """
    ids = {split: tokens.encode(one, vocabulary) for split, one in found.splits.items()}
    data, unit, length = recipe.data, recipe.task.unit, len(ids["train"])
    if data.context_length and length < data.context_length:
        raise DataError(
            f"{data.name}: its training part has {length} {unit}, fewer than a window of {data.context_length}. "
            "Take a longer text or lower data.context_length."
        )
    if not data.context_length and length < data.batch_size * data.bptt:
        raise DataError(
            f"{data.name}: its training part has {length} {unit}, fewer than {data.batch_size} rows of a chunk of "
            f"{data.bptt}. Take a longer text, or lower data.batch_size or data.bptt."
        )
    if not len(ids["dev"]):
        raise DataError(f"{data.name}: its last tenth, which would be dev, holds no {unit}. Take a longer text.")
    return ids


def language(recipe: TextRecipe, vocabulary: Vocabulary) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    model = recipe.model
    front = TokenFront(len(vocabulary), model.embedding_size, model.embedding_dropout)
    recurrent = Recurrent(front.output_size, **model.recurrent.model_dump())
    head = SoftmaxHead(
        recurrent.output_size,
        len(vocabulary) - 1,
        front if model.tied else None,
        projection=model.output_projection,
    )
    network, mixed = Crnn(front, recurrent, head), recipe.precision == "bf16"
    return Prediction(network, context_length=recipe.data.context_length, mixed=mixed)


def writing(run: Run) -> Prediction:
    """The model of a run directory, before it is given its weights.

    Raises:
        RunError: the recipe or the vocabulary in it is damaged.
    """
    with rebuilding(run):
        return language(run.language, run.vocabulary)


def text_feed(recipe: TextRecipe, training: Int[np.ndarray, " T"], rank: int = 0, ranks: int = 1) -> SequenceFeed:
    """The training split as global batches, and their order in each epoch; a rank reads its share of each.

    Raises:
        RecipeError: several processes would each carry a state that only the first could save.
    """
    data = recipe.data
    if ranks > 1 and not data.context_length:
        raise RecipeError(
            f"data.bptt: {data.bptt} carries a state from step to step, which {ranks} processes cannot "
            "save together. Train with one process, or by windows (data.context_length)."
        )
    context, segments = data.context_length, Segments(training, data.batch_size, recipe.seed)
    sequences, bptt = (Windows(training, context), 0) if context else (segments, data.bptt)
    return SequenceFeed(sequences, data.batch_size, bptt, recipe.seed, data.accumulate, rank, ranks)
