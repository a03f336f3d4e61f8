"""The Nottingham Music Database (Eric Foxley), in ABC as Jukedeck cleaned it: 1,034 tunes with chord symbols.

The tunes are read as they stand, each strain once and with its last ending. Settings of one melody share a split.
"""

from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora import download, tunes
from crnn_audio.corpora.abc_tunes import melody, without_copies
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic import abc

NAME = "nottingham"
KIND = "music"
LICENCE = "GPL v3 (Jukedeck's cleaned edition of Eric Foxley's database); a model trained on it is not shipped"
HOME = "https://github.com/jukedeck/nottingham-dataset/"
NOT_FOR = "anything but melodies of British and American folk dances: no second voice, no songs"
COMMIT = "0992bb6cd864f6d4b90d6663e08c0ef53ffaa08f"
"""The state of the home that is downloaded."""
FOLDER = "ABC_cleaned"
EXPECTED = 1034
STYLES = {
    "jigs": "jig", "reels": "reel", "slip": "slip jig", "waltzes": "waltz", "hpps": "hornpipe", "morris": "morris",
    "playford": "playford", "xmas": "carol",
}  # fmt: skip
"""By the beginning of the file's name; ashover.abc mixes all kinds."""


def read_splits(folder: Path) -> dict[str, list[Tune]]:
    """The tunes by split; each has the conditions key, metre and, often, style.

    Raises:
        DataError: the folder does not hold ABC_cleaned/ with 1,034 tunes.
    """
    return tunes.split(read(folder)[0])


def read(folder: Path) -> tuple[list[Tune], dict[str, str]]:
    """The tunes that are kept, and of each other one the reason why not.

    Raises:
        DataError: the folder does not hold ABC_cleaned/ with 1,034 tunes.
    """
    sources = {f"{path.stem}-{number}": source for path in _files(folder) for number, source in _sources(path)}
    if len(sources) != EXPECTED:
        raise DataError(
            f"{folder / FOLDER}: {len(sources)} tunes, where the collection has {EXPECTED}. Fetch it again."
        )
    found: list[Tune] = []
    left_out: dict[str, str] = {}
    for id, source in sources.items():
        try:
            found.append(melody(id, abc.read_tune(source, repeats=False), _style(id)))
        except DataError as error:
            left_out[id] = str(error)
    kept, copies = without_copies(found)
    return kept, left_out | copies


def _style(id: str) -> str:
    return next((style for begins, style in STYLES.items() if id.startswith(begins)), "")


def _files(folder: Path) -> list[Path]:
    if found := sorted((folder / FOLDER).glob("*.abc")):
        return found
    raise DataError(f"{folder}: no tunes. The collection's folder holds {FOLDER}/*.abc. It comes from {HOME}.")


def _sources(path: Path) -> list[tuple[int, abc.Source]]:
    return list(enumerate(abc.tune_sources(abc.text_of(files.read_content(path, DataError))), 1))


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the repository's archive, unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not the collection; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / "nottingham.tar.gz"
        download.fetch(f"{home}archive/{COMMIT}.tar.gz", archive, "Nottingham", progress)
        download.unpack(archive, partial, f"nottingham-dataset-{COMMIT}")
        read_splits(partial)
