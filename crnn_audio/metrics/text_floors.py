"""What a model of text must beat: tokens foretold by how often they follow the last one or two."""

from collections.abc import Sequence

FLOORS = {1: "unigram", 2: "bigram", 3: "trigram"}
"""Orders that are told, by name."""


def text_floors(train: Sequence[str], judged: Sequence[str]) -> dict[int, float]:
    """Nats of all judged tokens under n-gram models of the training tokens, by their order."""
    return {}  # until text/ngram.py is there: NGram.train([train], order=.., marked=False).likelihood([judged]).nats
