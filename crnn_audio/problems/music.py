"""Music: pieces as rows of tokens, each row predicted from those before it; and pieces generated so (one-to-many)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio.batching import checks, sequence
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.music import Augmentation, Pieces
from crnn_audio.batching.music import EncodedPiece as Piece
from crnn_audio.batching.sequence import SequenceFeed
from crnn_audio.config.music import MusicRecipe
from crnn_audio.corpora import CORPORA, midi_folder, tunes
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.tunes import Tune
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding
from crnn_audio.inference.music.composer import Composer
from crnn_audio.inference.music.encoding import REPRESENTATIONS
from crnn_audio.inference.music.outputs import ScoreSample
from crnn_audio.metrics.comparison import compare
from crnn_audio.metrics.music import statistics
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.embedding import RowFront
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts
from crnn_audio.runs import Run
from crnn_audio.symbolic import conditions
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.representation import MOST_BARS_LEFT, PitchColumn, Representation, Rows, contexts_of
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.music_generation import Request, generate, token_nats
from crnn_audio.tasks.prediction import Prediction

Recipe = MusicRecipe
METRIC = "nats_per_note"
OPTIONS = frozenset[str]()
COUNTED = {"bars", "pickup", "form"}
RARE = 5
"""A number of bars, a pickup or a form that fewer training pieces have is not a condition."""
BATCH_SIZE = 32
"""Pieces that are scored side by side."""
SAMPLE_QUARTERS = 32.0
"""Length of the piece that is generated at each evaluation, in quarter notes."""
SAMPLE_ROWS = 512
"""Rows after which it ends in any case."""
FORMS = {
    "chorale": "four voices on the sixteenth",
    "melody": "melodies, note by note",
    "quartet": "four voices on the sixteenth, pitches alone",
}
"""What a model generates, by its representation."""


@dataclass(frozen=True)
class Assets:
    """What a piece may be asked to be."""

    conditions: Conditions

    def save(self, folder: Path) -> None:
        """Writes conditions.json."""
        self.conditions.save(folder / "conditions.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads conditions.json."""
        return cls(Conditions.load(folder / "conditions.json", normalize_keys=recipe.data.normalize_keys))


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's pieces; of each file that holds none the reason is a remark, and what was changed in the others."""
    corpus, folder = parts.located(recipe, progress)
    if corpus.NAME != midi_folder.NAME:
        return Data(corpus.read_splits(folder), ("dev", "test"))
    found = midi_folder.read(folder, recipe.data.representation)
    remarks = tuple(f"{recipe.data.name}: {said}" for said in (*found.problems, found.summary) if said)
    return Data(tunes.split(found.tunes), ("dev", "test"), remarks)


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """All conditions: what the training pieces say of themselves, transposed ones too."""
    own = [condition_of(tune) for tune in data.items["train"]]
    counts = Counter((name, one[name]) for one in own for name in COUNTED & one.keys())
    known = [
        {name: value for name, value in one.items() if name not in COUNTED or counts[name, value] >= RARE}
        for one in own
    ]
    span = range(-recipe.data.transpose, recipe.data.transpose + 1)
    every = (conditions.transpose_condition(one, semitones) for one in known for semitones in span)
    ranges = encoding.ranges_of([tune.score for tune in data.items["train"]])
    return Assets(Conditions.of(every, known, normalize_keys=recipe.data.normalize_keys, ranges=ranges))


def condition_of(tune: Tune) -> dict[str, str]:
    """What a piece says of itself, its key with six sharps or flats at most, and what its notes say of it."""
    return conditions.transpose_condition(tune.condition, 0) | encoding.own_condition(tune.score)


@dataclass(frozen=True)
class Encoded:
    """Pieces as tokens, and the pieces that the representation does not hold, each with the reason."""

    pieces: list[Piece]
    findings: tuple[Finding, ...]


def encoded(recipe: Recipe, chosen: Sequence[Tune], known: Conditions) -> Encoded:
    """Pieces as tokens; a condition that the model does not know is left out."""
    held, findings = list[tuple[Tune, Rows, Score]](), list[Finding]()
    for tune in chosen:
        try:
            piece, _ = encoding.with_key(recipe.data, tune.score)
            held.append((tune, encoding.rows_of(recipe.data, piece), encoding.as_rows(recipe.data, piece)))
        except DataError as error:
            findings.append(Finding(tune.id, str(error)))
    representation = REPRESENTATIONS[recipe.data.representation]
    contexts = contexts_of(representation, [rows for _, rows, _ in held], [about for *_, about in held])
    pieces = [
        Piece(
            tune.id, rows, encoding.context_of(recipe.data, rows, context, tune.score), _ids(known, condition_of(tune))
        )
        for (tune, rows, _), context in zip(held, contexts, strict=True)
    ]
    return Encoded(pieces, tuple(findings))


def _ids(known: Conditions, condition: Mapping[str, str]) -> np.ndarray:
    return np.array(known.ids(known.usable(condition)), dtype=np.int64)


def _transpositions(recipe: Recipe, piece: Piece, known: Conditions) -> Iterator[Piece]:
    """A piece in all keys that the recipe allows and the representation holds, the original among them."""
    representation = REPRESENTATIONS[recipe.data.representation]
    condition = known.named(piece.condition.tolist())
    for semitones in range(-recipe.data.transpose, recipe.data.transpose + 1):
        rows = representation.transposed(piece.rows, semitones)
        if rows is not None:
            ids = _ids(known, conditions.transpose_condition(condition, semitones))
            yield Piece(piece.id, rows, representation.transposed_context(piece.context, semitones), ids)


def task(recipe: Recipe, assets: Assets) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    representation, model = REPRESENTATIONS[recipe.data.representation], recipe.model
    columns = [size + 1 for size in representation.VOCABULARY]
    left = [MOST_BARS_LEFT + 1] if recipe.data.bars_left else []
    encoder = None
    if model.encoder:
        encoder = Recurrent(len(columns) * model.embedding_size, **model.encoder.model_dump(), bidirectional=True)
    front = RowFront(
        [*columns, *representation.CONTEXT_SIZES, *left, *assets.conditions.sizes],
        model.embedding_size,
        columns if encoder else (),
        encoder,
    )
    recurrent = Recurrent(front.output_size, **model.recurrent.model_dump())
    head = AutoregressiveHead(
        recurrent.output_size,
        representation.VOCABULARY,
        model.head_size,
        model.head_dropout,
        pitch_columns(representation, front) if model.intervals else (),
        model.interval_gain,
    )
    return Prediction(Crnn(front, recurrent, head), mixed=recipe.precision == "bf16")


def pitch_columns(representation: Representation, front: RowFront) -> list[PitchColumn]:
    """Where the pitches stand in what the front reads; those of fixed voices come last."""
    first = front.num_known if front.num_fixed else None
    return [replace(one, fixed=None if first is None else first + one.place) for one in representation.PITCHED]


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: the representation does not hold most of the pieces.
    """
    section, known, training = recipe.data, assets.conditions, data.items["train"]
    usable = encoded(recipe, training, known)
    checks.refuse_if_many(usable.findings, len(training), f"{section.name}, split train", tolerated=0.5)
    melody = REPRESENTATIONS[section.representation].PITCHED[0].place
    task = recipe.task
    varied = Augmentation(recipe.seed, task.fixed_voice_probability, melody, task.condition_dropout, section.bars_left)
    choices = [list(_transpositions(recipe, piece, known)) for piece in usable.pieces]
    pieces = Pieces(choices, recipe.model.encoder is not None, varied)
    batches = SequenceFeed(pieces, section.batch_size, section.bptt, recipe.seed, section.accumulate, rank, ranks)
    fingerprint = [(piece.id, len(piece.rows)) for piece in usable.pieces]
    return Feed(batches, "rows", fingerprint, usable.findings)


def scores(task: Prediction, recipe: Recipe, assets: Assets, items: Sequence[Tune], options: ScoreOptions) -> Scores:
    """Predicts whole pieces, nothing of which is fixed; and compares what the model generates with them."""
    held = encoded(recipe, items, assets.conditions).pieces
    pieces = tuple(_scored(task, recipe, held))
    notes, nats = sum(piece.count for piece in pieces), sum(piece.nats for piece in pieces)
    mean_over_pieces = sum(piece.nats / piece.count for piece in pieces) / len(pieces)
    details = [f"{nats / notes:.3f} nats a note; {mean_over_pieces:.3f} as the mean over pieces"]
    figures: dict[str, Any] = {"mean_over_pieces": mean_over_pieces, "pieces": len(pieces), "notes": notes}
    sample = _sample(task, recipe, assets, held[0]) if options.epoch is not None else None
    if sample:
        figures |= {f"sample_{name}": rate for name, rate in statistics([sample]).rates.items()}
    if options.training and options.num_generated:
        like = items[: options.num_generated]
        composer = Composer(None, task, recipe.data, assets.conditions, recipe.generation)
        generated = generated_like(composer, like, composer.sampling)
        comparison = compare(generated, *([tune.score for tune in split] for split in (items, options.training)))
        details += [line.removeprefix("  ") for line in comparison.lines()]
        figures["comparison"] = comparison.as_dict()
    return Scores(
        metrics={METRIC: nats / notes},
        loss=nats / notes,
        counts=f"{len(pieces)} pieces, {notes} notes predicted",
        details=tuple(details),
        figures=figures,
        items=pieces,
        sample=ScoreSample(sample) if sample else None,
    )


def _scored(task: Prediction, recipe: Recipe, pieces: Sequence[Piece]) -> Iterator[parts.ScoredPiece]:
    representation, device = REPRESENTATIONS[recipe.data.representation], parts.device_of(task)
    for batch in sequence.whole(Pieces([[piece] for piece in pieces], task.reads_ahead), BATCH_SIZE):
        found = token_nats(task, batch.to(device))
        for piece_id, targets, nats in zip(batch.cut_ids, batch.targets.numpy(), found, strict=True):
            rows = targets[: len(nats)]
            counted = float(nats[representation.counted(rows)].sum())
            yield parts.ScoredPiece("note", piece_id, counted, representation.num_notes(rows))


def _sample(task: Prediction, recipe: Recipe, assets: Assets, like: Piece) -> Score:
    """A short piece under the conditions of one of dev, always from the same random numbers."""
    ids = tuple(like.condition.tolist())
    about = encoding.as_rows(recipe.data, encoding.about(assets.conditions.named(ids), title="sample"))
    request = Request(about, ids, recipe.seed, like.rows[:0], None, SAMPLE_QUARTERS, SAMPLE_ROWS)
    representation = REPRESENTATIONS[recipe.data.representation]
    (generated,) = generate(task, representation, [request], Sampling(seed=recipe.seed))
    return encoding.score_of(recipe.data, generated.rows, about)


def generated_like(composer: Composer, chosen: Sequence[Tune], sampling: Sampling) -> list[Score]:
    """A piece under the conditions of each of these, as far as the model knows them; seeds follow one another."""
    return [
        composer.generate(
            condition=composer.conditions.usable(condition_of(tune)),
            sampling=replace(sampling, seed=sampling.seed + place),
        ).score
        for place, tune in enumerate(chosen)
    ]


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Nothing: other pieces are encoded in the same way."""
    return []


def inputs(recipe: Recipe) -> str:
    """What the network reads."""
    return f"{recipe.data.representation}, copy context"


def opened(run: Run, recipe: Recipe, assets: Assets, task: Prediction) -> Composer:
    """What `load` returns."""
    return Composer(run, task, recipe.data, assets.conditions, recipe.generation)


def summary(recipe: Recipe) -> Summary:
    """The model in figures; the vectors of conditions, which only the corpus knows, are not counted."""
    with parts.outlined():
        return parts.summary_of(task(recipe, Assets(Conditions({}))).model, "row")


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    return [["generate", model, "--num", "3", "--out", f"{model}-tunes"]]


def card(run: Run, recipe: Recipe, assets: Assets, task: Prediction, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    fixed = ", and layers of both directions that read fixed voices ahead" if recipe.model.encoder else ""
    columns = {"nats a note": lambda one: f"{one.value:.3f}", "pieces": cards.figure("pieces")}
    known = [f"- `{name}`: {assets.conditions.listed(name)}" for name in assets.conditions.values]
    return Card(
        f"Generates {FORMS[recipe.data.representation]}: {cards.layers(recipe)} and a softmax for each token of a row, "
        f"one after the other{fixed}",
        cards.table(scores, columns, "Of these very files, nothing fixed.\n"),
        {"Conditions": "\n".join(known) or "None.", "Generation": _defaults(recipe)},
    )


def _defaults(recipe: Recipe) -> str:
    own = recipe.generation
    return (
        f"By default at temperature {own.temperature:g}, top-p {own.top_p:g} and {own.tempo:g} quarter notes a minute."
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Counts pieces and notes of each split; of a folder of files as melodies, with what is left out and changed."""
    splits: Mapping[str, Sequence[Tune]]
    remarks = list[str]()
    if name == midi_folder.NAME:
        found = midi_folder.read(folder)
        splits = tunes.split(found.tunes)
        remarks += [*found.problems, *filter(None, [found.summary])]
    else:
        splits = CORPORA[name].read_splits(folder)
    rows = tuple(
        {"split": split, "pieces": len(chosen), "notes": sum(len(tune.score.notes) for tune in chosen)}
        for split, chosen in splits.items()
    )
    left_out = tunes.left_out(folder) if (folder / tunes.LEFT_OUT).exists() else {}
    if left_out:
        first, reason = next(iter(left_out.items()))
        remarks.append(f"Left out {len(left_out)}, each with its reason in {tunes.LEFT_OUT}; {first}: {reason}.")
    return Inspection(rows, remarks=tuple(remarks))
