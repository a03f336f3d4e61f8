"""From a recipe of text to its parts: the text, its vocabulary, its tokens, task, and training split as batches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.batching.text import Segments, Windows
from crnn_audio.builders.parts import rebuilding
from crnn_audio.config.schema import LanguageRecipe
from crnn_audio.corpora import alice, home, text_file, texts, tinyshakespeare
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

TEXTS = {corpus.NAME: corpus for corpus in (tinyshakespeare, alice)}
"""Texts that have a home."""


@dataclass(frozen=True)
class Text:
    """A text by split, written as the recipe wants it, and what a person should know of how."""

    splits: texts.Splits
    remarks: tuple[str, ...] = ()


def text(recipe: LanguageRecipe, progress: home.Progress | None = None) -> Text:
    """The corpus's text: found or downloaded.

    Raises:
        DataError: it is nowhere and cannot be fetched; it is empty, or not UTF-8.
    """
    data = recipe.data
    if data.corpus == text_file.NAME:
        assert data.root is not None, "the schema holds that a file is named"
        found = text_file.read(Path(data.root))
    else:
        corpus = TEXTS[data.corpus]
        found = corpus.read(home.locate(corpus, Path(data.root) if data.root else None, progress))
    lost = sum(map(num_lost, found.values())) if data.ascii else 0
    remarks = (f"{data.name}: {lost} characters have no sign in ASCII and are left out.",) if lost else ()
    return Text({split: spelled(recipe, one) for split, one in found.items()}, remarks)


def corpus_of_text(recipe: LanguageRecipe) -> home.Obtainable:
    """What the recipe's text comes from: home, licence, limits."""
    return text_file if recipe.data.corpus == text_file.NAME else TEXTS[recipe.data.corpus]


def spelled(recipe: LanguageRecipe, found: str) -> str:
    """Any text as the recipe writes it."""
    return plain(found, lower_case=recipe.data.lower_case, ascii=recipe.data.ascii)


def vocabulary_of_text(recipe: LanguageRecipe, training: str) -> Vocabulary:
    """All characters of the training text, or its most frequent words."""
    if recipe.task.unit == "words":
        return words.most_frequent(words.split_words(training), recipe.task.vocabulary_size)
    return Vocabulary.build([training], "characters")


def encoded_text(recipe: LanguageRecipe, found: Text, vocabulary: Vocabulary) -> dict[str, Int[np.ndarray, " T"]]:
    """The tokens of each split.

    Raises:
        DataError: it is too short to train on, or leaves nothing for dev.
    """
    ids = {split: tokens.encode(one, vocabulary) for split, one in found.splits.items()}
    data, unit, length = recipe.data, recipe.task.unit, len(ids["train"])
    if data.window and length < data.window:
        raise DataError(
            f"{data.name}: its training part has {length} {unit}, fewer than a window of {data.window}. Take a longer "
            "text or lower data.window."
        )
    if not data.window and length < data.batch_rows * data.chunk_tokens:
        raise DataError(
            f"{data.name}: its training part has {length} {unit}, fewer than {data.batch_rows} rows of a chunk of "
            f"{data.chunk_tokens}. Take a longer text, or lower data.batch_rows or data.chunk_tokens."
        )
    if not len(ids["dev"]):
        raise DataError(f"{data.name}: its last tenth, which would be dev, holds no {unit}. Take a longer text.")
    return ids


def language(recipe: LanguageRecipe, vocabulary: Vocabulary) -> Prediction:
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
    return Prediction(network, context_length=recipe.data.window, mixed=mixed)


def writing(run: Run) -> Prediction:
    """The model of a run directory, before it is given its weights.

    Raises:
        RunError: the recipe or the vocabulary in it is damaged.
    """
    with rebuilding(run):
        return language(run.language, run.vocabulary)


def text_feed(recipe: LanguageRecipe, training: Int[np.ndarray, " T"], rank: int = 0, ranks: int = 1) -> SequenceFeed:
    """The training split as global batches, and their order in each epoch; a rank reads its share of each.

    Raises:
        RecipeError: several processes would each carry a state that only the first could save.
    """
    data = recipe.data
    if ranks > 1 and not data.window:
        raise RecipeError(
            f"data.chunk_tokens: {data.chunk_tokens} carries a state from step to step, which {ranks} processes cannot "
            "save together. Train with one process, or by windows (data.window)."
        )
    bptt = 0 if data.window else data.chunk_tokens
    sequences = Windows(training, data.window) if bptt == 0 else Segments(training, data.batch_rows, recipe.seed)
    return SequenceFeed(sequences, data.batch_rows, bptt, recipe.seed, data.accumulate, rank, ranks)
