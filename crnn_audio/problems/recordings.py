"""What every problem that reads recordings builds of a recipe: splits of cuts, features, batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crnn_audio import hardware
from crnn_audio.batching import checks, loader, plan
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts, SpeechFeed
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import Batch
from crnn_audio.config.sound import Augment, Features
from crnn_audio.config.sound import SoundRecipe as Recipe
from crnn_audio.corpora import CORPORA, folds, home
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError, RunError
from crnn_audio.features import normalize, spectrogram
from crnn_audio.features.augment import spec_augment
from crnn_audio.features.distort import Distortion
from crnn_audio.features.normalize import Normalizer, Statistics
from crnn_audio.features.spectrogram import FrontEnd
from crnn_audio.models.heads import Head
from crnn_audio.problems import Feed, Inspection, parts
from crnn_audio.tasks.sound import SoundParts
from crnn_audio.types import SpeechBatch

STATISTICS_SECONDS = 3600.0
"""Seconds of training audio that normalisation statistics are taken from, at most."""
FRONT_ENDS: dict[str, Callable[..., FrontEnd]] = {
    "fbank": spectrogram.Fbank,
    "log_mel": spectrogram.LogMel,
    "mfcc": spectrogram.Mfcc,
    "mel": spectrogram.Mel,
}

# ------------------------------------------------------------------------------------------------- cuts


def splits(recipe: Recipe, progress: Progress | None = None) -> tuple[dict[str, list[Cut]], tuple[str, ...]]:
    """The corpus's cuts by split, and what was done to the level or the channels of some.

    Raises:
        DataError: it is nowhere, cannot be read, or has no dev split that could be trained on.
    """
    corpus, folder = parts.located(recipe, progress)
    found = {name: list(cuts) for name, cuts in folds.read_splits(corpus, folder, recipe.data.fold).items()}
    if recipe.data.dev_as_train:
        if not found.get("dev"):
            raise DataError(f"{recipe.data.name}: has no dev, which data.dev_as_train would train on. Leave that out.")
        found["train"] = found["train"] + found["dev"]
    adjusted = checks.Adjusted()
    if progress:  # decoded here, where it shows: `usable` reads the findings from the cache
        watched = partial(progress, "checking train")
        checks.unreadable(found["train"], checks.cache_of(recipe.data.corpus), watched, adjusted)
    return found, adjusted.lines()


def transfer(recipe: Recipe, assets: Any) -> list[str]:
    """Another corpus is not trained on, and has folds of its own."""
    return ["data.dev_as_train=false", "data.fold=null"]


def held_out(recipe: Recipe) -> tuple[str, ...]:
    """The splits that training does not learn from."""
    return ("test",) if recipe.data.dev_as_train else ("dev", "test")


def usable(
    recipe: Recipe, training: Sequence[Cut], findings: Sequence[Finding] = ()
) -> tuple[list[Cut], list[Finding]]:
    """The cuts that can be trained on, and what is wrong with the others, which includes `findings`.

    Raises:
        DataError: more than one in a hundred cannot be used.
    """
    found = [*checks.unreadable(training, checks.cache_of(recipe.data.corpus)), *findings]
    checks.refuse_if_many(found, len(training), f"{recipe.data.name}, split train")
    bad = {finding.cut_id for finding in found}
    return [cut for cut in training if cut.id not in bad], found


def too_long(recipe: Recipe, cuts: Sequence[Cut]) -> list[Finding]:
    """Cuts that do not fit in a batch at their slowest."""
    return checks.too_long(cuts, min(recipe.augment.speed), recipe.data.batch_seconds)


def refuse_unreadable(recipe: Recipe, dev: Sequence[Cut]) -> None:
    """Stops where a cut of dev cannot be read.

    Raises:
        DataError: names it.
    """
    unreadable = checks.unreadable(dev, checks.cache_of(recipe.data.corpus))
    checks.refuse_if_many(unreadable, len(dev), f"{recipe.data.name}, split dev", tolerated=0)


def inspect(
    name: str, folder: Path, findings_of: Callable[[list[Cut]], list[Finding]], progress: Progress | None
) -> Inspection:
    """Decodes every recording of a corpus once, and names the cuts that cannot be used, by `findings_of` too."""
    rows = list[Mapping[str, Any]]()
    cache, adjusted = checks.cache_of(name), checks.Adjusted()
    for split, found in CORPORA[name].read_splits(folder).items():
        watched = progress and partial(progress, f"checking {split}")
        findings = [*checks.unreadable(found, cache, watched, adjusted), *findings_of(found)]
        rows.append({"split": split, **figures_of(found), "unusable": [str(one) for one in findings]})
    return Inspection(tuple(rows), remarks=adjusted.lines())


def figures_of(chosen: Sequence[Cut]) -> dict[str, Any]:
    """A split in figures."""
    hours = round(sum(cut.duration for cut in chosen) / 3600, 4)
    return {"cuts": len(chosen), "hours": hours, "speakers": len({cut.speaker for cut in chosen if cut.speaker})}


# ---------------------------------------------------------------------------------------------- batches


def ready(
    recipe: Recipe, chosen: Sequence[Cut], targets: Sequence[Sequence[int]], distortion: Distortion | None = None
) -> Cuts:
    """Cuts with the ids of what each should give, ready to be read, and distorted where that is asked for."""
    rate = recipe.features.sample_rate
    return Cuts(chosen, targets, sample_rate=rate, seed=recipe.seed, distortion=distortion)


def feed(
    recipe: Recipe,
    cuts: Cuts,
    fingerprint: object,
    findings: Sequence[Finding],
    remarks: tuple[str, ...] = (),
    rank: int = 0,
    ranks: int = 1,
) -> Feed:
    """Cuts of the training split as batches of like durations."""
    ids, durations = [cut.id for cut in cuts.cuts], [cut.duration for cut in cuts.cuts]
    section = recipe.data
    options: dict[str, Any] = {
        "budget": section.batch_seconds,
        "seed": recipe.seed,
        "speeds": recipe.augment.speed,
    }

    def plan_of(epoch: int) -> list[Batch]:
        short_first = epoch == 0 and section.first_epoch == "short_first"
        return plan.plan_epoch(ids, durations, epoch=epoch, short_first=short_first, **options)

    def count_of(epoch: int) -> int:
        return plan.num_batches(ids, durations, epoch=epoch, **options)

    pinned = hardware.device(recipe.device).type == "cuda"
    batches = SpeechFeed(cuts, plan_of, section.accumulate, section.workers, pinned, rank, ranks, count_of)
    return Feed(batches, "s", fingerprint, tuple(findings), remarks)


def batches(recipe: Recipe, cuts: Cuts, device: torch.device) -> Iterator[SpeechBatch]:
    """Every cut once, on a device, to be scored; in the order of their durations."""
    planned = plan.in_order([cut.duration for cut in cuts.cuts], budget=2 * recipe.data.batch_seconds)
    for batch in loader.batches(cuts, [(0, one) for one in planned]):
        yield batch.to(device)


# --------------------------------------------------------------------------------------------- features


def front_end(features: Features) -> FrontEnd:
    """Waveforms to features."""
    return FRONT_ENDS[features.kind](**features.model_dump(exclude={"kind", "normalize"}))


def inputs(recipe: Recipe) -> str:
    """What the network reads: "fbank, 80 bins"."""
    return f"{recipe.features.kind}, {front_end(recipe.features).num_features} bins"


def normalizer(kind: str, statistics: Statistics | None) -> Normalizer:
    """Features to normalised features; "global" needs the training split's statistics."""
    if kind == "global":
        assert statistics is not None, "global normalisation without statistics"
        mean, std = (torch.tensor(numbers, dtype=torch.float32) for numbers in (statistics.mean, statistics.std))
        return normalize.GlobalNorm(mean, std)
    return normalize.UtteranceNorm() if kind == "utterance" else normalize.NoNorm()


def sound_parts(
    recipe: Recipe, statistics: Statistics | None, head: Callable[[int], Head], *, interctc_tokens: int = 0
) -> SoundParts:
    """What a task of recordings is built of, with initial weights that depend on the seed alone.

    Raises:
        RunError: the statistics are not those of such features, since they are damaged.
    """
    torch.manual_seed(recipe.seed)
    front, masks = front_end(recipe.features), recipe.augment.spec_augment
    if statistics and {len(statistics.mean), len(statistics.std)} != {front.num_features}:
        raise RunError(f"statistics.json: damaged (the features are {front.num_features}). Restore it, or train again.")
    return SoundParts(
        front,
        normalizer(recipe.features.normalize, statistics),
        parts.crnn(recipe.model, front.num_features, head, interctc_tokens=interctc_tokens),
        masks=partial(spec_augment, **masks.model_dump(exclude={"start_epoch"})) if masks else None,
        first_masked_epoch=masks.start_epoch if masks else 0,
        mixed=recipe.precision == "bf16",
    )


def stored_statistics(folder: Path, recipe: Recipe) -> Statistics | None:
    """Those of a run directory; None where its recipe does not normalise by them."""
    return Statistics.load(folder / "statistics.json") if recipe.features.normalize == "global" else None


def statistics_of(recipe: Recipe, cuts: Cuts, report: Callable[[str], None]) -> Statistics | None:
    """Mean and deviation of each feature, of a random hour of the training split, every cut at its own speed.

    None where the recipe does not normalise by them.
    """
    if recipe.features.normalize != "global":
        return None
    report("Measuring the mean and deviation of the features.")
    sound, usable = front_end(recipe.features), cuts.cuts
    order = sorted(range(len(usable)), key=lambda index: plan.key(recipe.seed, usable[index].id, "statistics"))
    chosen, seconds = [], 0.0
    for index in order:
        if seconds < STATISTICS_SECONDS:
            chosen.append(plan.PlannedCut(index, 1.0, usable[index].duration))
            seconds += usable[index].duration
    measured = normalize.Moments(sound.num_features)
    planned = [(0, tuple(chosen[at : at + 8])) for at in range(0, len(chosen), 8)]
    with torch.inference_mode():
        for batch in loader.batches(cuts, planned):
            measured.add(*sound(batch.audio.waveforms, batch.audio.lengths))
    return Statistics(tuple(measured.mean.tolist()), tuple(measured.std.tolist()))


def unit_statistics(recipe: Recipe) -> Statistics | None:
    """Statistics that change nothing, for a model that is built to be measured."""
    size = front_end(recipe.features).num_features
    return Statistics((0.0,) * size, (1.0,) * size) if recipe.features.normalize == "global" else None


def distortion(recipe: Recipe) -> Distortion | None:
    """What training does to the sound besides its speed; None where the recipe asks for nothing.

    Raises:
        DataError: a folder of noises or impulse responses is not there, or holds nothing that can be read.
    """
    augment: Augment = recipe.augment
    sample_rate, noise, reverberation = recipe.features.sample_rate, augment.noise, augment.reverberation
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
