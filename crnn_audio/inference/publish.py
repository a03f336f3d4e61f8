"""A finished run made small enough to ship: half-precision weights, no training state, and a model card.

The copy is a run directory like any other. It is scored as the file that ships, not as the run it came from.
"""

import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crnn_audio import files, runs
from crnn_audio.config import commands
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.corpora import CORPORA, home
from crnn_audio.errors import DataError, RunError
from crnn_audio.inference import cards
from crnn_audio.inference.cards import music_card, music_splits, text_card, text_splits
from crnn_audio.inference.composer import Composer
from crnn_audio.inference.evaluate import Evaluation, corpus_of, evaluate_speech
from crnn_audio.inference.evaluate_events import EventEvaluation, evaluate_events
from crnn_audio.inference.evaluate_text import TextEvaluation, evaluate_text
from crnn_audio.inference.load import load
from crnn_audio.inference.show import look_ahead_ms
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.inference.writer import Writer
from crnn_audio.runs import Run

Score = Evaluation | EventEvaluation | TextEvaluation


@dataclass(frozen=True)
class Published:
    """A copy that is ready to ship: its folder, the bytes of all its files, its scores by split.

    `weights` are those that it got: the "best" on dev or the "last".
    """

    path: Path
    num_bytes: int
    scores: tuple[Score, ...]
    weights: str


def publish(
    model: str | Path,
    out: str | Path,
    *,
    splits: tuple[str, ...] | None = None,
    root: str | Path | None = None,
    weights: str = "best",
    progress: home.Progress | None = None,
) -> Published:
    """Copies a finished run into the new folder `out`, small, scores the copy and writes its model card, README.md.

    Args:
        splits: those to score it on; by default dev, if the run was not trained on it, and test, if there is one.
        root: where the corpus lies, if not where the run's recipe or the environment says.
        weights: "best" on dev, or "last" of training.

    Raises:
        RunError: the run is not finished, or `out` exists.
        DataError: its corpus cannot be had, or has no such split.
    """
    run = runs.open_run(model)
    if not run.finished:
        raise RunError(f"{run.path}: only a finished run is published. Go on with `train` first.")
    if Path(out).exists():
        raise RunError(f"{out}: exists. Choose another --out, or remove it.")
    splits = _held_out(run, root, progress) if splits is None else splits
    copy = runs.small_copy(run, Path(out), weights)
    try:
        root = root or run.recipe.data.root  # which the copy does not know
        scores, text = _judged(copy, splits, root, progress)
        copy.set_state("finished", scores=[_score(one) for one in scores])
        with runs.writing(copy.path):
            files.write_text(copy.path / "README.md", text)
    except BaseException:  # without its scores it would pass for a model that is ready to ship
        shutil.rmtree(copy.path, ignore_errors=True)
        raise
    num_bytes = sum(file.stat().st_size for file in copy.path.iterdir())
    return Published(copy.path, num_bytes, scores, copy.facts.get("weights", "best"))


def _judged(
    copy: Run, splits: tuple[str, ...], root: str | Path | None, progress: home.Progress | None
) -> tuple[tuple[Score, ...], str]:
    """The scores of the copy, and its card."""
    opened = load(copy.path, device="cpu")
    if isinstance(opened, Composer):
        music = tuple(evaluate_events(opened, split, root=root, written=0, progress=progress) for split in splits)
        return music, music_card(opened, music, _trained(copy, "train"))
    if isinstance(opened, Writer):
        texts = tuple(evaluate_text(opened, split, root=root, progress=progress) for split in splits)
        return texts, text_card(opened, texts, _trained(copy, "train"))
    if not isinstance(opened, Recognizer):
        raise RunError(f"{copy.path}: a model of piano rolls is not published; it is for comparing cells.")
    scores = tuple(_scored(opened, split, root, progress) for split in splits)
    return scores, card(opened, scores)


def _held_out(run: Run, root: str | Path | None, progress: home.Progress | None) -> tuple[str, ...]:
    if isinstance(run.recipe, MusicRecipe):
        return music_splits(run, root)
    if isinstance(run.recipe, TextRecipe):
        return text_splits(run, root)
    recipe, there = corpus_of(run, root, progress)
    unseen = ("test",) if recipe.data.dev_as_train else ("dev", "test")
    found = tuple(split for split in unseen if there.get(split))
    if not found:
        why = "no test split, and dev was trained on" if recipe.data.dev_as_train else "neither a dev nor a test split"
        raise DataError(f"{recipe.data.name}: {why}, so there is nothing to score the copy on.")
    return found


def _scored(recognizer: Recognizer, split: str, root: str | Path | None, progress: home.Progress | None) -> Evaluation:
    found = evaluate_speech(recognizer, split, root=root, progress=progress)
    return replace(found, corpus=commands.from_here(found.corpus))


def _score(evaluation: Score) -> dict[str, Any]:
    return {name: value for name, value in evaluation.as_json().items() if name != "run"}


def card(recognizer: Recognizer, scores: tuple[Evaluation, ...]) -> str:
    """The model card: what it is, from what data and under which licence, its scores, what it is not good for."""
    run = recognizer.run
    corpus = CORPORA[run.recipe.data.corpus]
    sections = {
        "Data": _data(corpus, run),
        "Scores": f"Greedy, without a language model, of these very files.\n\n{_table(scores)}",
        "Not good for": corpus.NOT_FOR,
        "Use": f"```\n{_use(run)}\n```",
    }
    return cards.page(run, _what(recognizer), sections)


def _what(recognizer: Recognizer) -> str:
    model, recipe = recognizer.task.model, recognizer.run.speech
    layers, ahead = recipe.model.recurrent, look_ahead_ms(recognizer.task)
    direction = "bidirectional: it reads a whole recording" if ahead is None else f"live, look-ahead {ahead:.0f} ms"
    return (
        f"Speech to {recipe.task.vocabulary}, by CTC: {len(recipe.model.conv)} convolutions and {layers.num_layers} "
        f"{layers.cell.upper()} layers of {layers.hidden_size}, {direction}; {model.num_parameters:,} parameters, kept "
        "in half precision."
    )


def _data(corpus: home.Corpus, run: Run) -> str:
    data = run.speech.data
    splits = "train and dev, as long as was chosen before on dev" if data.dev_as_train else "train"
    start = f", starting from {run.recipe.init}" if run.recipe.init else ""
    trained = _trained(run, splits + start)
    if corpus.HOME != home.LOCAL:
        return cards.data(corpus, trained)
    return f"Own recordings in {data.name}; their licence is for their owner to state.\n\n{trained}"


def _trained(run: Run, on: str) -> str:
    facts = run.facts
    threads = f", {facts.get('threads')} thread(s)" if facts.get("device") == "cpu" else ""
    return (
        f"Trained on {on}: {facts.get('epochs')} epochs, {facts.get('steps')} steps, "
        f"seed {run.recipe.seed}, on {facts.get('device')}{threads}, by `{facts.get('command')}` "
        f"at commit {facts.get('commit')}. {_chosen(run)}"
    )


def _chosen(run: Run) -> str:
    if run.facts.get("weights") == "last" or run.facts.get("best_dev") is None:
        return "The weights are those at the end of training."
    return f"The weights are those that were best on dev, after epoch {run.facts.get('best_epoch')}."


def _table(scores: tuple[Evaluation, ...]) -> str:
    lines = [
        "| split | WER % | 95 % interval | CER % | words | ROC area of word confidence |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for one in scores:
        low, high = (100 * bound for bound in one.interval)
        area = "" if one.confidence_area is None else f"{one.confidence_area:.3f}"
        lines.append(
            f"| {one.corpus} {one.split} | {100 * one.wer:.2f} | {low:.2f} to {high:.2f} | {100 * one.cer:.2f} "
            f"| {one.words.reference} | {area} |"
        )
    return "\n".join(lines)


def _use(run: Run) -> str:
    name = run.path.resolve().name
    verbs = ["transcribe"] if run.recipe.model.recurrent.bidirectional else ["transcribe", "stream"]
    return "\n".join(shlex.join(["crnn-audio", verb, name, "recording.wav"]) for verb in verbs)
