"""A trained model that turns one text into another: words into sounds, sentences into another language."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from crnn_audio.batching.pairs import TokenPair, batched
from crnn_audio.decoding.sequence_beam import Candidate, SearchOptions
from crnn_audio.errors import DataError
from crnn_audio.runs import Run
from crnn_audio.tasks.transduction import Transduction
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


class Transducer:
    """Turns texts into others; `crnn_audio.load` makes one.

    Args:
        search: how targets are searched for, where a call does not say.
    """

    def __init__(
        self, run: Run, task: Transduction, source: Vocabulary, target: Vocabulary, search: SearchOptions
    ) -> None:
        self.run = run
        self.task = task.eval()
        self.source, self.target = source, target
        self.search = search

    def translate(self, source: str, search: SearchOptions | None = None) -> Translated:
        """What a text becomes.

        Raises:
            DataError: it is empty, or longer than 4,096 tokens.
        """
        return next(self.translate_many([source], search))

    def translate_many(self, sources: Iterable[str], search: SearchOptions | None = None) -> Iterator[Translated]:
        """What each text becomes, in order, read a few at a time: of any number of them in bounded memory.

        Raises:
            DataError: one is empty, or longer than 4,096 tokens; those before it have been given.
        """
        waiting = iter(sources)
        while texts := list(islice(waiting, BATCH_SIZE)):
            yield from self._translated(texts, search or self.search)

    def _translated(self, texts: Sequence[str], search: SearchOptions) -> Iterator[Translated]:
        problems = [self.problem(text) for text in texts]
        usable = problems.index(next(filter(None, problems))) if any(problems) else len(texts)
        yield from self._results(texts[:usable], search) if usable else ()
        if usable < len(texts):
            raise DataError(f"{texts[usable][:40]!r} {problems[usable]}")

    @torch.inference_mode()
    def _results(self, texts: Sequence[str], search: SearchOptions) -> list[Translated]:
        pairs = [TokenPair(text, tuple(self.source.encode(text)), ()) for text in texts]
        batch = batched(pairs).to(next(self.task.parameters()).device)
        state = self.task.start(batch)
        found = self.task.search(state, search)
        best = [replace(pair, target=one[0].tokens) for pair, one in zip(pairs, found, strict=True)]
        inputs = torch.nn.functional.pad(batched(best).targets, (1, 0)).to(batch.sources.device)
        weights = self.task.model.head(inputs, state)[1].float().cpu().numpy()
        attends = self.task.model.head.attention is not None
        return [
            self._result(pair, candidates, seen[: len(pair.target) + 1, : len(pair.source)] if attends else None)
            for pair, candidates, seen in zip(best, found, weights, strict=True)
        ]

    def problem(self, text: str) -> str | None:
        """Why a text cannot be translated; None if it can."""
        size = len(self.source.split(text))
        if not size:
            return "is empty, so there is nothing to translate."
        if size > LONGEST:
            return f"has {size:,} {self.source.kind}, where a source has at most {LONGEST:,}. Cut it."
        return None

    def _result(self, pair: TokenPair, found: Sequence[Candidate], attention: np.ndarray | None) -> Translated:
        nbest = tuple(Alternative(self.target.decode(one.tokens), one.log_prob, one.score) for one in found)
        unknown = sorted(self.source.unknown(pair.id))
        named = ", ".join(map(repr, unknown[:10]))
        remarks = (f"{pair.id[:40]!r}: unknown {self.source.kind}: {named}",) if unknown else ()
        written = tuple(self.target.decode([token]) for token in pair.target)
        tokens = (tuple(self.source.split(pair.id)), written)
        return Translated(pair.id, nbest[0].text, nbest, attention, tokens, remarks)
