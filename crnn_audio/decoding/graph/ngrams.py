"""An n-gram model as a graph, exactly: each history has an arc for every word, backed off where it has to be.

For small vocabularies; a large one is decoded by the prefix beam, which looks words up as it goes.
"""

import math
from collections.abc import Sequence

import numpy as np

from crnn_audio.decoding.graph.automaton import NO_OUTPUT, Automaton, Builder
from crnn_audio.decoding.graph.words import WordGraph
from crnn_audio.errors import DataError
from crnn_audio.text.ngram import SPECIAL, START, NGram
from crnn_audio.text.ngram_counts import END_ID
from crnn_audio.text.vocabulary import Vocabulary

MAX_WORD_ARCS = 400_000
"""Histories times words of a graph; above, the prefix beam takes its place."""


def histories(model: NGram) -> list[tuple[int, ...]]:
    """The token ids of every history that the model tells apart, the start of a sentence (or of a text) first."""
    size, found = len(model.tokens), list[tuple[int, ...]]([()])
    of_length: list[tuple[int, ...]] = [(id,) for id in range(size)]
    for length in range(1, model.order):
        found += [gram for gram in of_length if END_ID not in gram]
        if length < model.order - 1:
            rows, last = np.divmod(model.grams[length].keys, size)
            of_length = [(*of_length[row], id) for row, id in zip(rows.tolist(), last.tolist(), strict=True)]
    start: tuple[int, ...] = (model.tokens.index(START),) if model.marked and model.order > 1 else ()
    found.remove(start)
    return [start, *found]


def is_small(model: NGram) -> bool:
    """Whether its graph is searched exactly."""
    count = sum(len(grams.keys) for grams in model.grams[:-1]) + 1
    return count * len(model.tokens) <= MAX_WORD_ARCS


def word_graph(model: NGram, weight: float, word_score: float, lexicon: Sequence[str] | None = None) -> WordGraph:
    """The words of a model, with `weight` times their log-probabilities and `word_score` for each.

    Args:
        lexicon: the words that may be said, where these are not all and no others; those that the model does not know
            have the probability of its unknown word.
    """
    names = histories(model)
    number = {history: at for at, history in enumerate(names)}
    ids = {token: at for at, token in enumerate(model.tokens) if at >= len(SPECIAL)}
    said = [(word, ids.get(word, 0)) for word in dict.fromkeys(lexicon)] if lexicon is not None else list(ids.items())
    arcs, finals = [], {}
    for state, history in enumerate(names):
        log_probs = _log_probs(model, history)
        for word, id in said:
            if log_probs[id] > -math.inf:
                target = number[longest((*history, id), number)]
                arcs.append((state, word, target, weight * float(log_probs[id]) + word_score, NO_OUTPUT))
        if log_probs[END_ID] > -math.inf or not model.marked:
            finals[state] = weight * float(log_probs[END_ID]) if model.marked else 0.0
    return WordGraph(tuple(arcs), finals)


def character_automaton(model: NGram, vocabulary: Vocabulary, weight: float, score: float) -> Automaton:
    """The characters of a model that are tokens, with `weight` times their log-probabilities and `score` for each.

    Raises:
        DataError: the model's characters are not those of the vocabulary.
    """
    names = histories(model)
    number = {history: at for at, history in enumerate(names)}
    ids = {token: id for id, token in enumerate(vocabulary.tokens) if id > 1}
    if not ids.keys() & set(model.tokens):
        raise DataError("the language model shares no character with the recogniser; train it on such transcripts.")
    builder = Builder()
    for _ in names:
        builder.state()
    for state, history in enumerate(names):
        log_probs = _log_probs(model, history)
        for id, token in enumerate(model.tokens):
            if token in ids and log_probs[id] > -math.inf:
                target = number[longest((*history, id), number)]
                builder.arc(state, ids[token], target, weight * float(log_probs[id]) + score)
        builder.end(state, weight * float(log_probs[END_ID]) if model.marked else 0.0)
    return builder.built()


def longest(history: tuple[int, ...], known: dict[tuple[int, ...], int]) -> tuple[int, ...]:
    """The longest end of a history that the model tells apart."""
    return next(history[at:] for at in range(len(history) + 1) if history[at:] in known)


def _log_probs(model: NGram, history: tuple[int, ...]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.log(model.next([model.tokens[id] for id in history]))
    return found
