"""Alice's Adventures in Wonderland (Lewis Carroll 1865): Project Gutenberg's etext 11 as the Canterbury corpus has it.

One file, `alice29.txt`, with line ends of two characters and a last one that ends the file (control-Z); both are made
plain. The first nine tenths train, the last, from the trial of the Knave on, is dev.
"""

from pathlib import Path

from crnn_audio.corpora import texts
from crnn_audio.corpora.home import Progress

NAME = "alice"
KIND = "text"
LICENCE = "In the public domain where the author has been dead for seventy years, and in the United States"
HOME = "https://raw.githubusercontent.com/google/snappy/6281a07b7e08629884ec93a89fea6e05c62e599c/testdata/"
NOT_FOR = "anything but text that looks like this one book"
FILE = "alice29.txt"
DIGEST = "sha256:7467306ee0feed4971260f3c87421154a05be571d944e9cb021a5713700c38f0"
END_OF_FILE = "\x1a"


def read_splits(folder: Path) -> texts.Splits:
    """The text by split.

    Raises:
        DataError: its file is missing or damaged.
    """
    return texts.divided(texts.read(folder / FILE).removesuffix(END_OF_FILE))


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the text (150 kB) as `folder`.

    Raises:
        DataError: it cannot be reached, is cut short or damaged; `folder` is then not there.
    """
    texts.fetched(home + FILE, folder, FILE, read_splits, progress, digest=DIGEST)
