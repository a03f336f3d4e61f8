"""How good a trained run is on a split: error rates with counts and an interval, and the worst utterances."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from crnn_audio import build
from crnn_audio.batching import loader, plan
from crnn_audio.config.load import dump, loads
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.corpora import home
from crnn_audio.errors import RunError
from crnn_audio.features.distort import Distortion
from crnn_audio.inference.composer import Composer
from crnn_audio.inference.evaluate_events import EventEvaluation, evaluate_events
from crnn_audio.inference.evaluate_rolls import RollEvaluation, evaluate_rolls
from crnn_audio.inference.evaluate_text import TextEvaluation, evaluate_text
from crnn_audio.inference.load import Model, load
from crnn_audio.inference.predictor import Predictor
from crnn_audio.inference.speech.recognizer import BATCH_SECONDS, Recognizer
from crnn_audio.inference.writer import Writer
from crnn_audio.metrics.error_rate import ErrorCounts, align, interval
from crnn_audio.runs import Run
from crnn_audio.tasks.judging import Transcribed, judge_recognition
from crnn_audio.text.vocabulary import BLANK, UNKNOWN


@dataclass(frozen=True)
class Evaluation:
    """A run's scores on a split; `interval` is the 95 % bootstrap interval of the word error rate, as fractions.

    `confidence_area` is the area under the ROC curve of "is this word right", by its confidence.
    """

    run: Path
    corpus: str
    split: str
    words: ErrorCounts
    characters: ErrorCounts
    interval: tuple[float, float]
    utterances: tuple[Transcribed, ...]
    confidence_area: float | None = None

    @property
    def scores(self) -> dict[str, float]:
        """What is recorded, by metric."""
        return {"wer": self.wer, "cer": self.cer}

    @property
    def wer(self) -> float:
        """Word error rate, a fraction."""
        return self.words.rate

    @property
    def cer(self) -> float:
        """Character error rate, a fraction."""
        return self.characters.rate

    def worst(self, count: int) -> list[Transcribed]:
        """The utterances with the most word errors, then character errors; none that is right."""
        ranked = sorted(self.utterances, key=lambda one: (-one.words.errors, -one.characters.errors))
        return [one for one in ranked[:count] if one.characters.errors]

    def as_json(self) -> dict[str, object]:
        """Plain figures for `--json`; rates are fractions."""
        return {
            "run": str(self.run),
            "corpus": self.corpus,
            "split": self.split,
            "wer": self.wer,
            "cer": self.cer,
            "words": self.words.reference,
            "substitutions": self.words.substitutions,
            "deletions": self.words.deletions,
            "insertions": self.words.insertions,
            "interval": list(self.interval),
            "confidence_area": self.confidence_area,
            "utterances": len(self.utterances),
        }


def evaluate(
    model: str | Path | Model,
    split: str | None = None,
    *,
    corpus: str | None = None,
    root: str | Path | None = None,
    weights: str = "best",
    distortion: Distortion | None = None,
    progress: home.Progress | None = None,
) -> Evaluation | RollEvaluation | EventEvaluation | TextEvaluation:
    """Measures a run on a split of the corpus that it was trained on, or of speech on another.

    Speech is transcribed, greedily, and errors are counted; music is foretold, frame by frame or note by note, and what
    a composer writes is compared with it; text is foretold token by token.

    Args:
        model: a run directory, a name of the zoo, or an open model.
        split: "train", "dev" or "test"; by default test, or dev where there is no test and dev was not trained on.
        corpus: of speech, another one than the run's own; "manifests" with a `root` for a prepared folder.
        root: where the corpus lies, if not where the recipe or the environment says.
        weights: "best" on dev, or "last" of training.
        distortion: what is done to speech first, such as noise at a ratio; the same to a cut each time.

    Raises:
        RunError, DataError, RecipeError: the run or the corpus cannot be used.
    """
    opened = load(model, weights=weights) if isinstance(model, str | Path) else model
    if corpus and not isinstance(opened, Recognizer):
        raise RunError(f"{opened.run.path}: hears no speech, so it is judged on its own corpus alone. Name no other.")
    if isinstance(opened, Predictor):
        return evaluate_rolls(opened, split or "test", root=root, progress=progress)
    if isinstance(opened, Composer):
        return evaluate_events(opened, split or "test", root=root, progress=progress)
    if isinstance(opened, Writer):
        return evaluate_text(opened, split or "dev", root=root, progress=progress)
    return evaluate_speech(opened, split, corpus=corpus, root=root, distortion=distortion, progress=progress)


def evaluate_speech(
    recognizer: Recognizer,
    split: str | None = None,
    *,
    corpus: str | None = None,
    root: str | Path | None = None,
    distortion: Distortion | None = None,
    progress: home.Progress | None = None,
) -> Evaluation:
    """As `evaluate`, of a recogniser."""
    run = recognizer.run
    recipe, splits = corpus_of(run, root, progress, corpus=corpus)
    split = split or default_split(recipe, splits)
    chosen = build.required(splits, split, recipe.data.name)
    cuts = build.cuts(recipe, chosen, run.vocabulary, distortion)
    planned = plan.in_order([cut.duration for cut in chosen], budget=BATCH_SECONDS)
    loaded = loader.batches(cuts, [(0, batch) for batch in planned])
    references = {cut.id: cut.text for cut in chosen}
    batches = (one.to(recognizer.device) for one in loaded)
    judged = judge_recognition(recognizer.task, batches, references, recognizer.decoder)
    return Evaluation(
        run=run.path,
        corpus=recipe.data.name,
        split=split,
        words=judged.words,
        characters=judged.characters,
        interval=interval([one.words for one in judged.utterances]),
        confidence_area=judged.confidence_area,
        utterances=judged.utterances,
    )


def corpus_of(
    run: Run,
    root: str | Path | None = None,
    progress: home.Progress | None = None,
    *,
    corpus: str | None = None,
) -> tuple[RecognitionRecipe, build.Splits]:
    """A run's recipe, with another corpus or its own at `root` if these are given, and the corpus's cuts by split.

    Another corpus's texts are spelled in the case that the model writes.

    Raises:
        DataError: it cannot be had.
        RecipeError: no corpus has that name.
    """
    place = [f"data.root={json.dumps(str(root))}"] if root else []
    if corpus:
        case = f"task.case={case_of(run)}"
        place = [f"data.corpus={corpus}", "data.dev_as_train=false", case, *(place or ["data.root=null"])]
    kinds = {"recognition": RecognitionRecipe}
    recipe = cast(RecognitionRecipe, loads(dump(run.speech), place, kinds, source=str(run.path)))
    return recipe, build.splits(recipe, progress)


def case_of(run: Run) -> str:
    """That of the recipe; where it keeps what it finds, that of its letters, if all have one."""
    letters = "".join(token for token in run.vocabulary.tokens if token not in (BLANK, UNKNOWN))
    if run.speech.task.case != "keep" or not (letters.isupper() or letters.islower()):
        return run.speech.task.case
    return "upper" if letters.isupper() else "lower"


def default_split(recipe: RecognitionRecipe, splits: build.Splits) -> str:
    """Test; dev where there is no test, if the recipe did not train on it."""
    held_out = bool(splits.get("dev")) and not recipe.data.dev_as_train
    return "dev" if held_out and not splits.get("test") else "test"


def lines(found: Evaluation | RollEvaluation | EventEvaluation | TextEvaluation, name: str, worst: int) -> list[str]:
    """For people: the scores of a model of that name, and its worst utterances, said above heard."""
    if not isinstance(found, Evaluation):
        return found.lines(name, worst)
    words, (low, high) = found.words, found.interval
    text = [
        f"{name} on {found.corpus} {found.split}: {len(found.utterances)} utterances, {words.reference} words",
        f"  WER {100 * found.wer:.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f})  "
        f"{words.substitutions} substitutions, {words.deletions} deletions, {words.insertions} insertions",
        f"  CER {100 * found.cer:.2f} %",
    ]
    if found.confidence_area is not None:
        text.append(f"  confidence: {found.confidence_area:.3f} under the ROC curve of right against wrong words")
    for one in found.worst(worst):
        said, heard = align(one.reference, one.hypothesis)
        text.append(f"  {one.cut_id}\n    said   {said.rstrip()}\n    heard  {heard.rstrip()}")
    return text
