"""How log-probabilities become text: greedily, or with what is known of the language."""

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path

from crnn_audio import files
from crnn_audio.errors import DataError

HOTWORD_SCORE = 2.0
"""Nats; chosen on speakers held out of AN4's train (recipes/LOG.md)."""


@dataclass(frozen=True)
class DecodingOptions:
    """What may be said, and how much each source of it counts. Without any, decoding is greedy.

    Args:
        lm: an n-gram model of words or characters, in an ARPA file. Without a lexicon, its words are all there are.
        lm_weight: what its log-probabilities are multiplied by.
        word_score: added for each word (of a model of characters for each of these), in nats.
        lexicon: a file with all words that may be said, one in each line.
        hotwords: a file with words that are expected, one in each line; others may be said too.
        hotword_score: added for each of these, in nats: one is written if it is at most so much less likely than
            what else was recognised in its place.
        grammar: a file with all sentences that may be said.
        beam: hypotheses of the prefix beam; 0 searches a graph exactly where that is possible.
        nbest: hypotheses that are returned.

    Raises:
        DataError: a number is not finite or out of range, or two options exclude each other.
    """

    lm: Path | None = None
    lm_weight: float = 0.5
    word_score: float = 0.0
    lexicon: Path | None = None
    hotwords: Path | None = None
    hotword_score: float = HOTWORD_SCORE
    grammar: Path | None = None
    beam: int = 0
    nbest: int = 1

    def __post_init__(self) -> None:
        for name in ("lm_weight", "word_score", "hotword_score"):
            if not math.isfinite(value := getattr(self, name)):
                raise DataError(f"{name} should be a finite number (found {value}).")
        if self.lm_weight < 0:
            raise DataError(f"lm_weight should be 0 or more (found {self.lm_weight:g}).")
        if self.beam < 0 or self.nbest < 1:
            raise DataError(f"beam should be 0 or more, nbest 1 or more (found {self.beam} and {self.nbest}).")
        if self.grammar and (self.lm or self.lexicon or self.beam or self.nbest > 1):
            raise DataError("a grammar says all that may be said: leave out lm, lexicon, beam and nbest.")

    @property
    def greedy(self) -> bool:
        """Whether nothing is asked for but the likeliest token of each frame."""
        return not (self.lm or self.lexicon or self.hotwords or self.grammar or self.beam or self.nbest > 1)

    @property
    def width(self) -> int:
        """Hypotheses of the beam, where one is used."""
        return max(self.beam or 16, 2 * self.nbest)

    @property
    def identity(self) -> str:
        """Tells two decoders apart: the settings that differ from the defaults, with the hash of each file's content.

        Raises:
            DataError: a file cannot be read.
        """
        if self.greedy:
            return ""
        parts = []
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Path):
                content = files.read_content(value, DataError)
                parts.append(f"{one.name} {value.name} {hashlib.sha256(content).hexdigest()[:12]}")
            elif value != one.default:
                parts.append(f"{one.name} {value:g}")
        return ", ".join(parts)
