"""Speech recognition: recordings to their transcripts with CTC (many-to-many, different lengths)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from crnn_audio import hardware
from crnn_audio.batching import checks, loader, plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts, SpeechFeed
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, num_batches, plan_epoch
from crnn_audio.config.differences import differences
from crnn_audio.config.recognition import Augment, Features, RecognitionRecipe
from crnn_audio.config.schema import Recipe as AnyRecipe
from crnn_audio.corpora import CORPORA, home
from crnn_audio.corpora.home import Progress
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.errors import DataError, RunError
from crnn_audio.features import normalize, spectrogram
from crnn_audio.features.augment import spec_augment
from crnn_audio.features.distort import Distortion
from crnn_audio.features.normalize import Normalizer, Statistics
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.metrics.scores import Scores
from crnn_audio.metrics.transcripts import scores_of
from crnn_audio.models.heads import CtcHead
from crnn_audio.problems import Card, Data, Feed, Initial, Inspection, ScoreOptions, Summary, footprint, parts
from crnn_audio.runs import Run
from crnn_audio.tasks.ctc import Recognition, transcribed
from crnn_audio.text.normalize import normalize as normalize_text
from crnn_audio.text.vocabulary import BLANK, UNKNOWN, Vocabulary

Splits = dict[str, list[Cut]]
Recipe = RecognitionRecipe
METRIC = "wer"
STATISTICS_SECONDS = 3600.0
"""Seconds of training audio that normalisation statistics are taken from, at most."""
ASSUMED_TOKENS = "abcdefghijklmnopqrstuvwxyz '"
FRONT_ENDS: dict[str, Callable[..., FrontEnd]] = {
    "fbank": spectrogram.Fbank,
    "log_mel": spectrogram.LogMel,
    "mfcc": spectrogram.Mfcc,
    "mel": spectrogram.Mel,
}


@dataclass(frozen=True)
class Assets:
    """The tokens, and with global normalisation the mean and deviation of each feature."""

    vocabulary: Vocabulary
    statistics: Statistics | None

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json and statistics.json."""
        self.vocabulary.save(folder / "vocabulary.json")
        if self.statistics:
            self.statistics.save(folder / "statistics.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads them."""
        normalized = recipe.features.normalize == "global"
        statistics = Statistics.load(folder / "statistics.json") if normalized else None
        return cls(Vocabulary.load(folder / "vocabulary.json"), statistics)


def reads(recipe: AnyRecipe) -> TypeGuard[Recipe]:
    """Whether a recipe is one of speech recognition."""
    return isinstance(recipe, Recipe)


# ------------------------------------------------------------------------------------------------- data


def data(recipe: Recipe, progress: Progress | None = None) -> Data:
    """The corpus's cuts, their transcripts normalised as the task says."""
    corpus, folder = parts.located(recipe, progress)
    found = dict(corpus.read_splits(folder))
    if recipe.data.dev_as_train:
        if not found.get("dev"):
            raise DataError(f"{recipe.data.name}: has no dev, which data.dev_as_train would train on. Leave that out.")
        found["train"] = found["train"] + found["dev"]
    if progress:  # decoded here, where it shows; `_usable` finds in the cache what is wrong with each
        checks.unreadable(found["train"], checks.cache_of(recipe.data.corpus), partial(progress, "checking train"))
    items = {name: [_spelled(recipe, cut) for cut in cuts] for name, cuts in found.items()}
    return Data(items, ("test",) if recipe.data.dev_as_train else ("dev", "test"))


def _spelled(recipe: Recipe, cut: Cut) -> Cut:
    text = normalize_text(cut.text, case=recipe.task.case, punctuation=recipe.task.punctuation)
    return replace(cut, text=text)


def assets(recipe: Recipe, data: Data, init: Initial | None = None, report: Callable[[str], None] = print) -> Assets:
    """The tokens of the training split, and the statistics of its features.

    With `init` they are those of the trained run, and the tokens that only the new transcripts have.

    Raises:
        DataError: too many cuts cannot be used.
        RunError: the features, the network or the kind of tokens differ from those of `init`.
    """
    training = data.items["train"]
    if init is None:
        vocabulary = Vocabulary.build([cut.text for cut in training], recipe.task.vocabulary)
        usable, _ = _usable(recipe, training, vocabulary)
        return Assets(vocabulary, _statistics(recipe, _training_cuts(recipe, usable, vocabulary), report))
    _refuse_other_shape(recipe, init)
    known = init.assets.vocabulary
    vocabulary = _grown(known, (cut.text for cut in training))
    for line in _added(str(recipe.init), known, vocabulary):
        report(line)
    return Assets(vocabulary, init.assets.statistics)


def _usable(recipe: Recipe, training: Sequence[Cut], vocabulary: Vocabulary) -> tuple[list[Cut], list[Finding]]:
    """The cuts that can be trained on, and what is wrong with the others.

    Raises:
        DataError: more than one in a hundred cannot be used.
    """
    found = [
        *checks.unreadable(training, checks.cache_of(recipe.data.corpus)),
        *(finding for findings in findings_by_kind(recipe, training, vocabulary).values() for finding in findings),
        *checks.unknown_symbols(training, vocabulary.unknown),  # where a corpus changed under an unfinished run
    ]
    checks.refuse_if_many(found, len(training), f"{recipe.data.name}, split train")
    bad = {finding.cut_id for finding in found}
    return [cut for cut in training if cut.id not in bad], found


def findings_by_kind(recipe: Recipe, chosen: Sequence[Cut], vocabulary: Vocabulary) -> dict[str, list[Finding]]:
    """What the cheap checks say of a training split, by what it is: "empty", "infeasible", "too long"."""
    ready, sound = cuts(recipe, chosen, vocabulary), front_end(recipe.features)
    front = parts.conv_front(recipe.model, sound.num_features)
    fastest, slowest = max(recipe.augment.speed), min(recipe.augment.speed)
    samples = torch.tensor([ready.num_samples(index, fastest) for index in range(len(chosen))])
    frames: Tensor = front.output_lengths(sound.num_frames(samples))
    stride = front.receptive_field.stride
    return {
        "empty": checks.empty(chosen),
        "infeasible": checks.infeasible(chosen, ready.targets, frames.tolist(), stride),
        "too long": checks.too_long(chosen, slowest, recipe.data.batch_seconds),
    }


def cuts(recipe: Recipe, chosen: Sequence[Cut], tokens: Vocabulary, distortion: Distortion | None = None) -> Cuts:
    """Cuts with their token ids, ready to be read, and distorted where that is asked for."""
    targets = [tokens.encode(cut.text) for cut in chosen]
    rate = recipe.features.sample_rate
    return Cuts(chosen, targets, sample_rate=rate, seed=recipe.seed, distortion=distortion)


def _training_cuts(recipe: Recipe, usable: Sequence[Cut], tokens: Vocabulary) -> Cuts:
    return cuts(recipe, usable, tokens, distortion(recipe.augment, recipe.features.sample_rate))


def _statistics(recipe: Recipe, ready: Cuts, report: Callable[[str], None]) -> Statistics | None:
    """Mean and deviation of each feature, of a random hour of the training split, every cut at its own speed.

    None where the recipe does not normalise by them.
    """
    if recipe.features.normalize != "global":
        return None
    report("Measuring the mean and deviation of the features.")
    sound, usable = front_end(recipe.features), ready.cuts
    order = sorted(range(len(usable)), key=lambda index: plan.key(recipe.seed, usable[index].id, "statistics"))
    chosen, seconds = [], 0.0
    for index in order:
        if seconds < STATISTICS_SECONDS:
            chosen.append(plan.PlannedCut(index, 1.0, usable[index].duration))
            seconds += usable[index].duration
    moments = normalize.Moments(sound.num_features)
    planned = [(0, tuple(chosen[at : at + 8])) for at in range(0, len(chosen), 8)]
    with torch.inference_mode():
        for batch in loader.batches(ready, planned):
            moments.add(*sound(batch.audio.waveforms, batch.audio.lengths))
    return Statistics(tuple(moments.mean.tolist()), tuple(moments.std.tolist()))


# ------------------------------------------------------------------------------- start from a trained run


def _refuse_other_shape(recipe: Recipe, init: Initial) -> None:
    changes = list(differences(_shape(init.recipe), _shape(recipe)))
    if changes:
        listed = "\n".join(f"  {change}" for change in changes)
        raise RunError(
            f"{recipe.init}: cannot be started from; it has the first value of each line, and the recipe asks for the "
            f"second:\n{listed}\nGive the recipe that it was trained with, or change these fields."
        )


def _shape(recipe: Recipe) -> dict[str, object]:
    """The fields that its weights and statistics fit."""
    dropouts = {"conv_dropout": True, "recurrent": {"dropout"}}
    return {
        "task": {"vocabulary": recipe.task.vocabulary, "intermediate heads": recipe.task.intermediate > 0},
        "features": recipe.features.model_dump(),
        "model": recipe.model.model_dump(exclude=dropouts),  # type: ignore[arg-type]
    }


def _grown(vocabulary: Vocabulary, texts: Iterable[str]) -> Vocabulary:
    """The same tokens with the same ids, and after them those that only the new texts have."""
    new = set().union(*(vocabulary.unknown(text) for text in texts))
    return Vocabulary(vocabulary.kind, (*vocabulary.tokens, *sorted(new)))


def _added(name: str, old: Vocabulary, new: Vocabulary) -> list[str]:
    """What to report of the tokens that `name` lacks, and whether another case would do without them."""
    added = new.tokens[len(old.tokens) :]
    if not added:
        return []
    shown = ", ".join(map(repr, added[:8])) + (" and others" if len(added) > 8 else "")
    lines = [f"{name} lacks {len(added)} of the new texts' tokens, untrained as yet: {shown}."]
    for case, in_case in (("lower", str.lower), ("upper", str.upper)):
        if same := [token for token in added if in_case(token) in old.tokens]:
            lines.append(f"  {len(same)} of them it knows in {case} case: task.case={case} keeps what it has learned.")
    return lines


# -------------------------------------------------------------------------------------------- model, batches


def front_end(features: Features) -> FrontEnd:
    """Waveforms to features."""
    return FRONT_ENDS[features.kind](**features.model_dump(exclude={"kind", "normalize"}))


def normalizer(kind: str, statistics: Statistics | None) -> Normalizer:
    """Features to normalised features; "global" needs the training split's statistics."""
    if kind == "global":
        assert statistics is not None, "global normalisation without statistics"
        mean, std = (torch.tensor(numbers, dtype=torch.float32) for numbers in (statistics.mean, statistics.std))
        return normalize.GlobalNorm(mean, std)
    return normalize.UtteranceNorm() if kind == "utterance" else normalize.NoNorm()


def task(recipe: Recipe, assets: Assets) -> Recognition:
    """The whole recogniser, from waveforms to its loss, with initial weights that depend on the seed alone.

    Raises:
        RunError: the statistics are not those of such features.
    """
    torch.manual_seed(recipe.seed)
    front, tokens, statistics = front_end(recipe.features), assets.vocabulary, assets.statistics
    if statistics and {len(statistics.mean), len(statistics.std)} != {front.num_features}:
        raise RunError(f"statistics.json: damaged (the features are {front.num_features}). Restore it, or train again.")
    masks = recipe.augment.spec_augment
    model = parts.crnn(
        recipe.model,
        front.num_features,
        lambda size: CtcHead(size, len(tokens)),
        interctc_tokens=len(tokens) if recipe.task.intermediate else 0,
    )
    return Recognition(
        front,
        normalizer(recipe.features.normalize, statistics),
        model,
        tokens,
        masks=partial(spec_augment, **masks.model_dump(exclude={"start_epoch"})) if masks else None,
        first_masked_epoch=masks.start_epoch if masks else 0,
        consistency=recipe.task.consistency,
        intermediate=recipe.task.intermediate,
        mixed=recipe.precision == "bf16",
    )


def distortion(augment: Augment, sample_rate: int) -> Distortion | None:
    """What training does to the sound besides its speed; None where the recipe asks for nothing.

    Raises:
        DataError: a folder of noises or impulse responses is not there, or holds nothing that can be read.
    """
    noise, reverberation = augment.noise, augment.reverberation
    if not (augment.gain_db or noise or reverberation):
        return None
    return Distortion(
        sample_rate,
        gain_db=augment.gain_db,
        noise_probability=noise.probability if noise else 0.0,
        snr_db=noise.snr_db if noise else (0.0, 0.0),
        noises=home.sounds(noise.folder, sample_rate) if noise and noise.folder else (),
        reverberation_probability=reverberation.probability if reverberation else 0.0,
        responses=home.sounds(reverberation.folder, sample_rate) if reverberation and reverberation.folder else (),
    )


def feed(recipe: Recipe, data: Data, assets: Assets, rank: int = 0, ranks: int = 1) -> Feed:
    """The training split as batches.

    Raises:
        DataError: more than one in a hundred of its cuts cannot be used, or a cut of dev cannot be read.
    """
    usable, findings = _usable(recipe, data.items["train"], assets.vocabulary)
    remarks = _check_dev(recipe, data.items.get("dev", []), assets.vocabulary)
    ready = _training_cuts(recipe, usable, assets.vocabulary)
    ids, durations, section = [cut.id for cut in usable], [cut.duration for cut in usable], recipe.data
    planned = partial(
        plan_epoch, ids, durations, budget=section.batch_seconds, seed=recipe.seed, speeds=recipe.augment.speed
    )
    counted = partial(num_batches, *planned.args, **planned.keywords)

    def plan_of(epoch: int) -> list[Batch]:
        return planned(epoch=epoch, short_first=epoch == 0 and section.first_epoch == "short_first")

    pinned = hardware.device(recipe.device).type == "cuda"
    batches = SpeechFeed(
        ready, plan_of, section.accumulate, section.workers, pinned, rank, ranks, lambda epoch: counted(epoch=epoch)
    )
    fingerprint = [(cut.id, cut.duration, cut.text) for cut in usable]
    return Feed(batches, "s", fingerprint, tuple(findings), remarks)


def _check_dev(recipe: Recipe, dev: Sequence[Cut], vocabulary: Vocabulary) -> tuple[str, ...]:
    unreadable = checks.unreadable(dev, checks.cache_of(recipe.data.corpus))
    checks.refuse_if_many(unreadable, len(dev), f"{recipe.data.name}, split dev", tolerated=0)
    unknown = checks.unknown_symbols(dev, vocabulary.unknown)
    if not unknown:
        return ()
    return (
        f"dev: {len(unknown)} cuts hold symbols that train never shows and that cannot be recognised: {unknown[0]}",
    )


# --------------------------------------------------------------------------------------------- scores, words


def scores(task: Recognition, recipe: Recipe, assets: Assets, items: Sequence[Cut], options: ScoreOptions) -> Scores:
    """Transcribes every cut and counts errors against its transcript."""
    task.eval()
    decoder, device = options.decoder or Greedy(), parts.device_of(task)
    planned = plan.in_order([cut.duration for cut in items], budget=2 * recipe.data.batch_seconds)
    ready = cuts(recipe, items, assets.vocabulary, options.distortion)
    batches = loader.batches(ready, [(0, batch) for batch in planned])
    references = {cut.id: cut.text for cut in items}
    found = {one.id: one for batch in batches for one in transcribed(task, batch.to(device), references, decoder)}
    return scores_of([found[cut_id] for cut_id in references])


def transfer(recipe: Recipe, assets: Assets) -> list[str]:
    """Another corpus is not trained on, and its texts are normalised in the case that the model writes."""
    return ["data.dev_as_train=false", f"task.case={case_of(recipe, assets.vocabulary)}"]


def case_of(recipe: Recipe, vocabulary: Vocabulary) -> str:
    """That of the recipe; where it keeps what it finds, that of its letters, if all have one."""
    letters = "".join(token for token in vocabulary.tokens if token not in (BLANK, UNKNOWN))
    if recipe.task.case != "keep" or not (letters.isupper() or letters.islower()):
        return recipe.task.case
    return "upper" if letters.isupper() else "lower"


def opened(run: Run, recipe: Recipe, assets: Assets, task: Recognition) -> Recognizer:
    """What `load` returns."""
    return Recognizer(run, task)


def summary(recipe: Recipe) -> Summary:
    """The model in figures; its tokens are assumed where the corpus is not here."""
    tokens, assumed = _known_tokens(recipe)
    num_features = front_end(recipe.features).num_features
    unit = Statistics((0.0,) * num_features, (1.0,) * num_features) if recipe.features.normalize == "global" else None
    recognition = task(recipe, Assets(tokens, unit))
    model = recognition.model
    frame_ms = 1000 * recognition.front_end.hop_length / recognition.front_end.sample_rate
    field, ahead, factor = model.receptive_field.size, look_ahead_ms(recognition), model.subsampling_factor
    step_bytes = footprint.step_bytes(recipe, recognition)
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
        f"memory of a step    about {step_bytes / 2**20:,.0f} MiB for {recipe.data.batch_seconds:g} s of speech",
    )
    return Summary(model.num_parameters, figures, lines)


def look_ahead_ms(task: Recognition) -> float | None:
    """Milliseconds of sound after its own frame that an output waits for; None where it waits for the whole.

    All of the right context together: the window of a frame, the convolutions and the look-ahead layer.
    """
    front, ahead = task.front_end, task.model.look_ahead
    return None if ahead is None else 1000 * (ahead * front.hop_length + front.look_ahead_samples) / front.sample_rate


def _known_tokens(recipe: Recipe) -> tuple[Vocabulary, bool]:
    if parts.is_here(recipe):
        try:
            training = data(recipe).items["train"]
            return Vocabulary.build([cut.text for cut in training], recipe.task.vocabulary), False
        except DataError:
            pass
    return Vocabulary.build([ASSUMED_TOKENS], "characters"), True


def usage(recipe: Recipe, model: str, recording: str) -> list[list[str]]:
    """The commands that use a trained model."""
    verbs = ["transcribe"] if recipe.model.recurrent.bidirectional else ["transcribe", "stream"]
    return [[verb, model, recording] for verb in verbs]


def card(run: Run, recipe: Recipe, assets: Assets, task: Recognition, scores: Sequence[Scores]) -> Card:
    """Its words for the model card."""
    ahead = look_ahead_ms(task)
    direction = "bidirectional: it reads a whole recording" if ahead is None else f"live, look-ahead {ahead:.0f} ms"
    head = "| split | WER % | 95 % interval | CER % | words | ROC area of word confidence |"
    rows = [_row(one) for one in scores]
    return Card(
        what=f"Speech to {recipe.task.vocabulary}, by CTC: {len(recipe.model.conv)} convolutions and "
        f"{parts.layers(recipe)}, {direction}",
        corpus=parts.about_corpus(recipe),
        scores="\n".join(
            ["Greedy, without a language model, of these very files.\n", head, "|---|--:|--:|--:|--:|--:|", *rows]
        ),
        limitations=CORPORA[recipe.data.corpus].NOT_FOR,
    )


def _row(one: Scores) -> str:
    low, high = (100 * bound for bound in one.figures["interval"])
    area = one.figures["roc_auc"]
    return (
        f"| {one.corpus} {one.split} | {100 * one.metrics['wer']:.2f} | {low:.2f} to {high:.2f} "
        f"| {100 * one.metrics['cer']:.2f} | {one.figures['words']} | {'' if area is None else f'{area:.3f}'} |"
    )


def inspect(name: str, folder: Path, progress: Progress | None = None) -> Inspection:
    """Decodes every recording once, and names the cuts that cannot be used."""
    rows = list[Mapping[str, Any]]()
    cache = checks.cache_of(name)
    for split, found in CORPORA[name].read_splits(folder).items():
        watched = progress and partial(progress, f"checking {split}")
        findings = [*checks.unreadable(found, cache, watched), *checks.empty(found)]
        rows.append({"split": split, **figures_of(found), "unusable": [str(one) for one in findings]})
    return Inspection(tuple(rows))


def figures_of(chosen: Sequence[Cut]) -> dict[str, Any]:
    """A split in figures."""
    hours = round(sum(cut.duration for cut in chosen) / 3600, 4)
    return {"cuts": len(chosen), "hours": hours, "speakers": len({cut.speaker for cut in chosen if cut.speaker})}
