"""Checks data before training: errors, and warnings."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from crnn_audio.batching import audio_stats, checks, quality
from crnn_audio.batching.audio_stats import AudioStats
from crnn_audio.batching.checks import Finding
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.corpora import CORPORA
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.corpora.own.splitting import lopsided
from crnn_audio.errors import RecipeError
from crnn_audio.evaluation.diagnosis import Diagnosis, Issue, SplitFigures
from crnn_audio.evaluation.evaluate import required
from crnn_audio.problems import load_recipe, recognition, speech
from crnn_audio.problems.recognition import Splits
from crnn_audio.text.vocabulary import Vocabulary

Stats = dict[str, dict[str, AudioStats]]
"""Statistics of the cuts that can be read, by split and cut id."""


def check(
    target: str | Path,
    overrides: Sequence[str] = (),
    *,
    root: str | Path | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Decodes all of a corpus and reports errors and warnings.

    Args:
        target: the name of a corpus, a folder of manifests, or a recipe, whose features, vocabulary and subsampling
            count; the first two are taken as a recipe's defaults would.
        overrides: of the recipe, such as "data.root=folder".
        root: where the corpus lies, if not where the recipe or the environment has it.

    Raises:
        DataError: the data cannot be had or read at all.
        RecipeError: the target is none of these, or the recipe is wrong.
    """
    recipe = _recipe(str(target), overrides, root)
    data = recognition.data(recipe, progress)
    splits = {name: cuts for name, cuts in data.items.items() if cuts}
    train = required(splits, "train", recipe.data.name)
    tokens = Vocabulary.build([cut.text for cut in train], recipe.task.vocabulary, recipe.task.num_subwords)
    faults = list(_faults(recipe, splits, tokens, progress))
    unreadable = {(one.split, one.cut) for one in faults if one.kind == "unreadable"}
    sound = {name: [cut for cut in cuts if (name, cut.id) not in unreadable] for name, cuts in splits.items()}
    stats = _stats(recipe, sound, progress)
    found = [*faults, *_warnings(recipe, splits, tokens, stats)]
    return Diagnosis(
        target=str(target),
        splits=tuple(SplitFigures.of(name, cuts) for name, cuts in splits.items()),
        issues=tuple(sorted(found, key=lambda one: not one.is_error)),
        durations={name: [cut.duration for cut in cuts] for name, cuts in splits.items()},
        tokens=tokens.tokens[2:],
        remarks=(*data.remarks, *lopsided(splits)),
    )


def _recipe(target: str, overrides: Sequence[str], root: str | Path | None) -> RecognitionRecipe:
    corpus = CORPORA.get(target)
    if corpus and corpus.KIND != "recognition":
        raise RecipeError(_no_speech(f"{target}: {'text' if corpus.KIND == 'text' else 'music'}", target))
    if corpus and corpus.HOME != LOCAL:
        data = {"corpus": target, "root": str(root) if root else None}
    elif Path(target).is_dir():
        data = {"corpus": "manifests", "root": target}
    else:
        try:
            recipe = load_recipe(target, *overrides)
        except RecipeError as error:
            if Path(target).exists() or overrides:
                raise
            spoken = (one for one in CORPORA.values() if one.KIND == "recognition" and one.HOME != LOCAL)
            corpora = ", ".join(one.NAME for one in spoken)
            raise RecipeError(f"{error} Nor is it a folder of manifests, or a corpus ({corpora}).") from None
        if not recognition.reads(recipe):
            raise RecipeError(_no_speech(f"{target}: trains on {recipe.data.name}", recipe.data.corpus))
        return recipe.model_copy(update={"data": recipe.data.model_copy(update={"root": str(root)} if root else {})})
    if overrides:
        raise RecipeError(f"{target}: no recipe, so there is nothing for {overrides[0]!r} to change. Name a recipe.")
    return RecognitionRecipe.model_validate({"data": data})


def _no_speech(about: str, corpus: str) -> str:
    reading = f"`crnn-audio prepare {corpus}`" if CORPORA[corpus].HOME != LOCAL else "the start of a training"
    return (
        f"{about}; doctor checks recordings of speech alone. For scores, piano rolls and texts, "
        f"{reading} reads every piece and reports what is damaged or missing."
    )


def _faults(
    recipe: RecognitionRecipe, splits: Splits, tokens: Vocabulary, progress: Progress | None
) -> Iterator[Issue]:
    """What training leaves out or refuses, and what cannot be scored."""
    cache = checks.cache_of(recipe.data.corpus)
    for split, cuts in splits.items():
        report = progress and partial(progress, f"checking {split}")
        cheap = speech.findings_by_kind(recipe, cuts, tokens)
        found = {"unreadable": checks.unreadable(cuts, cache, report), **cheap}
        if split != "train":
            del found["too long"]  # a limit of training alone
        bad = {finding.cut_id for findings in found.values() for finding in findings}
        refused = len(bad) > checks.TOLERATED_FRACTION * len(cuts)
        for kind, findings in found.items():
            is_error = refused if split == "train" else kind == "unreadable"
            yield from _issues(kind, split, findings, is_error)


def _stats(recipe: RecognitionRecipe, splits: Splits, progress: Progress | None) -> Stats:
    cache = audio_stats.cache_of(recipe.data.corpus)
    return {
        split: audio_stats.measure_cuts(cuts, cache, progress and partial(progress, f"measuring {split}"))
        for split, cuts in splits.items()
    }


def _issues(kind: str, split: str, findings: Sequence[Finding], is_error: bool = False) -> Iterator[Issue]:
    return (Issue(kind, split, finding.cut_id, finding.problem, is_error) for finding in findings)


SOUNDS = {"silent": quality.silent, "level": quality.adjusted, "gap": quality.gaps, "clipped": quality.clipped}


def _warnings(recipe: RecognitionRecipe, splits: Splits, tokens: Vocabulary, stats: Stats) -> Iterator[Issue]:
    """What does not stop training; and copies across splits, which invalidate scores."""
    for split, cuts in splits.items():
        for kind, test in SOUNDS.items():
            yield from _issues(kind, split, test(cuts, stats[split]))
        yield from _issues("pace", split, quality.pace(cuts))
        if split != "train":
            yield from _issues("unknown", split, checks.unknown_symbols(cuts, tokens.unknown))
    yield from _issues("rare", "train", quality.rare(splits["train"], tokens.split, tokens.kind))
    yield from (
        Issue("copy", split, finding.cut_id, finding.problem, is_error=across)
        for split, finding, across in quality.copies(splits, stats)
    )
    across_splits = {
        "rate": quality.rates(splits, recipe.features.sample_rate),
        "shared id": quality.shared_ids(splits),
        "shared speaker": quality.shared_speakers(splits),
        "shared text": quality.shared_texts(splits),
    }
    for kind, found in across_splits.items():
        for split, finding in found:
            yield from _issues(kind, split, [finding])
