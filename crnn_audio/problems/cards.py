"""The words that cards of models have in common: tables of scores, networks, and where the data come from."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from crnn_audio.config.schema import Recipe
from crnn_audio.config.sound import SoundRecipe
from crnn_audio.corpora import CORPORA, home
from crnn_audio.metrics.scores import Scores
from crnn_audio.tasks.sound import SoundTask

Column = Callable[[Scores], object]
"""What a column of a table has for scores."""


def table(scores: Sequence[Scores], columns: Mapping[str, Column], note: str = "") -> str:
    """Scores in Markdown, a split a line; `columns` by their headings, `note` above."""
    rows = [["split", *columns]]
    rows += [[f"{one.corpus} {one.split}", *(str(of(one)) for of in columns.values())] for one in scores]
    head, *lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([*filter(None, [note]), head, "|---|" + "--:|" * len(columns), *lines])


def per_cent(metric: str) -> Column:
    """A column of a metric that is a rate."""
    return lambda one: f"{100 * one.metrics[metric]:.2f}"


def interval(one: Scores) -> str:
    """The column of the 95 % interval of a rate."""
    low, high = one.figures["interval"]
    return f"{100 * low:.2f} to {100 * high:.2f}"


def figure(name: str) -> Column:
    """A column of a figure as it is."""
    return lambda one: one.figures[name]


def layers(recipe: Recipe) -> str:
    """The recurrent layers of a model in words."""
    recurrent = recipe.model.recurrent
    return f"{recurrent.num_layers} {recurrent.cell.upper()} layers of {recurrent.hidden_size}"


def sound_network(recipe: SoundRecipe, task: SoundTask) -> str:
    """A model of recordings in words."""
    ahead = task.look_ahead_ms
    direction = "bidirectional: it reads a whole recording" if ahead is None else f"live, look-ahead {ahead:.0f} ms"
    return f"{len(recipe.model.conv)} convolutions and {layers(recipe)}, {direction}"


def about_corpus(recipe: Recipe) -> str:
    """What a recipe's corpus is, from where and under which licence, with the notice that the licence wants kept."""
    corpus = CORPORA[recipe.data.corpus]
    about = (corpus.__doc__ or "").strip().partition("\n")[0]
    if corpus.HOME == home.LOCAL:
        return f"{about} Here: {recipe.data.name}.\n\nLicence: {corpus.LICENCE}."
    notice = Path(home.__file__).parent / "notices" / f"{corpus.NAME}.txt"
    kept = f"\n\n```\n{notice.read_text(encoding='utf-8').strip()}\n```" if notice.exists() else ""
    return f"{about}\nFrom {corpus.HOME}\n\nLicence: {corpus.LICENCE}.{kept}"
