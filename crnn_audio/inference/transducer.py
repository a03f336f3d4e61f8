"""A trained model that turns one text into another: words into sounds, sentences into another language."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from crnn_audio.batching.pairs import TokenPair, batched
from crnn_audio.decoding.sequence_beam import SearchOptions
from crnn_audio.inference import translating
from crnn_audio.inference.translating import Alternative, Translated
from crnn_audio.runs import Run
from crnn_audio.tasks.transduction import Transduction
from crnn_audio.text.vocabulary import Vocabulary


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

    @property
    def has_attention(self) -> bool:
        """Whether it looks at its source while it writes."""
        return self.task.model.head.attention is not None

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
        chosen = search or self.search
        return translating.in_batches(sources, self.source, lambda texts: self._results(texts, chosen))

    @torch.inference_mode()
    def _results(self, texts: Sequence[str], search: SearchOptions) -> list[Translated]:
        pairs = [TokenPair(text, tuple(self.source.encode(text)), ()) for text in texts]
        batch = batched(pairs).to(next(self.task.parameters()).device)
        state = self.task.start(batch)
        found = self.task.search(state, search)
        best = [replace(pair, target=one[0].tokens) for pair, one in zip(pairs, found, strict=True)]
        inputs = torch.nn.functional.pad(batched(best).targets, (1, 0)).to(batch.sources.device)
        weights = self.task.model.head(inputs, state)[1].float().cpu().numpy()
        results = []
        for pair, candidates, seen in zip(best, found, weights, strict=True):
            nbest = tuple(Alternative(self.target.decode(one.tokens), one.log_prob, one.score) for one in candidates)
            attention = seen[: len(pair.target) + 1, : len(pair.source)] if self.has_attention else None
            results.append(translating.result(pair.id, pair.target, nbest, attention, (self.source, self.target)))
        return results
