"""Subwords: pieces of words that sentencepiece learns, each with a score; the best-scored pieces make up a word.

The unigram model of Kudo (2018). sentencepiece is needed to learn the pieces; texts are cut into them here. A word
begins with `▁` in place of the space before it.
"""

import io
import math
from collections.abc import Iterable, Iterator, Mapping

from crnn_audio.errors import DataError

BEGIN = "\u2581"
"""What the first piece of a word begins with."""
LONGEST = 16
"""Characters of a piece, at most; sentencepiece's own limit."""
UNKNOWN_PENALTY = 10.0
"""How much worse an unknown character is than the worst piece, as sentencepiece has it."""


def learned(texts: Iterable[str], count: int) -> dict[str, float]:
    """The pieces of some texts and their scores: as many as are asked for, or as there are; every character is one.

    Raises:
        DataError: sentencepiece is not installed, or the texts have more characters than pieces are asked for.
    """
    try:
        import sentencepiece
    except ImportError:
        raise DataError("subwords need the package sentencepiece: pip install 'crnn_audio[subwords]'.") from None
    model, lines = io.BytesIO(), [" ".join(text.split()) for text in texts]
    characters = set("".join(lines)) - {" "}
    if count < len(characters) + 2:
        raise DataError(
            f"{count} subwords are fewer than the {len(characters)} characters of the texts. Ask for more, or take "
            "characters."
        )
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=count, hard_vocab_limit=False,
        character_coverage=1.0, normalization_rule_name="identity", bos_id=-1, eos_id=-1, num_threads=1,
        max_sentencepiece_length=LONGEST, max_sentence_length=2**20, minloglevel=2,
    )  # fmt: skip
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return {found.id_to_piece(id): found.get_score(id) for id in range(found.get_piece_size()) if id != found.unk_id()}


def cut(text: str, scores: Mapping[str, float]) -> list[str]:
    """The pieces of a text whose scores have the greatest sum; characters that are no piece stand by themselves."""
    return [piece for word in text.split() for piece in _cut(BEGIN + word, scores)]


def joined(pieces: Iterable[str]) -> str:
    """The text of pieces."""
    return "".join(pieces).replace(BEGIN, " ").removeprefix(" ")


def _cut(word: str, scores: Mapping[str, float]) -> Iterator[str]:
    unknown = min(scores.values(), default=0.0) - UNKNOWN_PENALTY
    best, begins = [0.0] + [-math.inf] * len(word), [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - LONGEST), end):
            score = best[start] + scores.get(word[start:end], unknown if end - start == 1 else -math.inf)
            if score > best[end]:
                best[end], begins[end] = score, start
    ends = [len(word)]
    while ends[-1]:
        ends.append(begins[ends[-1]])
    for end, start in zip(ends[-2::-1], ends[:0:-1], strict=True):
        yield word[start:end]
