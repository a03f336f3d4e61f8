"""A person's recordings with labels: a folder of each class, or a table with a path and a label in each row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.corpora import tables
from crnn_audio.corpora.own.listing import Entry, Listing, split_named
from crnn_audio.corpora.own.rows import BESIDE, PATH, SPEAKER, SPLIT
from crnn_audio.corpora.own.splitting import FEWEST_SPEAKERS, Splits, divide
from crnn_audio.corpora.tables import Table
from crnn_audio.errors import DataError

LABEL = ("label", "class", "category", "target", "keyword")


def find(source: Path) -> Listing:
    """Every recording of a folder or table with its label; folders named train, dev and test are splits.

    Raises:
        DataError: there is no table of paths and labels, or no folders of classes.
    """
    found = Listing()
    for path, label, speaker, split, where in _of_table(source) if tables.is_table(source) else _of_folders(source):
        try:
            if not label:
                raise DataError("no label. Name its class, or leave it out.")
            info = audio.inspect(path)
            recording = Recording(_id(path, source), path, info.sample_rate, info.num_samples, info.num_channels)
        except DataError as error:
            found.problems.append(f"{where}: {error}")
        else:
            cut = Cut(recording.id, recording, 0.0, recording.duration, "", speaker, label)
            found.entries.append(Entry(cut, where, split))
    found.problems += _misspelled([entry.cut.label or "" for entry in found.entries])
    return found


def _id(path: Path, source: Path) -> str:
    """The path from the folder, or that of the table, without its suffix."""
    folder = source if source.is_dir() else source.parent
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).with_suffix("").as_posix()


Found = tuple[Path, str, str | None, str | None, str]


def _of_folders(source: Path) -> Iterator[Found]:
    if not source.is_dir():
        kinds = ", ".join(tables.SUFFIXES)
        raise DataError(f"{source}: neither a folder with a folder of each class, nor a table ({kinds}).")
    first = sorted(one for one in source.iterdir() if one.is_dir())
    parted = bool(first) and all(split_named(one.name) for one in first)
    tops = [(one, split_named(one.name)) for one in first] if parted else [(source, None)]
    classes = [(one, split) for top, split in tops for one in sorted(top.iterdir()) if one.is_dir()]
    if len({one.name for one, _ in classes}) < 2:
        raise DataError(f"{source}: holds fewer than two folders. Put the recordings of each class into one.")
    for folder, split in classes:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in audio.READABLE and path.is_file():
                yield path, folder.name, None, split, str(path)


def _of_table(source: Path) -> Iterator[Found]:
    table = tables.read(source)
    columns = {what: _named(table, names) for what, names in {"paths": PATH, "labels": LABEL}.items()}
    for what, names in {"paths": PATH[:5], "labels": LABEL}.items():
        if columns[what] is None:
            raise DataError(f"{source}, line 1: no column of {what} ({', '.join(names)}). Name it there.")
    if table.problems:
        raise DataError("\n".join(table.problems[:5]))
    for row in table.rows:
        name, label = (row.fields.get(columns[what] or "", "").strip() for what in ("paths", "labels"))
        places = [source.parent / folder / name for folder in BESIDE]
        path = next((one for one in places if one.is_file()), places[0])
        speaker, split = (row.fields.get(_named(table, names) or "", "").strip() for names in (SPEAKER, SPLIT))
        yield path, label, speaker or None, split_named(split), f"{source}, line {row.line}"


def _named(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _misspelled(labels: Sequence[str]) -> list[str]:
    """Labels that differ in case or space alone, and classes with one recording."""
    counts, problems, spelled = Counter(labels), list[str](), dict[str, str]()
    for label in sorted(counts):
        other = spelled.setdefault(" ".join(label.split()).casefold(), label)
        if other != label:
            problems.append(f"the labels {other!r} ({counts[other]}) and {label!r} ({counts[label]}) differ in case or "
                            "space alone. Spell them one way.")  # fmt: skip
        elif counts[label] == 1:
            problems.append(f"the class {label!r} has a single recording. Add some, or leave it out.")
    return problems


def divided(cuts: Sequence[Cut]) -> tuple[Splits, str]:
    """New splits: by speaker where at least three are known, else about a tenth of each class for dev and test each."""
    if len({cut.speaker for cut in cuts if cut.speaker}) >= FEWEST_SPEAKERS:
        return divide(cuts)
    splits: Splits = {"train": [], "dev": [], "test": []}
    for label in sorted({cut.label or "" for cut in cuts}):
        parted, _ = divide([cut for cut in cuts if cut.label == label])
        for split, some in parted.items():
            splits[split] += some
    return splits, "class by class by a hash of each recording's name, so a voice may stand in several"
