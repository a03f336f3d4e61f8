"""From a recipe of piano rolls to its parts: pieces, task, and the training split as batches."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from crnn_audio.batching import rolls
from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.builders.parts import model
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.corpora import home, piano_rolls
from crnn_audio.corpora.piano_rolls import Piece
from crnn_audio.errors import RecipeError
from crnn_audio.models.heads import KeysHead, SigmoidHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.symbolic.pianoroll import NUM_KEYS
from crnn_audio.tasks.prediction import Prediction

KEYS_HEADS: dict[str, Callable[..., KeysHead]] = {"sigmoid": SigmoidHead, "nade": NadeHead}


def pieces(recipe: RollsRecipe, progress: home.Progress | None = None) -> dict[str, list[Piece]]:
    """The collection's pieces by split: found or downloaded.

    Raises:
        DataError: it is nowhere and cannot be fetched, or it is damaged.
    """
    data = recipe.data
    folder = home.locate(piano_rolls, Path(data.root) if data.root else None, progress)
    return piano_rolls.read_splits(folder, data.collection)


def next_frame(recipe: RollsRecipe) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    head = recipe.model.head
    options = head.model_dump(exclude={"kind"})
    num_inputs = NUM_KEYS + (rolls.COPY_SIZE if recipe.data.copy_context else 0)
    network = model(recipe.model, num_inputs, lambda size: KEYS_HEADS[head.kind](size, NUM_KEYS, **options))
    return Prediction(network, mixed=recipe.precision == "bf16")


def roll_feed(recipe: RollsRecipe, training: Sequence[Piece], rank: int = 0, ranks: int = 1) -> SequenceFeed:
    """The training split as global batches, and their order in each epoch; a rank reads its share of each.

    Raises:
        RecipeError: several processes would each carry a state that only the first could save.
    """
    if ranks > 1 and recipe.data.bptt:
        raise RecipeError(
            f"data.bptt: {recipe.data.bptt} carries a state from step to step, which {ranks} processes "
            "cannot save together. Train with one process, or whole pieces (data.bptt=0)."
        )
    played, ids = [piece.roll for piece in training], [piece.id for piece in training]
    return SequenceFeed(
        rolls.Rolls.of(played, ids, copy_context=recipe.data.copy_context),
        batch_size=recipe.data.batch_size,
        bptt=recipe.data.bptt,
        seed=recipe.seed,
        accumulate=recipe.data.accumulate,
        rank=rank,
        ranks=ranks,
    )
