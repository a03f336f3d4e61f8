"""N-gram models of text files: trained, written and scored, as the verb `ngram` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crnn_audio.corpora import texts
from crnn_audio.errors import DataError
from crnn_audio.text import arpa, invisible
from crnn_audio.text.ngram import Likelihood, NGram

Unit = Literal["characters", "words"]


@dataclass(frozen=True)
class Text:
    """A file in sequences of tokens: of characters it is one running text, of words each line is a sentence.

    `num_blank` lines held no words; they are no sentences. `unseen` names the invisible characters that were removed.
    """

    path: Path
    sequences: tuple[Sequence[str], ...]
    num_blank: int = 0
    unseen: str = ""


def read(path: Path, unit: Unit) -> Text:
    """A text file in UTF-8; a line that ends as Windows ends it ends in a newline, and words stand between white space.

    Raises:
        DataError: the file cannot be read, is not in UTF-8 or holds no text.
    """
    written = texts.read(path)
    text, unseen = invisible.visible(written), invisible.removed([written])
    if unit == "characters":
        return Text(path, (text,), unseen=unseen)
    lines = [line.split() for line in text.removesuffix("\n").split("\n")]
    return Text(path, tuple(line for line in lines if line), lines.count([]), unseen)


def train(sources: Sequence[Text], *, order: int, unit: Unit) -> NGram:
    """The model of all texts together.

    Raises:
        DataError: none is as long as the order, or <s> or </s> is a word of theirs.
    """
    sequences = [sequence for text in sources for sequence in text.sequences]
    try:
        return NGram.train(sequences, order=order, marked=unit == "words")
    except DataError as error:
        raise DataError(f"{', '.join(str(text.path) for text in sources)}: {error}") from None


def write(model: NGram, path: Path) -> None:
    """Writes an ARPA file, and its folder where there is none.

    Raises:
        DataError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        arpa.write(model, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from None


def score(model: NGram, text: Text) -> Likelihood:
    """How likely a text is.

    Raises:
        DataError: <s> or </s> is a word of it.
    """
    try:
        return model.likelihood(text.sequences)
    except DataError as error:
        raise DataError(f"{text.path}: {error}") from None
