"""ESC-10: environmental sounds of ten classes, 40 recordings of five seconds each, in five official folds.

The fold is the first number of a recording's name; recordings that were cut from one source lie in one fold. The
corpus's own splits are those of fold 1. Also read as the part of ESC-50 that is ESC-10: audio/*.wav and meta/esc50.csv.
"""

from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.corpora import download, tables
from crnn_audio.corpora.folds import parted
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "esc10"
KIND = "classification"
LICENCE = "CC BY 3.0 (Karol J. Piczak, 2015), recordings CC0 or CC BY, two of them CC Sampling+; authors in its README"
COMMIT = "553c8f1743b9dba6b282e1323c3ca8fa76923448"
HOME = "https://github.com/karolpiczak/ESC-10/"
NOT_FOR = "It knows ten kinds of sound, each alone and close by; every other sound becomes one of them, as mixtures do."
CLASSES = {
    "dog bark": "dog", "rain": "rain", "sea waves": "sea_waves", "baby cry": "crying_baby", "clock tick": "clock_tick",
    "person sneeze": "sneezing", "helicopter": "helicopter", "chainsaw": "chainsaw", "rooster": "rooster",
    "fire crackling": "crackling_fire",
}  # fmt: skip
"""The classes by their names in ESC-10, with those of ESC-50."""
EACH = (38, 40)
"""Recordings of a class; some copies lack the two whose licence forbids advertising."""
FOLDS = 5


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """The recordings with fold 1 as test, fold 2 as dev, and the others as train.

    Raises:
        DataError: as `read_folds`.
    """
    return parted(read_folds(folder))


def read_folds(folder: Path) -> list[list[Cut]]:
    """The official folds.

    Raises:
        DataError: it is not 38 to 40 recordings of each class, or one cannot be read.
    """
    folds: list[list[Cut]] = [[] for _ in range(FOLDS)]
    counts = dict.fromkeys(CLASSES, 0)
    for path, label in _labelled(folder):
        fold, _, rest = path.stem.partition("-")
        if label not in counts or not rest or fold not in "12345":
            raise DataError(f"{path}: a recording of {label!r}, with no fold of 1 to 5 before its first hyphen.")
        counts[label] += 1
        info = audio.inspect(path)
        recording = Recording(path.stem, path, info.sample_rate, info.num_samples, info.num_channels)
        folds[int(fold) - 1].append(Cut(path.stem, recording, 0.0, recording.duration, "", None, label))
    if not all(EACH[0] <= count <= EACH[1] for count in counts.values()):
        found = ", ".join(f"{label} {count}" for label, count in counts.items())
        raise DataError(f"{folder}: has other counts than {EACH[1]} of each class ({found}). Fetch it again.")
    return folds


def _labelled(folder: Path) -> list[tuple[Path, str]]:
    """Every recording with its label, from "001 - Dog bark" or "001_Dog_bark" folders, or from the table of ESC-50."""
    table = folder / "meta" / "esc50.csv"
    if table.is_file():
        own = {name: label for label, name in CLASSES.items()}
        rows = [row.fields for row in tables.read(table).rows]
        if any(not {"filename", "category", "esc10"} <= row.keys() for row in rows):
            raise DataError(f"{table}: has not the columns filename, category and esc10. Fetch it again.")
        chosen = [row for row in rows if row["esc10"] == "True"]
        return [(folder / "audio" / row["filename"], own.get(row["category"], row["category"])) for row in chosen]
    top = folder / "sounds" if (folder / "sounds").is_dir() else folder
    classes = [one for one in sorted(top.iterdir()) if one.is_dir() and one.name[:3].isdigit()] if top.is_dir() else []
    return [
        (path, one.name[3:].strip(" _-").replace("_", " ").lower())
        for one in classes
        for path in sorted(one.iterdir())
        if path.suffix in (".ogg", ".opus", ".wav", ".flac")
    ]


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the repository's archive, unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not ESC-10; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / "esc10.tar.gz"
        download.fetch(f"{home}archive/{COMMIT}.tar.gz", archive, "ESC-10", progress)
        download.unpack(archive, partial, f"ESC-10-{COMMIT}")
        read_folds(partial)
