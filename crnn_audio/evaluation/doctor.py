"""Checks data before training: errors, warnings, and how long the cuts are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from crnn_audio import files
from crnn_audio.batching import audio_stats, checks, quality
from crnn_audio.batching.audio_stats import AudioStats
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.corpora import CORPORA
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.corpora.own.splitting import lopsided
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.evaluation.evaluate import required
from crnn_audio.problems import load_recipe, recognition, speech
from crnn_audio.problems.recognition import Splits
from crnn_audio.text.vocabulary import Vocabulary

Stats = dict[str, dict[str, AudioStats]]
"""Statistics of the cuts that can be read, by split and cut id."""


@dataclass(frozen=True)
class Issue:
    """One finding: its kind, split and cut, why and what to do; `is_error` if it stops training or scoring."""

    kind: str
    split: str
    cut: str
    problem: str
    is_error: bool

    def __str__(self) -> str:
        return f"{self.split}, cut {self.cut!r}: {self.problem}"


@dataclass(frozen=True)
class SplitFigures:
    """A split in figures: cuts, hours of sound, speakers known; seconds of cuts; cuts by sample rate."""

    split: str
    cuts: int
    hours: float
    speakers: int
    shortest: float
    median: float
    longest: float
    rates: dict[int, int]


@dataclass(frozen=True)
class Diagnosis:
    """What `check` found; `durations` are seconds of each cut by split, `tokens` those of train.

    `remarks` are of whole splits: invisible characters that were removed, splits that are too short or too long.
    """

    target: str
    splits: tuple[SplitFigures, ...]
    issues: tuple[Issue, ...]
    durations: dict[str, list[float]]
    tokens: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def errors(self) -> list[Issue]:
        """Issues that stop training or scoring."""
        return [issue for issue in self.issues if issue.is_error]

    @property
    def warnings(self) -> list[Issue]:
        """All other issues."""
        return [issue for issue in self.issues if not issue.is_error]

    def as_json(self) -> dict[str, object]:
        """Plain figures for `--json`."""
        return {
            "target": self.target,
            "usable": self.usable,
            "splits": [asdict(one) for one in self.splits],
            "tokens": list(self.tokens),
            "findings": [asdict(one) for one in self.issues],
            "remarks": list(self.remarks),
        }


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
        splits=tuple(_figures(name, cuts) for name, cuts in splits.items()),
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


def _figures(split: str, cuts: Sequence[Cut]) -> SplitFigures:
    durations = [cut.duration for cut in cuts]
    return SplitFigures(
        split=split,
        cuts=len(cuts),
        hours=round(sum(durations) / 3600, 4),
        speakers=len({cut.speaker for cut in cuts if cut.speaker}),
        shortest=round(min(durations), 3),
        median=round(median(durations), 3),
        longest=round(max(durations), 3),
        rates=dict(Counter(cut.recording.sample_rate for cut in cuts).most_common()),
    )


def lines(diagnosis: Diagnosis) -> list[str]:
    """The diagnosis for people: the splits in figures, every finding, and a table that counts them."""
    remarks = ["", *map(_one_line, diagnosis.remarks)] if diagnosis.remarks else []
    found = [*remarks, *_listed(diagnosis), *_table_of_findings(diagnosis)]
    return [*_table_of_splits(diagnosis), *found, "", _verdict(diagnosis)]


def _table_of_splits(diagnosis: Diagnosis) -> list[str]:
    head = f"{'split':10} {'cuts':>7} {'minutes':>9} {'speakers':>8} {'shortest':>9} {'median':>8} {'longest':>8}  Hz"
    rows = [
        f"{one.split:10} {one.cuts:7} {60 * one.hours:9.1f} {one.speakers:8} {one.shortest:7.2f} s {one.median:6.2f} s "
        f"{one.longest:6.2f} s  {', '.join(map(str, one.rates))}"
        for one in diagnosis.splits
    ]
    return [head, *rows]


def _listed(diagnosis: Diagnosis) -> list[str]:
    found: list[str] = []
    for title, issues in (("Errors", diagnosis.errors), ("Warnings", diagnosis.warnings)):
        if issues:
            found += ["", f"{title}:", *(f"  {_one_line(str(issue))}" for issue in issues)]
    return found


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _table_of_findings(diagnosis: Diagnosis) -> list[str]:
    counts = Counter((one.kind, one.split) for one in diagnosis.issues)
    if not counts:
        return []
    names = [one.split for one in diagnosis.splits]
    kinds = list(dict.fromkeys(one.kind for one in diagnosis.issues))
    head = f"{'findings':15} " + " ".join(f"{name:>8}" for name in names)
    return ["", head, *(f"{kind:15} " + " ".join(f"{counts[kind, name]:8}" for name in names) for kind in kinds)]


def _verdict(diagnosis: Diagnosis) -> str:
    counts = f"{len(diagnosis.errors)} errors, {len(diagnosis.warnings)} warnings"
    about = f"{counts}, {len(diagnosis.tokens)} tokens in train"
    return f"{diagnosis.target}: {'usable' if diagnosis.usable else 'not usable as it is'} ({about})."


def plot_durations(diagnosis: Diagnosis, path: Path) -> None:
    """Plots the durations of each split as a PNG.

    Raises:
        DataError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(diagnosis.durations)
    figure = Figure(figsize=(8, 1 + 1.8 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    longest = max(max(durations) for durations in diagnosis.durations.values())
    for axes, name in zip(figure.subplots(len(names), sharex=True, squeeze=False)[:, 0], names, strict=True):
        durations = diagnosis.durations[name]
        axes.hist(durations, bins=60, range=(0, longest), color="tab:blue")
        axes.set(title=f"{name}: {len(durations)} cuts, {sum(durations) / 60:.1f} minutes", ylabel="cuts")
        axes.grid(alpha=0.3)
    axes.set(xlabel="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            figure.savefig(partial, format="png", dpi=110)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from None
