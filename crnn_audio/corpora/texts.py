"""Texts: read as UTF-8 and divided; the first nine tenths of the characters train, the last tenth is dev."""

from collections.abc import Callable
from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

Splits = dict[str, str]
"""A text by split."""


def read(path: Path) -> str:
    """The text of a file, its line ends as single line feeds, without a byte order mark.

    Raises:
        DataError: it cannot be read, is not UTF-8, or holds no text.
    """
    text = files.read_text(path, DataError).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path}: an empty text; there is nothing to read.")
    return text


def divided(text: str) -> Splits:
    """The first nine tenths of the characters, rounded down, and the rest."""
    border = len(text) * 9 // 10
    return {"train": text[:border], "dev": text[border:]}


def fetched(
    address: str,
    folder: Path,
    name: str,
    check: Callable[[Path], object],
    progress: Progress | None = None,
    *,
    digest: str,
) -> None:
    """Downloads a text as the file `name` of a new folder, which `check` then reads.

    Raises:
        DataError: it cannot be reached, is cut short or damaged; the folder is then not there.
    """
    with arriving(folder) as partial:
        download.fetch(address, partial / name, name, progress, digest=digest)
        check(partial)
