"""What a recipe needs before its first step: a run directory, a task, batches to train on and a judge, by its kind."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from crnn_audio import build, runs
from crnn_audio.batching import checks, loader, plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.music import EncodedPiece, Pieces
from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import whole
from crnn_audio.batching.text import running
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.console import ProgressBar
from crnn_audio.corpora.piano_rolls import Piece
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.runs import Run
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.composing import Request, compose
from crnn_audio.tasks.judging import (
    Judgement,
    RecognitionJudgement,
    judge_next_frame,
    judge_next_token,
    judge_recognition,
)
from crnn_audio.tasks.judging_text import judge_language
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.recognition import Recognition
from crnn_audio.tasks.writing import UNKNOWN_ID, drawn
from crnn_audio.text import tokens
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import init, start
from crnn_audio.training.ranks import Ranks
from crnn_audio.training.start import Say
from crnn_audio.training.step import TrainingBatch

Task = Recognition | Prediction
METRICS = {
    "recognition": "wer",
    "rolls": "nats_per_frame",
    "music": "nats_per_note",
    "text": "nats_per_character",
}
"""What chooses between models, by kind of task."""
SAMPLE_QUARTERS = 32.0
"""Length of the piece that a composer writes at each evaluation."""
JUDGED_ROWS = 32
"""Pieces that are judged side by side."""
PRIMER_TOKENS = 10
"""Of a text that a writer goes on from at each evaluation, where it hears no window."""


@runtime_checkable
class PlannedFeed(Protocol):
    """The loop's feed, which also knows how long an epoch is."""

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        ...

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[TrainingBatch]]:
        """This process's parts of each global batch, from step `start` on."""
        ...


@dataclass(frozen=True)
class Ready:
    """What the loop is fed with; `unit` is what a batch's amount is counted in, `seen` what all ranks must share."""

    run: Run
    task: Task
    feed: PlannedFeed
    judge: Callable[[int], Judgement] | None
    unit: str
    seen: object


@dataclass(frozen=True)
class Beginning:
    """Where a run begins or goes on: what the caller of `train` gave, and the run if it is there already."""

    path: Path
    run: Run | None
    recipe_path: str | None
    num_threads: int
    device: torch.device
    precision: str
    ranks: Ranks
    say: Say


def ready(recipe: Recipe, beginning: Beginning) -> Ready:
    """Corpus, run directory, initial model and batches of a recipe of any kind.

    Raises:
        RecipeError, DataError, RunError: something to mend, said in the message.
    """
    with ProgressBar(quiet=not beginning.ranks.leads) as progress:
        if isinstance(recipe, RecognitionRecipe):
            return _speech(recipe, beginning, progress)
        if isinstance(recipe, RollsRecipe):
            return _rolls(recipe, beginning, progress)
        if isinstance(recipe, MusicRecipe):
            return _events(recipe, beginning, progress)
        assert isinstance(recipe, TextRecipe), "the schema knows no other kind"
        return _text(recipe, beginning, progress)


def _speech(recipe: RecognitionRecipe, beginning: Beginning, progress: ProgressBar) -> Ready:
    run, device, ranks, say = beginning.run, beginning.device, beginning.ranks, beginning.say
    splits = build.splits(recipe, progress)
    training = build.required(splits, "train", recipe.data.name)
    if recipe.data.dev_as_train and not splits.get("dev"):
        raise DataError(f"{recipe.data.name}: has no dev, which data.dev_as_train would train on. Leave that away.")
    source = init.source(recipe)
    vocabulary = run.vocabulary if run else _vocabulary(recipe, source, training)
    usable, left_out = start.usable(recipe, vocabulary, splits, progress, say)
    if ranks.leads:
        if run is None:
            for line in init.told(str(recipe.init), source.vocabulary, vocabulary) if source else ():
                say(line)
            statistics = source.statistics if source else start.statistics(recipe, usable, say)
            run = _begun(recipe, beginning, vocabulary, statistics)
        start.list_left_out(run, left_out, len(training), say)
    run = run or runs.open_run(beginning.path)
    recipe = run.speech
    task = build.of_run(run)
    if source:
        init.load(source, task.model)
    task.to(device)
    feed = build.feed(recipe, usable, pin_memory=device.type == "cuda", rank=ranks.rank, ranks=ranks.count)
    held_out = None if recipe.data.dev_as_train else splits.get("dev")
    development = build.cuts(recipe, held_out, run.vocabulary) if held_out else None
    judged = (lambda _: judge(task, development, device, 2 * recipe.data.batch_seconds)) if development else None
    return Ready(run, task, feed, judged, "s", [(cut.id, cut.duration, cut.text) for cut in usable.cuts])


def _begun(
    recipe: Recipe,
    beginning: Beginning,
    vocabulary: Vocabulary | None,
    statistics: build.Statistics | None,
    conditions: Conditions | None = None,
) -> Run:
    given = beginning
    return start.begun(
        given.path, recipe, vocabulary, statistics, given.num_threads, given.recipe_path, conditions, given.precision
    )


def _vocabulary(recipe: RecognitionRecipe, source: Run | None, training: Sequence[Cut]) -> Vocabulary:
    if source is None:
        return build.vocabulary(recipe.task, training)
    return init.grown(source.vocabulary, (cut.text for cut in training))


def judge(task: Recognition, cuts: Cuts, device: torch.device, budget: float, workers: int = 0) -> RecognitionJudgement:
    """One pass over a split."""
    planned = plan.in_order([cut.duration for cut in cuts.cuts], budget=budget)
    batches = loader.batches(cuts, [(0, batch) for batch in planned], workers=workers)
    references = {cut.id: cut.text for cut in cuts.cuts}
    return judge_recognition(task, (one.to(device) for one in batches), references, Greedy())


def _rolls(recipe: RollsRecipe, beginning: Beginning, progress: ProgressBar) -> Ready:
    pieces = build.pieces(recipe, progress)
    training = build.required(pieces, "train", recipe.data.name)
    run, device, ranks = beginning.run, beginning.device, beginning.ranks
    if run is None and ranks.leads:
        run = _begun(recipe, beginning, None, None)
    run = run or runs.open_run(beginning.path)
    task = build.next_frame(recipe)
    task.to(device)
    feed = build.roll_feed(recipe, training, rank=ranks.rank, ranks=ranks.count)
    development = pieces["dev"]
    judged = (lambda _: _judge_rolls(task, development, device, recipe.data.copy_context)) if development else None
    return Ready(run, task, feed, judged, "frames", [(piece.id, len(piece.roll)) for piece in training])


def _judge_rolls(task: Prediction, pieces: Sequence[Piece], device: torch.device, recall: bool) -> Judgement:
    split = Rolls.of([piece.roll for piece in pieces], [piece.id for piece in pieces], copy_context=recall)
    return judge_next_frame(task, (one.to(device) for one in whole(split, JUDGED_ROWS)))


def _events(recipe: MusicRecipe, beginning: Beginning, progress: ProgressBar) -> Ready:
    music = build.music(recipe, progress)
    training = build.required(music.splits, "train", recipe.data.name)
    run, device, ranks = beginning.run, beginning.device, beginning.ranks
    known = run.conditions if run else build.known_conditions(recipe, training)
    usable = build.encoded(recipe, training, known)
    development = build.encoded(recipe, music.splits.get("dev", []), known)
    findings = [Finding(name, problem) for name, problem in usable.left_out.items()]
    checks.refuse_if_many(findings, len(training), f"{recipe.data.name}, split train", tolerated=0.5)
    if ranks.leads:
        run = run or _begun(recipe, beginning, None, None, known)
        for problem in music.problems:
            beginning.say(f"{recipe.data.name}: {problem}")
        start.list_left_out(run, findings, len(training), beginning.say)
    run = run or runs.open_run(beginning.path)
    task = build.composing(run)
    task.to(device)
    feed = build.event_feed(recipe, usable.pieces, known, rank=ranks.rank, ranks=ranks.count)
    judged = (lambda _: _judge_events(recipe, task, development.pieces, known, device)) if development.pieces else None
    return Ready(run, task, feed, judged, "rows", [(piece.id, len(piece.rows)) for piece in usable.pieces])


def _judge_events(
    recipe: MusicRecipe, task: Prediction, pieces: Sequence[EncodedPiece], known: Conditions, device: torch.device
) -> Judgement:
    representation = build.REPRESENTATIONS[recipe.data.representation]
    batches = whole(Pieces([[piece] for piece in pieces], task.reads_ahead), JUDGED_ROWS)
    sample = _sample(recipe, task, pieces[0], known)
    return judge_next_token(task, (one.to(device) for one in batches), representation, sample)


def _sample(recipe: MusicRecipe, task: Prediction, like: EncodedPiece, known: Conditions) -> Score:
    """A short piece in the key and so on of one of dev, always by the same random numbers."""
    representation = build.REPRESENTATIONS[recipe.data.representation]
    about = build.as_rows(recipe.data, build.about(known.named(like.condition.tolist()), title="sample"))
    request = Request(about, tuple(like.condition.tolist()), recipe.seed, like.rows[:0], None, SAMPLE_QUARTERS, 512)
    (drawn,) = compose(task, representation, [request], Sampling(seed=recipe.seed))
    return build.score_of(recipe.data, drawn.rows, about)


def _text(recipe: TextRecipe, beginning: Beginning, progress: ProgressBar) -> Ready:
    text = build.text(recipe, progress)
    run, device, ranks = beginning.run, beginning.device, beginning.ranks
    vocabulary = run.vocabulary if run else build.vocabulary_of_text(recipe, text.splits["train"])
    ids = build.encoded_text(recipe, text, vocabulary)
    feed = build.text_feed(recipe, ids["train"], rank=ranks.rank, ranks=ranks.count)
    if ranks.leads:
        run = run or _begun(recipe, beginning, vocabulary, None)
        for remark in (*text.remarks, *_about(recipe, text.splits["dev"], vocabulary)):
            beginning.say(remark)
    run = run or runs.open_run(beginning.path)
    task = build.writing(run)
    task.to(device)
    num_characters = len(text.splits["dev"])
    judged = partial(_judge_text, recipe, task, ids["dev"], num_characters, vocabulary)
    return Ready(run, task, feed, judged, recipe.task.unit, plan.key(text.splits["train"]))


def _about(recipe: TextRecipe, dev: str, vocabulary: Vocabulary) -> list[str]:
    unit, unknown = recipe.task.unit, tokens.unknown(dev, vocabulary)
    if not unknown:
        return []
    share = (tokens.encode(dev, vocabulary) == UNKNOWN_ID).mean()
    return [f"dev: {len(unknown)} {unit} ({share:.2%} of its text) are not in the vocabulary, such as {unknown[0]!r}."]


def _judge_text(
    recipe: TextRecipe,
    task: Prediction,
    dev: Int[np.ndarray, " T"],
    num_characters: int,
    vocabulary: Vocabulary,
    epoch: int,
) -> Judgement:
    """Dev, and what the model writes after some of it: from a place that the seed and the epoch decide."""
    size = min(task.context_length or PRIMER_TOKENS, len(dev))
    generator = np.random.default_rng(plan.key(recipe.seed, epoch, "sample"))
    start = int(generator.integers(len(dev) - size + 1))
    primer = dev[start : start + size].tolist()
    stream = drawn(task, primer, [int(generator.integers(2**31))], Sampling())
    sample = [int(token) for (token,), _ in islice(stream, recipe.task.sample_tokens)]
    return judge_language(
        task,
        running(dev, task.context_length),
        num_characters,
        tokens.decode(primer, vocabulary),
        tokens.decode(sample, vocabulary),
    )
