"""The labels of a classifier: what a run keeps of them, and what makes a corpus's labels unusable."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crnn_audio import files
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut
from crnn_audio.config.classification import ClassificationRecipe as Recipe
from crnn_audio.errors import DataError, RunError
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import recordings


@dataclass(frozen=True)
class Assets:
    """The labels, how many training recordings have each, and with global normalisation the features' statistics."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    statistics: Statistics | None

    def save(self, folder: Path) -> None:
        """Writes labels.json and statistics.json."""
        content = json.dumps(dict(zip(self.labels, self.counts, strict=True)), indent=1, ensure_ascii=False)
        files.write_text(folder / "labels.json", content + "\n")
        if self.statistics:
            self.statistics.save(folder / "statistics.json")

    @classmethod
    def from_folder(cls, folder: Path, recipe: Recipe) -> "Assets":
        """Reads them.

        Raises:
            RunError: they are missing or damaged.
        """
        found = files.read_json_object(folder / "labels.json", RunError, advice="Restore it, or train again.")
        if len(found) < 2 or any(type(count) is not int or count < 1 for count in found.values()):
            raise RunError(f"{folder / 'labels.json'}: damaged (no labels with their counts). Restore it.")
        return cls(tuple(found), tuple(found.values()), recordings.stored_statistics(folder, recipe))

    def ids(self, recipe: Recipe, cut: Cut) -> list[int]:
        """The ids of a cut's labels, from 1 on; of labels that are unknown, none."""
        return [self.labels.index(label) + 1 for label in labels_of(recipe, cut) if label in self.labels]


def labels_of(recipe: Recipe, cut: Cut) -> tuple[str, ...]:
    """The labels of a cut, in the order in which they stand."""
    if not recipe.task.multilabel:
        return (cut.label,) if cut.label else ()
    return tuple(dict.fromkeys(filter(None, (one.strip() for one in (cut.label or "").split(";")))))


def refuse_labels(recipe: Recipe, counts: Counter[str]) -> None:
    """Stops at labels of a training split that cannot be learned; `counts` are their recordings.

    Raises:
        DataError: there are fewer than two, one has a single recording, two differ in case or space alone, or one of
            the background is none of them.
    """
    name = f"{recipe.data.name}, split train"
    if len(counts) < 2:
        raise DataError(f"{name}: {len(counts)} labels, where at least two are needed. Label the recordings.")
    if lonely := sorted(label for label, count in counts.items() if count == 1):
        raise DataError(f"{name}: a single recording of {', '.join(map(repr, lonely))}. Add some, or drop the class.")
    spelled = dict[str, str]()
    for label in sorted(counts):
        other = spelled.setdefault(" ".join(label.split()).casefold(), label)
        if other != label:
            raise DataError(f"{name}: the labels {other!r} and {label!r} differ in case or space alone. Spell one way.")
    if strange := [label for label in recipe.task.background if label not in counts]:
        raise DataError(f"{name}: task.background names {strange[0]!r}, which is no label of it ({', '.join(counts)}).")


def findings(recipe: Recipe, cuts: Sequence[Cut]) -> list[Finding]:
    """Cuts of a training split that are too long, or have no label where one is needed."""
    found = recordings.too_long(recipe, cuts)
    return found if recipe.task.multilabel else found + unlabelled(cuts)


def unlabelled(cuts: Sequence[Cut]) -> list[Finding]:
    """Cuts without a label."""
    return [Finding(cut.id, "has no label. Label it, or drop the cut.") for cut in cuts if not cut.label]


def refuse_unknown(recipe: Recipe, assets: Assets, cuts: Sequence[Cut], where: str) -> None:
    """Stops at a label that the model does not know.

    Raises:
        DataError: names the cut, the label and those that are known.
    """
    for cut in cuts:
        for label in labels_of(recipe, cut):
            if label not in assets.labels:
                known = ", ".join(assets.labels)
                raise DataError(f"{where}: cut {cut.id!r} has the label {label!r}, unknown to the model ({known}).")
