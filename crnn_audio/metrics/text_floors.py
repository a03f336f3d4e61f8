"""What a model of text must beat: tokens foretold by how often they follow the last one or two."""

import numpy as np
from jaxtyping import Int

FLOORS = {1: "unigram", 2: "bigram", 3: "trigram"}
"""Orders that are told, by name."""


def text_floors(train: Int[np.ndarray, " T"], judged: Int[np.ndarray, " N"], num_ids: int) -> dict[int, float]:
    """Nats of all judged tokens under n-gram models of the training tokens, by their order."""
    return {}  # the n-gram model comes with text/ngram.py
