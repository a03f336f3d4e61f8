"""Speech recognition: recordings to their transcripts with CTC (many-to-many, different lengths)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from crnn_audio.batching import checks
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe as AnyRecipe
from crnn_audio.corpora.home import Progress
from crnn_audio.decoding import carried
from crnn_audio.decoding.build import decoder_of
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.features.normalize import Statistics
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.metrics.scores import Scores
from crnn_audio.metrics.transcripts import scores_of
from crnn_audio.models.encoder_decoder import Decoder
from crnn_audio.models.heads import CtcHead
from crnn_audio.problems import (
    Card,
    Data,
    Feed,
    Initial,
    Inspection,
    ScoreOptions,
    Summary,
    cards,
    footprint,
    meanings,
    parts,
    recordings,
    speech,
    start,
)
from crnn_audio.runs import Run
from crnn_audio.tasks.ctc import Recognition, transcribed
from crnn_audio.text import invisible
from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

Splits = dict[str, list[Cut]]
Recipe = RecognitionRecipe
METRIC = "wer"
inputs = recordings.inputs
OPTIONS = frozenset({"decoder", "distortion"})
WEIGHTS = {"consistency", "intermediate", "attention", "label_smoothing", "ctc_weight", "beam"}
"""Fields of the task that its loss and its search take."""
ASSUMED_TOKENS = "abcdefghijklmnopqrstuvwxyz '"


@dataclass(frozen=True)
class Assets:
    """The tokens, with global normalisation the mean and deviation of each feature, and how to decode."""

    vocabulary: Vocabulary
    statistics: Statistics | None
    decoding: DecodingOptions = NONE

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json and statistics.json, and decoder.json with its files where there is a decoder."""
        self.vocabulary.save(folder / "vocabulary.json")
        if self.statistics:
            self.statistics.save(folder / "statistics.json")
        if not self.decoding.is_greedy:
            carried.save(self.decoding, folder)

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads them."""
        tokens, statistics = Vocabulary.load(folder / "vocabulary.json"), recordings.stored_statistics(folder, recipe)
        return cls(tokens, statistics, carried.load(folder))


def reads(recipe: AnyRecipe) -> TypeGuard[Recipe]:
    """Whether a recipe is one of speech recognition."""
    return isinstance(recipe, Recipe)


# ------------------------------------------------------------------------------------------------- data


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's cuts, their transcripts normalised as the task says."""
    found, adjusted = recordings.splits(recipe, progress)
    items = {name: [_spelled(recipe, cut) for cut in cuts] for name, cuts in found.items()}
    unseen = invisible.removed(cut.text for cuts in found.values() for cut in cuts)
    remarks = [f"{unseen} removed."] if unseen else []
    remarks = [f"{recipe.data.name}: {remark}" for remark in (*remarks, *adjusted)]
    return Data(items, recordings.held_out(recipe), tuple(remarks))


def _spelled(recipe: Recipe, cut: Cut) -> Cut:
    return replace(cut, text=meanings.spelled(recipe, cut.text))


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """The tokens of the training split, and the statistics of its features.

    With `init` they are those of the trained run, and the tokens that only the new transcripts have.

    Raises:
        DataError: too many cuts cannot be used, or the decoder does not fit the tokens.
        RunError: the features, the network or the kind of tokens differ from those of `init`.
    """
    grammar = meanings.in_recipe(recipe)
    training = meanings.worded(recipe, data.items["train"], grammar)
    texts = meanings.texts(recipe, training, grammar)
    if init is None:
        vocabulary = _tokens(recipe, texts)
        decoding = _decoding(recipe, vocabulary, report)
        usable, _ = speech.usable_cuts(recipe, training, vocabulary)
        ready = speech.training_cuts(recipe, usable, vocabulary)
        return Assets(vocabulary, recordings.statistics_of(recipe, ready, report), decoding)
    start.refuse_other_shape(recipe, init)
    known = init.assets.vocabulary
    vocabulary = start.grown(known, texts)
    for line in start.added_tokens(str(recipe.init), known, vocabulary):
        report(line)
    return Assets(vocabulary, init.assets.statistics, _decoding(recipe, vocabulary, report))


def _decoding(recipe: Recipe, vocabulary: Vocabulary, report: Callable[[str], None]) -> DecodingOptions:
    """The options of the recipe's decoder, which is built once to see that it fits the tokens."""
    options = recipe.decoder.options if recipe.decoder else NONE
    decoder_of(options, vocabulary, report=report)
    return options


def _tokens(recipe: Recipe, texts: Sequence[str]) -> Vocabulary:
    return Vocabulary.build(texts, recipe.task.vocabulary, recipe.task.num_subwords)


# -------------------------------------------------------------------------------------------- model, batches


def task(recipe: Recipe, assets: Assets) -> Recognition:
    """The whole recogniser, from waveforms to its loss, with initial weights that depend on the seed alone.

    Raises:
        RunError: the statistics are not those of such features.
    """
    tokens = assets.vocabulary
    return Recognition(
        recordings.sound_parts(
            recipe,
            assets.statistics,
            lambda size: CtcHead(size, len(tokens), _decoder(recipe, size, len(tokens))),
            interctc_tokens=len(tokens) if recipe.task.intermediate else 0,
        ),
        tokens,
        **recipe.task.model_dump(include=WEIGHTS),
        meanings=meanings.of(recipe, assets.decoding.grammar, tokens),
    )


def _decoder(recipe: Recipe, memory_size: int, num_tokens: int) -> Decoder | None:
    layers, bidirectional = recipe.model.decoder, recipe.model.recurrent.bidirectional
    return Decoder(num_tokens, memory_size, bidirectional=bidirectional, **layers.model_dump()) if layers else None


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: more than one in a hundred of its cuts cannot be used, or a cut of dev cannot be read.
    """
    grammar = meanings.of(recipe, assets.decoding.grammar, assets.vocabulary)
    training = meanings.worded(recipe, data.items["train"], grammar)
    usable, findings = speech.usable_cuts(recipe, training, assets.vocabulary)
    remarks = speech.check_dev(recipe, data.items.get("dev", []), assets.vocabulary)
    ready = speech.training_cuts(recipe, usable, assets.vocabulary, grammar)
    fingerprint = [(cut.id, cut.duration, cut.text) for cut in usable]
    return recordings.feed(recipe, ready, fingerprint, findings, remarks, rank, ranks)


# --------------------------------------------------------------------------------------------- scores, words


def scores(task: Recognition, recipe: Recipe, assets: Assets, items: Sequence[Cut], options: ScoreOptions) -> Scores:
    """Transcribes every cut and counts errors against its transcript.

    Where a recipe learns from meanings, each is decoded with the grammar, and acceptance is what counts.
    """
    task.eval()
    if task.meanings is not None:
        return meanings.scores(task, recipe, task.meanings, items, options)
    device, decoder = parts.device_of(task), options.decoder
    if decoder is None:  # training chooses by what the network does alone
        own = assets.decoding if options.epoch is None else NONE
        decoder = decoder_of(own, assets.vocabulary, device=device)
    ready = speech.cuts(recipe, items, assets.vocabulary, options.distortion)
    references = {cut.id: cut.text for cut in items}
    batches = recordings.batches(recipe, ready, device)
    found = {one.id: one for batch in batches for one in transcribed(task, batch, references, decoder)}
    return scores_of([found[cut_id] for cut_id in references])


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Another corpus is not trained on, and its texts are normalised in the case that the model writes."""
    return [*recordings.transfer(recipe, assets), f"task.case={case_of(recipe, assets.vocabulary)}"]


def case_of(recipe: Recipe, vocabulary: Vocabulary) -> str:
    """That of the recipe; where it keeps what it finds, that of its letters, if all have one."""
    letters = "".join(token for token in vocabulary.tokens if token not in (BLANK, UNKNOWN))
    if recipe.task.case != "keep" or not (letters.isupper() or letters.islower()):
        return recipe.task.case
    return "upper" if letters.isupper() else "lower"


def opened(run: Run, recipe: Recipe, assets: Assets, task: Recognition) -> Recognizer:
    """What `load` returns."""
    return Recognizer(run, task, decoding=assets.decoding)


def summary(recipe: Recipe) -> Summary:
    """The model in figures; its tokens are assumed where the corpus is not here."""
    tokens, assumed = _known_tokens(recipe)
    unit = recordings.unit_statistics(recipe)
    with parts.outlined():
        recognition = task(recipe, Assets(tokens, unit))
    model = recognition.model
    frame_ms = 1000 * recognition.front_end.hop_length / recognition.front_end.sample_rate
    field, ahead, factor = model.receptive_field.size, recognition.look_ahead_ms, model.subsampling_factor
    is_large = footprint.is_large(recognition)
    step_bytes = footprint.step_bytes(recipe, recognition if is_large else task(recipe, Assets(tokens, unit)))
    memory = f"{'over' if is_large else 'about'} {step_bytes / 2**20:,.0f}"
    figures = {
        "num_tokens": len(tokens),
        "tokens_assumed": assumed,
        "frame_ms": frame_ms,
        "subsampling_factor": factor,
        "receptive_frames": field,
        "look_ahead_ms": ahead,
        "step_bytes": step_bytes,
    }
    lines = (
        f"parameters          {model.num_parameters:,}",
        f"tokens              {len(tokens)}{' (assumed: the corpus is not here yet)' if assumed else ''}",
        f"frames in           one each {frame_ms:g} ms",
        f"subsampling factor  {factor} (a frame out each {frame_ms * factor:g} ms)",
        f"receptive field     {field} frames ({field * frame_ms:.0f} ms), of the convolutions alone",
        f"look-ahead          {'the whole recording' if ahead is None else f'{ahead:.0f} ms'}",
        f"memory of a step    {memory} MiB for {recipe.data.batch_seconds:g} s of speech",
    )
    return Summary(model.num_parameters, figures, lines)


def _known_tokens(recipe: Recipe) -> tuple[Vocabulary, bool]:
    if parts.is_here(recipe):
        try:
            training = data(recipe).items["train"]
            return _tokens(recipe, meanings.texts(recipe, training, meanings.in_recipe(recipe))), False
        except DataError:
            pass
    return Vocabulary.build([ASSUMED_TOKENS], "characters"), True


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    verbs = ["transcribe"] if recipe.model.recurrent.bidirectional else ["transcribe", "stream"]
    verbs += ["understand"] * (recipe.decoder is not None and recipe.decoder.grammar is not None)
    return [[verb, model, recording] for verb in verbs]


def card(run: Run, recipe: Recipe, assets: Assets, task: Recognition, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    network = cards.sound_network(recipe, task)
    if task.meanings is not None:
        return meanings.card(network, scores)
    columns = {
        "WER %": cards.per_cent("wer"),
        "95 % interval": cards.interval,
        "CER %": cards.per_cent("cer"),
        "words": cards.figure("words"),
        "ROC area of word confidence": _roc_area,
    }
    how = "Greedy, without a language model"
    if not assets.decoding.is_greedy:
        how = f"With the decoder that it keeps ({assets.decoding.identity})"
    return Card(
        f"Speech to {recipe.task.vocabulary}, by CTC: {network}",
        cards.table(scores, columns, f"{how}, of these very files.\n"),
    )


def _roc_area(one: Scores) -> str:
    area = one.figures["roc_auc"]
    return "" if area is None else f"{area:.3f}"


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Decodes every recording once, and names the cuts that cannot be used."""
    return recordings.inspect(name, folder, checks.empty, progress)
