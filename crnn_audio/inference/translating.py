"""What translating a text gives, and what holds for it by torch and by onnxruntime alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float

from crnn_audio.errors import DataError
from crnn_audio.text.vocabulary import Vocabulary

BATCH_SIZE = 128
"""Sources that are read side by side."""
LONGEST = 4096
"""Tokens of a source, at most."""


@dataclass(frozen=True)
class Alternative:
    """A target that a source may become: its text, its log-probability, and the score that hypotheses compete by."""

    text: str
    log_prob: float
    score: float


@dataclass(frozen=True)
class Translated:
    """What a source became: `nbest` has alternatives, the best first, the best of which is `text`.

    `attention` says how much each target token, and the end after them, looked at each source token; its rows sum to 1.
    A model with a fixed context has none. `tokens` are the source's and the target's.
    """

    source: str
    text: str
    nbest: tuple[Alternative, ...]
    attention: Float[np.ndarray, "L T"] | None
    tokens: tuple[tuple[str, ...], tuple[str, ...]]
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain figures."""
        return {
            "source": self.source,
            "text": self.text,
            "log_prob": round(self.nbest[0].log_prob, 4),
            "nbest": [{"text": one.text, "log_prob": round(one.log_prob, 4)} for one in self.nbest],
            "remarks": list(self.remarks),
        }


def problem(text: str, vocabulary: Vocabulary) -> str | None:
    """Why a text cannot be translated; None if it can."""
    size = len(vocabulary.split(text))
    if not size:
        return "is empty, so there is nothing to translate."
    if size > LONGEST:
        return f"has {size:,} {vocabulary.kind}, where a source has at most {LONGEST:,}. Cut it."
    return None


def in_batches(
    sources: Iterable[str], vocabulary: Vocabulary, translate: Callable[[Sequence[str]], Iterable[Translated]]
) -> Iterator[Translated]:
    """What each text becomes, in order, a batch of them at a time.

    Raises:
        DataError: one is empty, or longer than 4,096 tokens; those before it have been given.
    """
    waiting = iter(sources)
    while texts := list(islice(waiting, BATCH_SIZE)):
        problems = [problem(text, vocabulary) for text in texts]
        usable = problems.index(next(filter(None, problems))) if any(problems) else len(texts)
        yield from translate(texts[:usable]) if usable else ()
        if usable < len(texts):
            raise DataError(f"{texts[usable][:40]!r} {problems[usable]}")


def result(
    text: str,
    target: Sequence[int],
    nbest: tuple[Alternative, ...],
    attention: Float[np.ndarray, "L T"] | None,
    vocabularies: tuple[Vocabulary, Vocabulary],
) -> Translated:
    """What a text became; `target` has the ids of its best alternative."""
    reads, writes = vocabularies
    unknown = sorted(reads.unknown(text))
    named = ", ".join(map(repr, unknown[:10]))
    remarks = (f"{text[:40]!r}: unknown {reads.kind}: {named}",) if unknown else ()
    tokens = (tuple(reads.split(text)), tuple(writes.decode([token]) for token in target))
    return Translated(text, nbest[0].text, nbest, attention, tokens, remarks)
