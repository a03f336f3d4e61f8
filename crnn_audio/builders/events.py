"""From a recipe of music to its parts: pieces as tokens, what may be asked for, task, training split as batches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from crnn_audio.batching.music import Augmentation, EncodedPiece, Pieces
from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.builders.parts import rebuilding
from crnn_audio.builders.scores import REPRESENTATIONS, as_rows, keyed, own_condition, rows_of
from crnn_audio.config.music import MusicRecipe
from crnn_audio.corpora import CORPORA, home, midi_folder
from crnn_audio.corpora.tunes import Tune, divided
from crnn_audio.errors import DataError
from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.runs import Run
from crnn_audio.symbolic import conditions
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.representation import PitchColumn, Representation, Rows, told_of_all
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.prediction import Prediction

COUNTED = {"bars", "pickup"}
RARE = 5
"""A number of bars, or a pickup, that fewer training pieces have is not told."""


@dataclass(frozen=True)
class Music:
    """Pieces by split; and of each file that holds none the reason."""

    splits: dict[str, list[Tune]]
    problems: tuple[str, ...] = ()


def music(recipe: MusicRecipe, progress: home.Progress | None = None) -> Music:
    """The corpus's pieces: found, made or downloaded.

    Raises:
        DataError: it is nowhere and cannot be had, or it is damaged.
    """
    data = recipe.data
    if data.corpus == midi_folder.NAME:
        assert data.root is not None, "the schema holds that a folder is named"
        found = midi_folder.read(Path(data.root), data.representation)
        return Music(divided(found.tunes), tuple(found.problems))
    corpus = CORPORA[data.corpus]
    folder = home.locate(corpus, Path(data.root) if data.root else None, progress)
    return Music(dict(corpus.read_splits(folder)))


@dataclass(frozen=True)
class Encoded:
    """A split as tokens, and the pieces that the representation does not hold, each with the reason."""

    pieces: list[EncodedPiece]
    left_out: dict[str, str]


def condition_of(tune: Tune) -> dict[str, str]:
    """What a piece says of itself, its key with six sharps or flats at most, and what its notes say of it."""
    return conditions.transposed(tune.condition, 0) | own_condition(tune.score)


def known_conditions(recipe: MusicRecipe, training: Sequence[Tune]) -> Conditions:
    """All that may be asked for: what the training pieces say of themselves, transposed ones too."""
    told = [condition_of(tune) for tune in training]
    counts = Counter((name, one[name]) for one in told for name in COUNTED & one.keys())
    told = [
        {name: value for name, value in one.items() if name not in COUNTED or counts[name, value] >= RARE}
        for one in told
    ]
    span = range(-recipe.data.transpose, recipe.data.transpose + 1)
    every = (conditions.transposed(one, semitones) for one in told for semitones in span)
    return Conditions.of(every, told, at_home=recipe.data.normalize_keys)


def encoded(recipe: MusicRecipe, chosen: Sequence[Tune], known: Conditions) -> Encoded:
    """Pieces as tokens; a condition that the model does not know is not told."""
    representation = REPRESENTATIONS[recipe.data.representation]
    held, left_out = list[tuple[Tune, Rows, Score]](), dict[str, str]()
    for tune in chosen:
        try:
            piece, _ = keyed(recipe.data, tune.score)
            held.append((tune, rows_of(recipe.data, piece), as_rows(recipe.data, piece)))
        except DataError as error:
            left_out[tune.id] = str(error)
    told = told_of_all(representation, [rows for _, rows, _ in held], [about for *_, about in held])
    pieces = [
        EncodedPiece(tune.id, rows, known_before, _ids(known, condition_of(tune)))
        for (tune, rows, _), known_before in zip(held, told, strict=True)
    ]
    return Encoded(pieces, left_out)


def _ids(known: Conditions, condition: Mapping[str, str]) -> np.ndarray:
    return np.array(known.ids(known.usable(condition)), dtype=np.int64)


def variants(recipe: MusicRecipe, pieces: Sequence[EncodedPiece], known: Conditions) -> list[list[EncodedPiece]]:
    """Each piece in all transpositions that the recipe allows and the representation holds, the original among them."""
    return [_variants(recipe, piece, known) for piece in pieces]


def _variants(recipe: MusicRecipe, piece: EncodedPiece, known: Conditions) -> list[EncodedPiece]:
    representation = REPRESENTATIONS[recipe.data.representation]
    condition = known.named(piece.condition.tolist())
    found = []
    for semitones in range(-recipe.data.transpose, recipe.data.transpose + 1):
        rows = representation.transposed(piece.rows, semitones)
        if rows is not None:
            ids = _ids(known, conditions.transposed(condition, semitones))
            found.append(EncodedPiece(piece.id, rows, representation.retold(piece.context, semitones), ids))
    return found


def next_token(recipe: MusicRecipe, known: Conditions) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    representation, model = REPRESENTATIONS[recipe.data.representation], recipe.model
    columns = [size + 1 for size in representation.VOCABULARY]
    encoder = None
    if model.encoder:
        encoder = Recurrent(len(columns) * model.embedding_size, **model.encoder.model_dump(), bidirectional=True)
    front = RowFront(
        [*columns, *representation.TOLD_SIZES, *known.sizes],
        model.embedding_size,
        columns if encoder else (),
        encoder,
    )
    recurrent = Recurrent(front.output_size, **model.recurrent.model_dump())
    voices = pitch_columns(representation, front) if model.intervals else ()
    head = AutoregressiveHead(
        recurrent.output_size,
        representation.VOCABULARY,
        model.head_size,
        model.head_dropout,
        voices,
        model.interval_gain,
    )
    return Prediction(Crnn(front, recurrent, head), mixed=recipe.precision == "bf16")


def pitch_columns(representation: Representation, front: RowFront) -> list[PitchColumn]:
    """Where in what the front reads the pitches stand; those that are given come last."""
    first = front.num_known if front.num_fixed else None
    return [replace(one, given=None if first is None else first + one.place) for one in representation.PITCHED]


def composing(run: Run) -> Prediction:
    """The model of a run directory, before it is given its weights.

    Raises:
        RunError: the recipe or the conditions in it are damaged.
    """
    with rebuilding(run):
        return next_token(run.events, run.conditions)


def event_feed(
    recipe: MusicRecipe, training: Sequence[EncodedPiece], known: Conditions, rank: int = 0, ranks: int = 1
) -> SequenceFeed:
    """The training split as global batches, and their order in each epoch; a rank reads its share of each."""
    data = recipe.data
    melody = REPRESENTATIONS[data.representation].PITCHED[0].place
    augmentation = Augmentation(recipe.seed, recipe.task.fixed_voice_probability, melody, recipe.task.condition_dropout)
    pieces = Pieces(variants(recipe, training, known), recipe.model.encoder is not None, augmentation)
    return SequenceFeed(pieces, data.batch_size, data.bptt, recipe.seed, data.accumulate, rank, ranks)
