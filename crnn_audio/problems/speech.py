"""What speech recognition builds of a recipe: cuts with their tokens, and what is wrong with them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from crnn_audio.batching import checks
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import RecognitionRecipe as Recipe
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.features.distort import Distortion
from crnn_audio.problems import meanings, parts, recordings
from crnn_audio.text.vocabulary import Vocabulary


def usable_cuts(recipe: Recipe, training: Sequence[Cut], vocabulary: Vocabulary) -> tuple[list[Cut], list[Finding]]:
    """The cuts that can be trained on, and what is wrong with the others.

    Raises:
        DataError: more than one in a hundred cannot be used.
    """
    found = [
        *(finding for findings in findings_by_kind(recipe, training, vocabulary).values() for finding in findings),
        *checks.unknown_symbols(training, vocabulary.unknown),  # where a corpus changed under an unfinished run
    ]
    return recordings.usable(recipe, training, found)


def findings_by_kind(recipe: Recipe, chosen: Sequence[Cut], vocabulary: Vocabulary) -> dict[str, list[Finding]]:
    """What the cheap checks say of a training split, by what it is: "empty", "infeasible", "too long"."""
    ready, sound = cuts(recipe, chosen, vocabulary), recordings.front_end(recipe.features)
    front = parts.conv_front(recipe.model, sound.num_features)
    fastest = max(recipe.augment.speed)
    samples = torch.tensor([ready.num_samples(index, fastest) for index in range(len(chosen))], dtype=torch.long)
    frames: Tensor = front.output_lengths(sound.num_frames(samples))
    stride = front.receptive_field.stride
    return {
        "empty": checks.empty(chosen),
        "infeasible": checks.infeasible(chosen, ready.targets, frames.tolist(), stride),
        "too long": recordings.too_long(recipe, chosen),
    }


def cuts(recipe: Recipe, chosen: Sequence[Cut], tokens: Vocabulary, distortion: Distortion | None = None) -> Cuts:
    """Cuts with their token ids, ready to be read, and distorted where that is asked for."""
    return recordings.ready(recipe, chosen, [tokens.encode(cut.text) for cut in chosen], distortion)


def training_cuts(recipe: Recipe, usable: Sequence[Cut], tokens: Vocabulary, grammar: Meanings | None = None) -> Cuts:
    """Cuts with the distortion that training gives them; with a grammar, with the ids of what they mean."""
    distortion = recordings.distortion(recipe)
    if grammar is not None:
        return recordings.ready(recipe, usable, meanings.targets(usable, grammar), distortion)
    return cuts(recipe, usable, tokens, distortion)


def check_dev(recipe: Recipe, dev: Sequence[Cut], vocabulary: Vocabulary) -> tuple[str, ...]:
    """What to say of a dev split: symbols that train never shows.

    Raises:
        DataError: a cut cannot be read.
    """
    recordings.refuse_unreadable(recipe, dev)
    unknown = checks.unknown_symbols(dev, vocabulary.unknown)
    if not unknown:
        return ()
    return (
        f"dev: {len(unknown)} cuts hold symbols that train never shows and that cannot be recognised: {unknown[0]}",
    )
