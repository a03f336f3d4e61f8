"""Model cards of what writes music or text: what it is, its data, its scores, what it knows, what it is not for."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from crnn_audio import build
from crnn_audio.corpora import CORPORA
from crnn_audio.corpora.home import Corpus
from crnn_audio.inference.composer import Composer
from crnn_audio.inference.evaluate_events import EventEvaluation
from crnn_audio.inference.evaluate_text import TextEvaluation
from crnn_audio.inference.writer import Writer
from crnn_audio.runs import Run

FORMS = {
    "chorale": "four voices on the sixteenth",
    "melody": "melodies, note by note",
    "quartet": "four voices on the sixteenth, pitches alone",
}
"""What a model writes, by its representation."""


def page(run: Run, what: str, sections: Mapping[str, str]) -> str:
    """A card: the model's name, what it is, and sections by their titles."""
    parts = [f"# {run.path.resolve().name}", what, *(f"## {title}\n\n{text}" for title, text in sections.items())]
    return "\n\n".join(parts) + "\n"


def data(corpus: Corpus, trained: str) -> str:
    """What a corpus is, from where and under which licence; `trained` says how the weights came about."""
    about = (corpus.__doc__ or "").strip().partition("\n")[0]
    return f"{about}\nFrom {corpus.HOME}\n\nLicence: {corpus.LICENCE}.\n\n{trained}"


def music_card(composer: Composer, scores: tuple[EventEvaluation, ...], trained: str) -> str:
    """The card; `trained` says how the weights came about."""
    run = composer.run
    corpus = CORPORA[run.events.data.corpus]
    known = [f"- `{name}`: {run.conditions.listed(name)}" for name in run.conditions.values]
    sections = {
        "Data": data(corpus, trained),
        "Scores": f"Of these very files, nothing given.\n\n{_table(scores)}",
        "What may be asked for": "\n".join(known) or "Nothing.",
        "Not good for": _sentence(corpus.NOT_FOR),
        "Use": f"```\n{_use(run)}\n```",
    }
    return page(run, _what(composer), sections)


def _what(composer: Composer) -> str:
    model, recipe = composer.task.model, composer.run.events
    layers = recipe.model.recurrent
    form = FORMS[recipe.data.representation]
    kept = " Voices that are kept are heard ahead by layers of both directions." if recipe.model.encoder else ""
    return (
        f"Writes {form}: {layers.num_layers} {layers.cell.upper()} layers of {layers.hidden_size} and a softmax for "
        f"each token of a row, one after the other.{kept} {model.num_parameters:,} parameters, kept in half precision."
    )


def _table(scores: tuple[EventEvaluation, ...]) -> str:
    lines = ["| split | nats a note | pieces |", "|---|--:|--:|"]
    return "\n".join(
        lines + [f"| {one.corpus} {one.split} | {one.nats_per_note:.3f} | {len(one.pieces)} |" for one in scores]
    )


def _use(run: Run) -> str:
    name = run.path.resolve().name
    return shlex.join(["crnn-audio", "generate", name, "--num", "10", "--out", "tunes"])


def music_splits(run: Run, root: str | Path | None) -> tuple[str, ...]:
    """The splits that the model did not see: dev and test, where they are.

    Raises:
        DataError: the corpus cannot be had.
    """
    data = run.events.data.model_copy(update={"root": str(root)} if root else {})
    there = build.music(run.events.model_copy(update={"data": data})).splits
    return tuple(split for split in ("dev", "test") if there.get(split))


def text_card(writer: Writer, scores: tuple[TextEvaluation, ...], trained: str) -> str:
    """The card; `trained` says how the weights came about."""
    run, model = writer.run, writer.task.model
    recipe = run.language
    corpus, layers = CORPORA[recipe.data.corpus], recipe.model.recurrent
    rows = [
        f"| {one.corpus} {one.split} | {one.likelihood.nats_per_character:.4f} | {one.likelihood.perplexity:.2f} "
        f"| {len(one.likelihood.text)} | {', '.join(f'{name} {nats:.4f}' for name, nats in one.floors.items())} |"
        for one in scores
    ]
    head = f"| split | nats a character | perplexity a {recipe.task.unit.removesuffix('s')} | characters | n-grams |"
    table = "\n".join([head, "|---|--:|--:|--:|---|", *rows])
    what = (
        f"Writes text by {recipe.task.unit}: {layers.num_layers} {layers.cell.upper()} layers of {layers.hidden_size} "
        f"and a softmax over {len(run.vocabulary) - 1} tokens; {model.num_parameters:,} parameters, kept in half "
        "precision."
    )
    use = shlex.join(["crnn-audio", "generate", run.path.resolve().name, "--tokens", "300"])
    sections = {
        "Data": data(corpus, trained),
        "Scores": f"Of these very files, each text as a whole.\n\n{table}",
        "Not good for": _sentence(corpus.NOT_FOR),
        "Use": f"```\n{use}\n```",
    }
    return page(run, what, sections)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def text_splits(run: Run, root: str | Path | None) -> tuple[str, ...]:
    """The splits that the model did not see.

    Raises:
        DataError: the corpus cannot be had.
    """
    data = run.language.data.model_copy(update={"root": str(root)} if root else {})
    there = build.text(run.language.model_copy(update={"data": data})).splits
    return tuple(split for split in there if split != "train")
