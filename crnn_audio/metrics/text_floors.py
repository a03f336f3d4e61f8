"""What a model of text must beat: tokens foretold by how often they follow the last one or two."""

from collections.abc import Sequence

from crnn_audio.text.ngram import NGram

FLOORS = {1: "unigram", 2: "bigram", 3: "trigram"}
"""Orders that are told, by name."""


def text_floors(train: Sequence[str], judged: Sequence[str]) -> dict[int, float]:
    """Nats of all judged tokens under Kneser-Ney models of the training tokens, by their order.

    Raises:
        DataError: the training text has fewer tokens than the highest order.
    """
    return {order: NGram.train([train], order=order, marked=False).likelihood([judged]).nats for order in FLOORS}
