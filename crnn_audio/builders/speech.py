"""From a recipe of speech to its parts: corpus, vocabulary, front end, task, and the training split as batches."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from crnn_audio.batching import checks
from crnn_audio.batching.loader import Cuts, SpeechFeed
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch, num_batches, plan_epoch
from crnn_audio.builders.parts import conv_front, model, rebuilding
from crnn_audio.config.recognition import Augment, Features, RecognitionRecipe, RecognitionTask
from crnn_audio.corpora import CORPORA, home
from crnn_audio.errors import RunError
from crnn_audio.features import normalize, spectrogram
from crnn_audio.features.distort import Distortion
from crnn_audio.features.normalize import Normalizer
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.models.heads import CtcHead
from crnn_audio.runs import Run
from crnn_audio.tasks.recognition import Masks, Recognition
from crnn_audio.text.normalize import normalize as normalize_text
from crnn_audio.text.vocabulary import Vocabulary

Splits = dict[str, list[Cut]]
Statistics = tuple[list[float], list[float]]


def splits(recipe: RecognitionRecipe, progress: home.Progress | None = None) -> Splits:
    """The corpus's cuts by split: found, made or downloaded; transcripts spelled as the task says.

    Raises:
        DataError: it is nowhere and cannot be fetched; with the places tried.
    """
    data = recipe.data
    corpus = CORPORA[data.corpus]
    folder = home.locate(corpus, Path(data.root) if data.root else None, progress)
    found = dict(corpus.read_splits(folder))
    if data.dev_as_train:
        found["train"] = found["train"] + found.get("dev", [])
    return {name: [_spelled(cut, recipe.task) for cut in cuts] for name, cuts in found.items()}


def _spelled(cut: Cut, task: RecognitionTask) -> Cut:
    text = normalize_text(cut.text, case=task.case, punctuation=task.punctuation)
    return replace(cut, text=text)


def vocabulary(task: RecognitionTask, cuts: Sequence[Cut]) -> Vocabulary:
    """The tokens of a training split."""
    return Vocabulary.build([cut.text for cut in cuts], task.vocabulary)


FRONT_ENDS: dict[str, Callable[..., FrontEnd]] = {
    "fbank": spectrogram.Fbank,
    "log_mel": spectrogram.LogMel,
    "mfcc": spectrogram.Mfcc,
    "mel": spectrogram.Mel,
}


def front_end(features: Features) -> FrontEnd:
    """Waveforms to features."""
    return FRONT_ENDS[features.kind](**features.model_dump(exclude={"kind", "normalize"}))


def normalizer(kind: str, statistics: Statistics | None) -> Normalizer:
    """Features to normalised features; "global" needs the training split's statistics."""
    if kind == "global":
        assert statistics is not None, "global normalisation without statistics"
        mean, std = (torch.tensor(numbers, dtype=torch.float32) for numbers in statistics)
        return normalize.GlobalNorm(mean, std)
    return normalize.UtteranceNorm() if kind == "utterance" else normalize.NoNorm()


def recognition(recipe: RecognitionRecipe, tokens: Vocabulary, statistics: Statistics | None) -> Recognition:
    """The whole recogniser, from waveforms to its loss, with initial weights that depend on the seed alone.

    Raises:
        RunError: the statistics are not those of such features.
    """
    torch.manual_seed(recipe.seed)
    front = front_end(recipe.features)
    if statistics and {len(numbers) for numbers in statistics} != {front.num_features}:
        raise RunError(f"statistics.json: damaged (the features are {front.num_features}). Restore it, or train again.")
    masks = recipe.augment.spec_augment
    return Recognition(
        front,
        normalizer(recipe.features.normalize, statistics),
        model(
            recipe.model,
            front.num_features,
            lambda size: CtcHead(size, len(tokens)),
            interctc_tokens=len(tokens) if recipe.task.intermediate else 0,
        ),
        tokens,
        masks=Masks(**masks.model_dump()) if masks else None,
        consistency=recipe.task.consistency,
        intermediate=recipe.task.intermediate,
        mixed=recipe.precision == "bf16",
    )


def of_run(run: Run) -> Recognition:
    """The recogniser of a run directory, before it is given its weights.

    Raises:
        RunError: the recipe or the statistics in it are damaged.
    """
    with rebuilding(run):
        return recognition(run.speech, run.vocabulary, run.statistics)


def cuts(
    recipe: RecognitionRecipe, chosen: Sequence[Cut], tokens: Vocabulary, distortion: Distortion | None = None
) -> Cuts:
    """Cuts with their token ids, ready to be read, and distorted where that is asked for."""
    targets = [tokens.encode(cut.text) for cut in chosen]
    rate = recipe.features.sample_rate
    return Cuts(chosen, targets, sample_rate=rate, seed=recipe.seed, distortion=distortion)


def distortion(augment: Augment, sample_rate: int) -> Distortion | None:
    """What training does to the sound besides its speed; None where the recipe asks for nothing.

    Raises:
        DataError: a folder of noises or rooms is not there, or holds nothing that can be read.
    """
    noise, rooms = augment.noise, augment.reverberation
    if not (augment.gain_db or noise or rooms):
        return None
    return Distortion(
        sample_rate,
        gain_db=augment.gain_db,
        noise_share=noise.probability if noise else 0.0,
        snr_db=noise.snr_db if noise else (0.0, 0.0),
        noises=home.sounds(noise.folder, sample_rate) if noise and noise.folder else (),
        room_share=rooms.probability if rooms else 0.0,
        responses=home.sounds(rooms.folder, sample_rate) if rooms and rooms.folder else (),
    )


def feed(recipe: RecognitionRecipe, ready: Cuts, pin_memory: bool = False, rank: int = 0, ranks: int = 1) -> SpeechFeed:
    """The training split as global batches, and their order in each epoch; a rank reads its share of each."""
    ids, durations = [cut.id for cut in ready.cuts], [cut.duration for cut in ready.cuts]

    planned = partial(
        plan_epoch, ids, durations, budget=recipe.data.batch_seconds, seed=recipe.seed, speeds=recipe.augment.speed
    )
    counted = partial(num_batches, *planned.args, **planned.keywords)

    def plan(epoch: int) -> list[Batch]:
        return planned(epoch=epoch, short_first=epoch == 0 and recipe.data.first_epoch == "short_first")

    data = recipe.data
    return SpeechFeed(
        ready, plan, data.accumulate, data.workers, pin_memory, rank, ranks, lambda epoch: counted(epoch=epoch)
    )


def findings(recipe: RecognitionRecipe, ready: Cuts) -> list[checks.Finding]:
    """What the cheap checks say of a training split: empty, infeasible or over-long cuts."""
    return [finding for found in findings_by_kind(recipe, ready).values() for finding in found]


def findings_by_kind(recipe: RecognitionRecipe, ready: Cuts) -> dict[str, list[checks.Finding]]:
    """The same by what it is: "empty", "infeasible", "too long"."""
    sound = front_end(recipe.features)
    front = conv_front(recipe.model, sound.num_features)
    fastest, slowest = max(recipe.augment.speed), min(recipe.augment.speed)
    samples = torch.tensor([ready.num_samples(index, fastest) for index in range(len(ready.cuts))])
    frames: Tensor = front.output_lengths(sound.num_frames(samples))
    stride = front.receptive_field.stride
    return {
        "empty": checks.empty(ready.cuts),
        "infeasible": checks.infeasible(ready.cuts, ready.targets, frames.tolist(), stride),
        "too long": checks.too_long(ready.cuts, slowest, recipe.data.batch_seconds),
    }
