"""Transduction: one sequence of tokens is read whole and another is written (many-to-many, different lengths)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crnn_audio.batching import pairs as batching
from crnn_audio.batching import plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.pairs import PairFeed, TokenPair
from crnn_audio.config.transduction import TransductionRecipe
from crnn_audio.corpora import CORPORA
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.pairs import Pair
from crnn_audio.decoding.sequence_beam import SearchOptions
from crnn_audio.errors import DataError
from crnn_audio.inference.transducer import Transducer
from crnn_audio.metrics.scores import Scores
from crnn_audio.metrics.transduction import ScoredPair, scores_of
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.encoder_decoder import Decoder, EncoderDecoder, Memory
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts
from crnn_audio.runs import Run
from crnn_audio.tasks.transduction import Transduction
from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

Recipe = TransductionRecipe
METRIC = "wer"
OPTIONS = frozenset[str]()
"""The fraction of targets that are not exactly right, whatever else is evaluated."""


@dataclass(frozen=True)
class Assets:
    """The tokens of sources and of targets."""

    source: Vocabulary
    target: Vocabulary

    def save(self, folder: Path) -> None:
        """Writes source.json and target.json."""
        self.source.save(folder / "source.json")
        self.target.save(folder / "target.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads them."""
        return cls(Vocabulary.load(folder / "source.json"), Vocabulary.load(folder / "target.json"))


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's pairs, turned round where the recipe says so."""
    corpus, folder = parts.located(recipe, progress)
    collection = (recipe.data.collection,) if recipe.data.collection is not None else ()
    try:
        found = corpus.read_splits(folder, *collection)
    except TypeError:
        raise DataError(f"{corpus.NAME}: is one collection. Leave data.collection out.") from None
    items = {split: _turned(pairs) if recipe.data.reversed else pairs for split, pairs in found.items()}
    return Data(items, tuple(split for split in items if split != "train"))


def _turned(pairs: Sequence[Pair]) -> list[Pair]:
    from crnn_audio.corpora.pairs import gathered

    name = pairs[0].id.rpartition("-")[0] if pairs else ""
    return gathered(((target, pair.source) for pair in pairs for target in pair.targets), name)


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """Everything that stands in the training split."""
    training, task = data.items["train"], recipe.task
    targets = [target for pair in training for target in pair.targets]
    return Assets(
        Vocabulary.build([pair.source for pair in training], task.source, task.num_subwords),
        Vocabulary.build(targets, task.target, task.num_subwords),
    )


def task(recipe: Recipe, assets: Assets) -> Transduction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    model, chosen = recipe.model, recipe.task
    front = TokenFront(len(assets.source), model.embedding_size)
    recurrent = Recurrent(front.output_size, **model.recurrent.model_dump())
    encoder = Crnn(front, recurrent, Memory())
    bidirectional = recurrent.bidirectional
    decoder = Decoder(
        len(assets.target), recurrent.output_size, bidirectional=bidirectional, **model.decoder.model_dump()
    )
    return Transduction(
        EncoderDecoder(encoder, decoder),
        label_smoothing=chosen.label_smoothing,
        scheduled_sampling=chosen.scheduled_sampling,
        longest=chosen.longest,
        mixed=recipe.precision == "bf16",
    )


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches: of a source with several targets, each is a pair.

    Raises:
        DataError: too many pairs cannot be used.
    """
    pairs = [
        TokenPair(f"{pair.id}/{number}", tuple(assets.source.encode(pair.source)), tuple(assets.target.encode(target)))
        for pair in data.items["train"]
        for number, target in enumerate(pair.targets)
    ]
    findings = tuple(_findings(recipe, pairs))
    bad = {finding.cut_id for finding in findings}
    usable = [pair for pair in pairs if pair.id not in bad]
    if not usable:
        raise DataError(f"{recipe.data.name}: no pair of train fits in data.batch_tokens ({recipe.data.batch_tokens}).")
    section = recipe.data
    batches = PairFeed(usable, section.batch_tokens, recipe.seed, accumulate=section.accumulate, rank=rank, ranks=ranks)
    return Feed(batches, "tokens", [(pair.id, plan.key(pair.source, pair.target)) for pair in usable], findings)


def _findings(recipe: Recipe, pairs: Sequence[TokenPair]) -> list[Finding]:
    most = recipe.data.batch_tokens
    return [
        Finding(pair.id, f"{int(pair.amount):,} tokens, more than data.batch_tokens ({most})")
        for pair in pairs
        if pair.amount > most
    ]


@torch.inference_mode()
def scores(task: Transduction, recipe: Recipe, assets: Assets, items: Sequence[Pair], options: ScoreOptions) -> Scores:
    """Writes a target for each source: greedily for dev during training, otherwise as the recipe searches."""
    task.eval()
    device, search = parts.device_of(task), SearchOptions() if options.epoch is not None else searching(recipe)
    texts, nats, count = dict[str, str](), 0.0, 0
    by_id = {pair.id: pair for pair in items}
    encoded = [_encoded(pair, assets) for pair in items]
    for batch in batching.in_order(encoded, 4.0 * recipe.data.batch_tokens):
        moved = batch.to(device)
        nats += float(task.advance(moved, None)[0])
        count += batch.size
        for pair_id, found in zip(batch.cut_ids, task.search(task.start(moved), search), strict=True):
            texts[pair_id] = assets.target.decode(found[0].tokens)
    is_words = recipe.task.target != "characters"
    scored = [ScoredPair(one.id, one.source, one.targets, texts[one.id], is_words) for one in by_id.values()]
    return scores_of(scored, recipe.task.scores, nats / count, whole=options.epoch is None)


def _encoded(pair: Pair, assets: Assets) -> TokenPair:
    return TokenPair(pair.id, tuple(assets.source.encode(pair.source)), tuple(assets.target.encode(pair.targets[0])))


def searching(recipe: Recipe) -> SearchOptions:
    """How the recipe searches."""
    return SearchOptions(**recipe.search.model_dump())


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Another corpus has other collections."""
    return ["data.collection=null"]


def inputs(recipe: Recipe) -> str:
    """What the network reads."""
    return recipe.task.source


def opened(run: Run, recipe: Recipe, assets: Assets, task: Transduction) -> Transducer:
    """What `load` returns."""
    return Transducer(run, task, assets.source, assets.target, searching(recipe))


def summary(recipe: Recipe) -> Summary:
    """The model in figures; its tokens are assumed where the corpus is not here."""
    known = None
    if parts.is_here(recipe):
        try:
            known = assets(recipe, data(recipe))
        except DataError:
            known = None
    found = known or Assets(_assumed(recipe, recipe.task.source), _assumed(recipe, recipe.task.target))
    with parts.outlined():
        model = task(recipe, found).model
    note = "" if known else " (assumed: the corpus is not here yet)"
    lines = (
        f"parameters          {model.num_parameters:,}",
        f"source tokens       {len(found.source) - 1}{note}",
        f"target tokens       {len(found.target) - 1}{note}",
        f"decoder             {model.head.NAME}",
    )
    figures = {"source_tokens": len(found.source) - 1, "target_tokens": len(found.target) - 1}
    return Summary(model.num_parameters, figures, lines)


def _assumed(recipe: Recipe, unit: str) -> Vocabulary:
    count = recipe.task.num_subwords if unit == "subwords" else 94
    return Vocabulary("words", (BLANK, UNKNOWN, *map(str, range(count))))


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    return [["translate", model, "-"]]


def card(run: Run, recipe: Recipe, assets: Assets, task: Transduction, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    return Card(
        f"Turns {recipe.task.source} into {recipe.task.target}: {cards.layers(recipe)}, decoder with "
        f"{task.model.head.NAME}",
        cards.table(scores, {"wrong, %": lambda one: f"{100 * one.value:.2f}", "sources": cards.figure("pairs")}),
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Counts the pairs of each split, of each collection if there are several."""
    corpus = CORPORA[name]
    collections: tuple[Any, ...] = getattr(corpus, "COLLECTIONS", (None,))
    rows, problems = list[dict[str, Any]](), list[str]()
    for collection in collections:
        try:
            splits = corpus.read_splits(folder, *([collection] if collection else []))
        except DataError as error:
            problems.append(str(error))
            continue
        named = {"collection": collection} if collection else {}
        for split, pairs in splits.items():
            targets = sum(len(pair.targets) for pair in pairs)
            rows.append(named | {"split": split, "sources": len(pairs), "targets": targets})
    return Inspection(tuple(rows), tuple(problems))
