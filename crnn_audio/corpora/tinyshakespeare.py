"""A million characters of Shakespeare's plays, as Karpathy's char-rnn reads them (2015).

One file, 40,000 lines of several plays one after the other, of which the first nine tenths train and the last is dev,
as in nanoGPT.
"""

from pathlib import Path

from crnn_audio.corpora import texts
from crnn_audio.corpora.home import Progress

NAME = "tinyshakespeare"
KIND = "text"
LICENCE = "The text is in the public domain; the repository that holds it is under MIT"
HOME = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/"
)
NOT_FOR = "anything but text that looks like Shakespeare's: it knows letters and lines, and no meaning"
FILE = "input.txt"
DIGEST = "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def read_splits(folder: Path) -> texts.Splits:
    """The text by split.

    Raises:
        DataError: its file is missing or damaged.
    """
    return texts.divided(texts.read(folder / FILE))


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the text (1.1 MB) as `folder`.

    Raises:
        DataError: it cannot be reached, is cut short or damaged; `folder` is then not there.
    """
    texts.fetched(home + FILE, folder, FILE, read_splits, progress, digest=DIGEST)
