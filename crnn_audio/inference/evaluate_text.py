"""How well a model foretells a text: nats a character, beside what n-grams of one, two and three tokens reach."""

from dataclasses import dataclass
from pathlib import Path

from crnn_audio import build
from crnn_audio.corpora import home, texts
from crnn_audio.errors import DataError
from crnn_audio.inference.writer import Likely, TextLikelihood, Writer
from crnn_audio.metrics.text_floors import FLOORS, text_floors
from crnn_audio.text import tokens


@dataclass(frozen=True)
class TextEvaluation:
    """A run's score on a text; `floors` are what n-gram models of the training text reach on it, in nats a character.

    `corpus` and `split` say which text; one that is no split of a corpus has the split "text", and no floors.
    """

    run: Path
    corpus: str
    split: str
    unit: str
    likelihood: TextLikelihood
    floors: dict[str, float]

    @property
    def scores(self) -> dict[str, float]:
        """What is recorded, by metric."""
        return {"nats_per_character": self.likelihood.nats_per_character}

    def as_json(self) -> dict[str, object]:
        """Plain figures for `--json`."""
        found = self.likelihood
        return {
            "run": str(self.run),
            "corpus": self.corpus,
            "split": self.split,
            "unit": self.unit,
            "nats_per_character": found.nats_per_character,
            "nats_per_token": found.nats_per_token,
            "perplexity": found.perplexity,
            "characters": len(found.text),
            "tokens": len(found.tokens),
            "unknown": found.num_unknown,
            "floors": self.floors,
        }

    def lines(self, name: str, worst: int) -> list[str]:
        """For people: the score of a model of that name, and the floors; no text is worse than the rest of it."""
        found = self.likelihood
        unit = self.unit.removesuffix("s")
        counted = f"{len(found.text)} characters" + (
            "" if unit == "character" else f", {len(found.tokens)} {self.unit}"
        )
        each = "" if unit == "character" else f", {found.nats_per_token:.3f} nats a {unit}"
        text = [
            f"{name} on {self.corpus}{'' if self.split == 'text' else ' ' + self.split}: {counted} foretold",
            f"  {found.nats_per_character:.4f} nats a character{each}, perplexity {found.perplexity:.2f} a {unit}",
        ]
        if found.num_unknown:
            text.append(f"  {found.num_unknown} of {len(found.tokens)} {self.unit} are unknown to the model")
        if self.floors:
            floors = ", ".join(f"{name} {nats:.4f}" for name, nats in self.floors.items())
            text.append(f"  floors, in nats a character: {floors}")
        return text


def evaluate_text(
    writer: Writer, split: str, *, root: str | Path | None = None, progress: home.Progress | None = None
) -> TextEvaluation:
    """Foretells a split as one running text, from a state of zero at its beginning.

    Raises:
        DataError: the text cannot be had, or has no such split.
        RunError: its losses are not finite.
    """
    recipe = writer.run.language
    data = recipe.data.model_copy(update={"root": str(root)} if root else {})
    splits = build.text(recipe.model_copy(update={"data": data}), progress).splits
    if split not in splits:
        raise DataError(f"{data.name}: no split {split!r}; it has {', '.join(splits)}.")
    likelihood = writer.score(splits[split])
    nats = text_floors(*(tokens.known(splits[one], writer.vocabulary) for one in ("train", split)))
    floors = {FLOORS[order]: total / len(likelihood.text) for order, total in nats.items()}
    return TextEvaluation(writer.run.path, data.name, split, recipe.task.unit, likelihood, floors)


def evaluate_file(writer: Writer, path: str | Path) -> TextEvaluation:
    """The likelihood of any text in UTF-8.

    Raises:
        DataError: it cannot be read, is not UTF-8, or is empty.
    """
    likelihood = writer.score(texts.read(Path(path)))
    return TextEvaluation(writer.run.path, str(path), "text", writer.run.language.task.unit, likelihood, {})


def next_lines(found: list[Likely], primer: str, unit: str) -> list[str]:
    """For people: a table of what may come after a text."""
    shown = [repr(one.token) if unit == "characters" else one.token for one in found]
    width = max(map(len, shown))
    rows = [f"{token:{width}}  {one.probability:.4f}" for token, one in zip(shown, found, strict=True)]
    return [f"p( {unit.removesuffix('s')} | {primer} )", *rows]
