"""Corpora by their names: found, made or fetched, and all of it read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut
from crnn_audio.config import next_steps
from crnn_audio.config.explain import nearest
from crnn_audio.corpora import CORPORA, home
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.own import prepare as own
from crnn_audio.corpora.own.prepare import PreparedFolder, write_manifests
from crnn_audio.errors import DataError
from crnn_audio.problems import load_recipe, recognition, speech
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prepared:
    """A corpus that lies in `folder`: figures of each split, what makes it unusable, what a person should know."""

    folder: Path
    rows: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def prepare(
    corpus: str,
    *,
    root: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Finds, makes or downloads a corpus and reads all of it once.

    Args:
        corpus: its name.
        root: where it lies, if not where it is looked for.
        out: a folder for manifests of recordings, <split>.jsonl, which Lhotse reads too; by default none are written.
        progress: called with what is done.

    Raises:
        DataError: there is no such corpus, or it cannot be had; with what there is and what was tried.
    """
    if corpus not in CORPORA:
        known = ", ".join(name for name, one in CORPORA.items() if one.HOME != home.LOCAL)
        near = nearest(corpus, CORPORA)
        raise DataError(f"{corpus}: no such corpus{f'; did you mean {near!r}?' if near else '.'} There are {known}.")
    source = CORPORA[corpus]
    if out is not None and source.KIND != "recognition":
        raise DataError(f"{corpus}: manifests are of recordings, and these are none; leave out --out.")
    folder = home.locate(source, Path(root) if root else None, progress)
    found = PROBLEMS[source.KIND].inspect(corpus, folder, progress)
    if out is not None:
        write_manifests(dict(source.read_splits(folder)), Path(out), folder)
    return Prepared(folder, found.rows, found.problems, found.remarks)


def prepare_folder(
    path: str | Path,
    out: str | Path | None = None,
    *,
    speaker_folders: bool = False,
    resplit: bool = False,
    leave_out: bool = False,
    classes: bool = False,
    progress: Progress | None = None,
) -> PreparedFolder:
    """Makes train.jsonl, dev.jsonl and test.jsonl of recordings, a table or Lhotse cuts; decodes all of it.

    Args:
        path: a folder of audio beside texts; a table (.tsv, .csv, .jsonl, lines of `path|text`) of paths and texts, or
            a folder that holds one, such as Common Voice's; a data folder of Kaldi; or Lhotse cuts (.jsonl, .jsonl.gz).
        out: where the manifests go; by default data/own/<name>.
        speaker_folders: the first folder of a path (below train, dev, test) names the speaker, where nothing else does.
        resplit: make new splits even where there are some.
        leave_out: leave out what cannot be used and list it, in place of refusing; and cuts that are too short for
            their texts, by the recipe that is recommended for such data.
        classes: recordings have labels, no texts: a folder of each class, or a table with columns `path` and `label`.
        progress: called with what is done.

    Raises:
        DataError: nothing is found; something cannot be used, each with its line and what to do; or `out` cannot be
            written or holds manifests that came from elsewhere.
    """
    return own.prepare_folder(
        path,
        out,
        speaker_folders=speaker_folders,
        resplit=resplit,
        leave_out=leave_out,
        classes=classes,
        progress=progress,
        infeasible=_infeasible,
    )


def _infeasible(cuts: Sequence[Cut]) -> Sequence[Finding]:
    recipe = load_recipe(next_steps.RECIPE)
    assert recognition.reads(recipe), next_steps.RECIPE
    tokens = Vocabulary.build([cut.text for cut in cuts], recipe.task.vocabulary)
    return speech.findings_by_kind(recipe, cuts, tokens)["infeasible"]
