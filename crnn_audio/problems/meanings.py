"""What speech recognition does where a recipe learns from what recordings mean: their texts, targets and scores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import RecognitionRecipe as Recipe
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.meanings import INTENT, Meanings
from crnn_audio.errors import DataError
from crnn_audio.inference.speech.commands import THRESHOLD, command_of
from crnn_audio.metrics import commands
from crnn_audio.metrics.commands import ScoredCommand
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Card, ScoreOptions, cards, parts, recordings
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.normalize import normalize
from crnn_audio.text.vocabulary import Vocabulary


def of(recipe: Recipe, grammar: Path | None, vocabulary: Vocabulary | None = None) -> Meanings | None:
    """What recordings may mean, where a recipe learns from that alone."""
    return Meanings(grammar, vocabulary) if recipe.task.supervision == "grammar" and grammar else None


def in_recipe(recipe: Recipe) -> Meanings | None:
    """The same, with the grammar that the recipe names."""
    return of(recipe, recipe.decoder.options.grammar if recipe.decoder else None)


def spelled(recipe: Recipe, text: str) -> str:
    """A text as the task says."""
    task = recipe.task
    return normalize(text, case=task.case, punctuation=task.punctuation, language=task.language)


def texts(recipe: Recipe, training: Sequence[Cut], meanings: Meanings | None) -> list[str]:
    """What the tokens are made of: transcripts, or the words of the grammar."""
    if meanings is not None:
        return [spelled(recipe, " ".join(sorted(meanings.compiled.graph.words)))]
    return [cut.text for cut in training]


def worded(recipe: Recipe, chosen: Sequence[Cut], meanings: Meanings | None) -> list[Cut]:
    """Cuts with the shortest sentence that means what they mean as their text, by which they are checked.

    Raises:
        DataError: there is none; names the cut.
    """
    if meanings is None:
        return list(chosen)
    kept = dict[tuple[int, ...], str]()
    found = []
    for cut in chosen:
        try:
            ids = targets([cut], meanings)[0]
            kept[ids] = kept.get(ids) or spelled(recipe, meanings.shortest(ids))
        except DataError as error:
            raise DataError(f"cut {cut.id!r}: {error}") from None
        found.append(replace(cut, text=kept[ids]))
    return found


def targets(chosen: Sequence[Cut], meanings: Meanings) -> list[tuple[int, ...]]:
    """The ids of what each cut means.

    Raises:
        DataError: a cut has no intent, or one that the grammar does not know.
    """
    if unlabelled := [cut.id for cut in chosen if cut.label is None]:
        raise DataError(f"{unlabelled[0]!r} has no intent as its label, which task.supervision 'grammar' learns from.")
    return [meanings.ids(cut.label or "", dict(cut.slots)) for cut in chosen]


def scores(
    task: Recognition, recipe: Recipe, meanings: Meanings, items: Sequence[Cut], options: ScoreOptions
) -> Scores:
    """Finds the best sentence of the grammar in every cut, and compares what it means with what the cut means."""
    device, wanted = parts.device_of(task), {cut.id: {INTENT: cut.label or "", **dict(cut.slots)} for cut in items}
    decoder, found = GraphDecoder(meanings.everything(device)), dict[str, ScoredCommand]()
    ready = recordings.ready(recipe, items, targets(items, meanings), options.distortion)
    for batch in recordings.batches(recipe, ready, device):
        with torch.inference_mode():
            encoded = task(batch.audio)
            losses = task.likelihoods(encoded, batch.targets).tolist()
        paths = decoder.decode(encoded.frames, encoded.lengths)
        for cut_id, path, loss in zip(batch.cut_ids, paths, losses, strict=True):
            text = task.vocabulary.decode(path.tokens)
            understood = command_of(path, meanings, THRESHOLD, text)
            meaning = {INTENT: understood.intent, **understood.slots} if understood.intent is not None else None
            found[cut_id] = ScoredCommand(cut_id, wanted[cut_id], meaning, text, understood.confidence, loss)
    return commands.scores_of([found[cut_id] for cut_id in wanted])


def card(network: str, scores: Sequence[Scores]) -> Card:
    """The words of a model card, where commands are understood."""
    columns = {
        "accepted %": cards.per_cent("acceptance"),
        "commands": cards.figure("commands"),
        "not understood": cards.figure("refused"),
    }
    return Card(f"Spoken commands to their meaning, by CTC and a grammar: {network}", cards.table(scores, columns))
