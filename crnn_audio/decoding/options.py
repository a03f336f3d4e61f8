"""How log-probabilities become text: greedily, or with what is known of the language."""

import hashlib
import math
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

from crnn_audio import files
from crnn_audio.errors import DataError

HOTWORD_SCORE = 1.0
"""Nats a letter; chosen on AN4's dev (recipes/LOG.md)."""

SOURCES = ("lm", "lexicon", "hotwords", "grammar")
"""The options that name a file."""
BUILT_IN, FLASHLIGHT = DECODERS = ("built-in", "flashlight")
STORED = "decoder-{option}-{digest}-{name}"
"""What a file is called that is kept in a run directory."""


@dataclass(frozen=True)
class DecodingOptions:
    """What may be said, and how much each source of it counts. Without any, a run decodes with its own decoder, if it
    has one, or greedily.

    Args:
        lm: an n-gram model of words or characters, in an ARPA file. Without a lexicon, its words are all there are. Or
            the folder of a trained language model, which re-scores the likeliest hypotheses of a beam.
        lm_weight: what its log-probabilities are multiplied by.
        word_score: added for each word (of a model of characters for each of these), in nats.
        lexicon: a file with all words that may be said, one in each line.
        hotwords: a file with words that are expected, one in each line; others may be said too.
        hotword_score: added for each letter of these after the first, in nats: a word is written if it is at most so
            much less likely than what else was recognised in its place.
        grammar: a file with all sentences that may be said.
        beam: hypotheses of the prefix beam; 0 searches a graph exactly where that is possible.
        nbest: hypotheses that are returned.
        greedy: the likeliest token of each frame, even where the run has a decoder.
        decoder: "built-in", or "flashlight" for that of flashlight-text, which looks for the words of very large
            lexicons or n-grams in whole recordings.

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
    greedy: bool = False
    decoder: str = BUILT_IN

    def __post_init__(self) -> None:
        for name in ("lm_weight", "word_score", "hotword_score"):
            if not math.isfinite(value := getattr(self, name)):
                raise DataError(f"{name} should be a finite number (found {value}).")
        if self.lm_weight < 0:
            raise DataError(f"lm_weight should be 0 or more (found {self.lm_weight:g}).")
        if self.beam < 0 or self.nbest < 1:
            raise DataError(f"beam should be 0 or more, nbest 1 or more (found {self.beam} and {self.nbest}).")
        if self.grammar and (self.lm or self.lexicon):
            raise DataError("a grammar says all that may be said: leave out lm and lexicon.")
        if self.greedy and not self.is_greedy:
            raise DataError("greedy decoding uses nothing else: leave out lm, lexicon, hotwords, grammar, beam, nbest.")
        if self.decoder not in DECODERS:
            raise DataError(f"decoder should be {' or '.join(DECODERS)} (found {self.decoder!r}).")
        if self.decoder == FLASHLIGHT and (self.grammar or self.hotwords):
            raise DataError("decoder flashlight has neither grammars nor expected words: leave out these, or decoder.")

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is asked for but the likeliest token of each frame."""
        return not (self.has_source or self.beam or self.nbest > 1 or self.decoder != BUILT_IN)

    @property
    def has_source(self) -> bool:
        """Whether a file says what may be said."""
        return any(getattr(self, name) for name in SOURCES)

    @property
    def ngram(self) -> Path | None:
        """`lm` where it is a file, and no run."""
        return self.lm if self.lm and not self.lm.is_dir() else None

    def over(self, own: "DecodingOptions") -> "DecodingOptions":
        """These options for a run that has a decoder of its own.

        Where they name no file, they are those of the run with what differs from the defaults here in its place.
        """
        if self.greedy or self.has_source or own.is_greedy:
            return self
        return replace(own, **{name: value for name, value in vars(self).items() if value != getattr(NONE, name)})

    @property
    def width(self) -> int:
        """Hypotheses of the beam, where one is used; more for several results, as many differ in separators alone."""
        return max(self.beam or (16 if self.nbest == 1 else 10 * self.nbest), 2 * self.nbest)

    @property
    def identity(self) -> str:
        """Tells two decoders apart: the settings that differ from the defaults, with the hash of each file's content.

        Raises:
            DataError: a file cannot be read.
        """
        if self.is_greedy:
            return ""
        parts = []
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Path):
                parts.append(f"{one.name} {plain_name(value)} {digest(value)}")
            elif value != one.default:
                parts.append(f"{one.name} {value}" if isinstance(value, str) else f"{one.name} {value:g}")
        return ", ".join(parts)

    @property
    def flags(self) -> list[str]:
        """The same as options of the command line."""
        changed = [
            (one.name, getattr(self, one.name)) for one in fields(self) if getattr(self, one.name) != one.default
        ]
        found = list[str]()
        for name, value in changed:
            found.append(f"--{name.replace('_', '-')}")
            if not isinstance(value, bool):
                found.append(f"{value:g}" if isinstance(value, float) else str(value))
        return found


NONE = DecodingOptions()


def digest(path: Path) -> str:
    """What tells a file's content from others.

    Raises:
        DataError: it cannot be read.
    """
    held = path / "best.safetensors" if path.is_dir() else path  # a run is known by its weights
    return hashlib.sha256(files.read_content(held, DataError)).hexdigest()[:12]


def plain_name(path: Path) -> str:
    """The name of a file, of one that is kept in a run directory that which it had before."""
    return re.sub(rf"^decoder-(?:{'|'.join(SOURCES)})-[0-9a-f]{{12}}-", "", path.name)
