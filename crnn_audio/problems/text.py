"""Text: the next character or word, predicted from all before it or from a window of them; and text generated so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from crnn_audio import files
from crnn_audio.batching import plan
from crnn_audio.batching.sequence import SequenceFeed, Sequences
from crnn_audio.batching.text import WINDOW, Segments, Windows, windows
from crnn_audio.config.text import TextRecipe
from crnn_audio.corpora import CORPORA
from crnn_audio.corpora.home import Progress
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.text.language_model import LanguageModel, likelihood, normalize
from crnn_audio.metrics import baselines
from crnn_audio.metrics.scores import Scores
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import SoftmaxHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, cards, parts
from crnn_audio.runs import Run
from crnn_audio.tasks import text_generation
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.text_generation import UNKNOWN_ID
from crnn_audio.text import encoding, invisible, words
from crnn_audio.text.plain import num_lost
from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

Recipe = TextRecipe
METRIC = "nats_per_character"
OPTIONS = frozenset[str]()
BY_WINDOW = f"{METRIC}_by_window"
"""Another definition of the metric, for comparison with figures that are defined so."""
PRIMER_TOKENS = 10
"""Of a sample, where the context has no length of its own."""


@dataclass(frozen=True)
class Assets:
    """The characters or words that the model knows."""

    vocabulary: Vocabulary

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json."""
        self.vocabulary.save(folder / "vocabulary.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads vocabulary.json."""
        return cls(Vocabulary.load(folder / "vocabulary.json"))


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's text, normalised as the recipe says."""
    corpus, folder = parts.located(recipe, progress)
    found = corpus.read_splits(folder)
    unseen, name = invisible.removed(found.values()), recipe.data.name
    remarks = [f"{name}: {unseen} removed."] if unseen else []
    if lost := sum(num_lost(invisible.visible(text)) for text in found.values()) if recipe.data.ascii else 0:
        remarks.append(f"{name}: {lost} characters have no equivalent in ASCII and are left out.")
    items = {split: normalize(recipe.data, text) for split, text in found.items()}
    return Data(items, tuple(split for split in items if split != "train"), tuple(remarks))


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """All characters of the training text, or its most frequent words."""
    return Assets(_vocabulary(recipe, data.items["train"]))


def _vocabulary(recipe: Recipe, training: str) -> Vocabulary:
    if recipe.task.unit == "words":
        return words.most_frequent(words.split_words(training), recipe.task.vocabulary_size)
    return Vocabulary.build([training], "characters")


def task(recipe: Recipe, assets: Assets) -> Prediction:
    """The whole model, with initial weights that depend on the seed alone."""
    torch.manual_seed(recipe.seed)
    model, num_tokens = recipe.model, len(assets.vocabulary)
    front = TokenFront(num_tokens, model.embedding_size, model.embedding_dropout)
    recurrent = Recurrent(front.output_size, **model.recurrent.model_dump())
    tied = front if model.tied else None
    head = SoftmaxHead(recurrent.output_size, num_tokens - 1, tied, projection=model.output_projection)
    network, mixed = Crnn(front, recurrent, head), recipe.precision == "bf16"
    return Prediction(network, context_length=recipe.data.context_length, mixed=mixed)


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: the text is too short to train on, or leaves nothing for dev.
        RecipeError: several processes would each carry a state.
    """
    section, vocabulary = recipe.data, assets.vocabulary
    training = encoding.encode(data.items["train"], vocabulary)
    _refuse_too_short(recipe, len(training), data.items["dev"], vocabulary)
    if section.context_length:
        sequences: Sequences = Windows(training, section.context_length)
        bptt = 0
    else:
        parts.refuse_shared_state(section.bptt, ranks)
        sequences, bptt = Segments(training, section.batch_size, recipe.seed), section.bptt
    batches = SequenceFeed(sequences, section.batch_size, bptt, recipe.seed, section.accumulate, rank, ranks)
    remarks = tuple(_unknown(recipe, data.items["dev"], vocabulary))
    return Feed(batches, recipe.task.unit, plan.key(data.items["train"]), remarks=remarks)


def _refuse_too_short(recipe: Recipe, length: int, dev: str, vocabulary: Vocabulary) -> None:
    section, unit = recipe.data, recipe.task.unit
    if section.context_length and length < section.context_length:
        raise DataError(
            f"{section.name}: its training part has {length} {unit}, fewer than data.context_length "
            f"({section.context_length}). Take a longer text or a shorter context."
        )
    if not section.context_length and length < section.batch_size * section.bptt:
        raise DataError(
            f"{section.name}: its training part has {length} {unit}, fewer than {section.batch_size} segments of "
            f"{section.bptt}. Take a longer text, or lower data.batch_size or data.bptt."
        )
    if not len(encoding.encode(dev, vocabulary)):
        raise DataError(f"{section.name}: its last tenth, which would be dev, holds no {unit}. Take a longer text.")


def _unknown(recipe: Recipe, dev: str, vocabulary: Vocabulary) -> Iterator[str]:
    unit, unknown = recipe.task.unit, encoding.unknown(dev, vocabulary)
    if unknown:
        share = (encoding.encode(dev, vocabulary) == UNKNOWN_ID).mean()
        yield f"dev: {len(unknown)} {unit} ({share:.2%} of its text) are not in the vocabulary, such as {unknown[0]!r}."


@dataclass(frozen=True)
class TextSample:
    """A text that the model generated after a primer."""

    primer: str
    generated: str

    @property
    def text(self) -> str:
        """Both, as a terminal shows them."""
        return f"after {self.primer!r}:\n{self.generated}"

    def save(self, stem: Path) -> None:
        """Writes a text file."""
        files.write_text(stem.with_suffix(".txt"), f"{self.text}\n")


def scores(task: Prediction, recipe: Recipe, assets: Assets, items: str, options: ScoreOptions) -> Scores:
    """Predicts a whole text from a state of zero at its beginning; beside it, n-gram models of the training text.

    Its nats are divided by its characters, which are those of words, too. Outside training those of windows that each
    begin with a state of zero stand beside them, as nanoGPT evaluates.
    """
    found = likelihood(task, assets.vocabulary, items)
    metrics, details = {METRIC: found.nats_per_character}, found.lines()
    if options.epoch is None and not task.context_length:
        tokens = encoding.encode(items, assets.vocabulary)
        metrics[BY_WINDOW] = text_generation.window_nats(task, windows(tokens, WINDOW)) / len(found.text)
        details.append(f"{metrics[BY_WINDOW]:.4f} in windows of {WINDOW} {recipe.task.unit}, each from a state of zero")
    sample = None
    if options.epoch is not None:
        sample = _sample(task, recipe, assets, encoding.encode(items, assets.vocabulary), options.epoch)
    ngrams = dict[str, float]()
    if options.training:
        nats = baselines.ngram_nats(*(encoding.known(text, assets.vocabulary) for text in (options.training, items)))
        ngrams = {baselines.ORDERS[order]: total / len(found.text) for order, total in nats.items()}
    if ngrams:
        listed = ", ".join(f"{name} {nats:.4f}" for name, nats in ngrams.items())
        details.append(f"baselines, in nats a character: {listed}")
    return Scores(
        metrics=metrics,
        loss=found.nats_per_token,
        counts=found.counts,
        details=tuple(details),
        figures=found.as_json() | {"baselines": ngrams},
        sample=sample,
    )


def _sample(task: Prediction, recipe: Recipe, assets: Assets, dev: Int[np.ndarray, " T"], epoch: int) -> TextSample:
    """What the model generates after a place in dev that the seed and the epoch decide."""
    size = min(task.context_length or PRIMER_TOKENS, len(dev))
    generator = np.random.default_rng(plan.key(recipe.seed, epoch, "sample"))
    start = int(generator.integers(len(dev) - size + 1))
    primer = dev[start : start + size].tolist()
    stream = text_generation.generate(task, primer, [int(generator.integers(2**31))], Sampling())
    sampled = [int(token) for (token,), _ in islice(stream, recipe.task.sample_tokens)]
    return TextSample(encoding.decode(primer, assets.vocabulary), encoding.decode(sampled, assets.vocabulary))


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Nothing: another text is normalised in the same way."""
    return []


def inputs(recipe: Recipe) -> str:
    """What the network reads."""
    length = recipe.data.context_length
    return f"{recipe.task.unit}, {length} at a time" if length else recipe.task.unit


def opened(run: Run, recipe: Recipe, assets: Assets, task: Prediction) -> LanguageModel:
    """What `load` returns."""
    return LanguageModel(run, task, recipe.data, assets.vocabulary, recipe.generation)


def summary(recipe: Recipe) -> Summary:
    """The model in figures; its vocabulary is assumed where the text is not here."""
    vocabulary = None
    if parts.is_here(recipe):
        try:
            vocabulary = _vocabulary(recipe, data(recipe).items["train"])
        except DataError:
            vocabulary = None
    assumed = [chr(first) for first in range(32, 127)]
    if recipe.task.unit == "words":
        assumed = [f"word{number}" for number in range(recipe.task.vocabulary_size)]
    known = vocabulary or Vocabulary(recipe.task.unit, (BLANK, UNKNOWN, *assumed))
    with parts.outlined():
        model, length = task(recipe, Assets(known)).model, recipe.data.context_length
    reach = length - 1 if length else model.past_frames
    past = "all of the past" if reach is None else f"a token and {reach} before it"
    figures = {"num_tokens": len(known) - 1, "tokens_assumed": vocabulary is None, "past_tokens": reach}
    lines = (
        f"parameters          {model.num_parameters:,}",
        f"tokens              {len(known) - 1}{'' if vocabulary else ' (assumed: the text is not here yet)'}",
        f"context             {past}",
    )
    return Summary(model.num_parameters, figures, lines)


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    return [["generate", model, "--tokens", "300"]]


def card(run: Run, recipe: Recipe, assets: Assets, task: Prediction, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    unit = recipe.task.unit
    columns: dict[str, cards.Column] = {
        "nats a character": lambda one: f"{one.value:.4f}",
        f"perplexity a {unit.removesuffix('s')}": lambda one: f"{one.figures['perplexity']:.2f}",
        "characters": cards.figure("characters"),
        "n-grams": lambda one: ", ".join(f"{name} {nats:.4f}" for name, nats in one.figures["baselines"].items()),
    }
    return Card(
        f"Generates text by {unit}: {cards.layers(recipe)} and a softmax over {len(assets.vocabulary) - 1} tokens",
        cards.table(scores, columns, "Of these very files, each text as a whole.\n"),
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Counts characters and words of each split."""
    rows = tuple(
        {"split": split, "characters": len(text), "symbols": len(set(text)), "words": len(text.split())}
        for split, text in CORPORA[name].read_splits(folder).items()
    )
    return Inspection(rows)
