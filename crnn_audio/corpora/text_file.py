"""Any text in UTF-8 as a corpus: one file of your own."""

from pathlib import Path

from crnn_audio.corpora import texts
from crnn_audio.corpora.home import LOCAL, Progress
from crnn_audio.errors import DataError

NAME = "text_file"
KIND = "text"
LICENCE = "Your own: whoever trains on a text answers for what is in it"
HOME = LOCAL
NOT_FOR = "other text than that which it learned from"


def read_splits(path: Path) -> texts.Splits:
    """The text by split.

    Raises:
        DataError: it cannot be read, is not UTF-8, or is empty.
    """
    if path.is_dir():
        raise DataError(f"{path}: a folder; corpus text_file is one file. Join what it holds into one.")
    return texts.divided(texts.read(path))


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """There is nothing to download.

    Raises:
        DataError: always.
    """
    raise DataError("Any text in UTF-8 will do: give its file as the corpus's root.")
