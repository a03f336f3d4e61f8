"""From a decoded path to words with times and confidences."""

import math
from collections.abc import Iterator

from crnn_audio.decoding.paths import Path
from crnn_audio.hypotheses import Word
from crnn_audio.text.vocabulary import Vocabulary


def words(path: Path, vocabulary: Vocabulary, frame_seconds: float, seconds: float) -> tuple[Word, ...]:
    """The words of a path, in seconds of a recording that is `seconds` long.

    A word lasts from its first token's first frame to its last token's last one. Its confidence is the product of its
    tokens' highest probabilities: that all of them are right, were they independent.
    """
    return tuple(
        Word(
            text=vocabulary.decode(path.tokens[index] for index in tokens),
            start=min(path.starts[tokens[0]] * frame_seconds, seconds),
            end=min(path.ends[tokens[-1]] * frame_seconds, seconds),
            confidence=math.prod(path.probs[index] for index in tokens),
        )
        for tokens in split(path, vocabulary)
    )


def split(path: Path, vocabulary: Vocabulary) -> Iterator[list[int]]:
    """Positions of the tokens of each word, none of them empty; in a vocabulary of words every token is one."""
    word: list[int] = []
    for index, token in enumerate(path.tokens):
        parts = vocabulary.tokens[token] == vocabulary.separator
        if word and (parts or vocabulary.begins_word(token)):
            yield word
            word = []
        if not parts:
            word.append(index)
    if word:
        yield word
