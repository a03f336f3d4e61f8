"""What a problem that reads recordings builds of a recipe: features, cuts, and what is wrong with cuts."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from crnn_audio.batching import checks, loader, plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import Augment, Features
from crnn_audio.config.recognition import RecognitionRecipe as Recipe
from crnn_audio.corpora import home
from crnn_audio.features import normalize, spectrogram
from crnn_audio.features.distort import Distortion
from crnn_audio.features.normalize import Normalizer, Statistics
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.problems import parts
from crnn_audio.text.vocabulary import Vocabulary

STATISTICS_SECONDS = 3600.0
"""Seconds of training audio that normalisation statistics are taken from, at most."""
FRONT_ENDS: dict[str, Callable[..., FrontEnd]] = {
    "fbank": spectrogram.Fbank,
    "log_mel": spectrogram.LogMel,
    "mfcc": spectrogram.Mfcc,
    "mel": spectrogram.Mel,
}


def front_end(features: Features) -> FrontEnd:
    """Waveforms to features."""
    return FRONT_ENDS[features.kind](**features.model_dump(exclude={"kind", "normalize"}))


def inputs(features: Features) -> str:
    """The features in a phrase: "fbank, 80 bins"."""
    return f"{features.kind}, {front_end(features).num_features} bins"


def normalizer(kind: str, statistics: Statistics | None) -> Normalizer:
    """Features to normalised features; "global" needs the training split's statistics."""
    if kind == "global":
        assert statistics is not None, "global normalisation without statistics"
        mean, std = (torch.tensor(numbers, dtype=torch.float32) for numbers in (statistics.mean, statistics.std))
        return normalize.GlobalNorm(mean, std)
    return normalize.UtteranceNorm() if kind == "utterance" else normalize.NoNorm()


def usable_cuts(recipe: Recipe, training: Sequence[Cut], vocabulary: Vocabulary) -> tuple[list[Cut], list[Finding]]:
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
    samples = torch.tensor([ready.num_samples(index, fastest) for index in range(len(chosen))], dtype=torch.long)
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


def training_cuts(recipe: Recipe, usable: Sequence[Cut], tokens: Vocabulary) -> Cuts:
    """Cuts with the distortion that training gives them."""
    return cuts(recipe, usable, tokens, distortion(recipe.augment, recipe.features.sample_rate))


def statistics_of(recipe: Recipe, ready: Cuts, report: Callable[[str], None]) -> Statistics | None:
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
    measured = normalize.Moments(sound.num_features)
    planned = [(0, tuple(chosen[at : at + 8])) for at in range(0, len(chosen), 8)]
    with torch.inference_mode():
        for batch in loader.batches(ready, planned):
            measured.add(*sound(batch.audio.waveforms, batch.audio.lengths))
    return Statistics(tuple(measured.mean.tolist()), tuple(measured.std.tolist()))


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


def check_dev(recipe: Recipe, dev: Sequence[Cut], vocabulary: Vocabulary) -> tuple[str, ...]:
    """What to say of a dev split: symbols that train never shows.

    Raises:
        DataError: a cut cannot be read.
    """
    unreadable = checks.unreadable(dev, checks.cache_of(recipe.data.corpus))
    checks.refuse_if_many(unreadable, len(dev), f"{recipe.data.name}, split dev", tolerated=0)
    unknown = checks.unknown_symbols(dev, vocabulary.unknown)
    if not unknown:
        return ()
    return (
        f"dev: {len(unknown)} cuts hold symbols that train never shows and that cannot be recognised: {unknown[0]}",
    )


def figures_of(chosen: Sequence[Cut]) -> dict[str, Any]:
    """A split in figures."""
    hours = round(sum(cut.duration for cut in chosen) / 3600, 4)
    return {"cuts": len(chosen), "hours": hours, "speakers": len({cut.speaker for cut in chosen if cut.speaker})}
