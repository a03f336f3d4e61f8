"""N-grams found and counted: how often each of the longest occurs, and after how many tokens each of the shorter.

An n-gram is one integer, the row of its history (itself without its last token) times the size of the vocabulary, plus
its last token; so n-grams of any length fit, and are found in sorted arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

START_ID, END_ID = 1, 2
"""Of the marks before and after a sentence; the unknown token is 0."""


@dataclass(frozen=True, eq=False)
class NGramCounts:
    """The distinct n-grams of one length, sorted.

    Attributes:
        keys: each n-gram: the row of its history among those one shorter, times the vocabulary's size, plus the last
            token. Of single tokens it is the token.
        suffixes: each one's row, without its first token, among those one shorter; of single tokens 0.
        counts: what smoothing reads. Of the longest n-grams, and of those that begin a sentence, how often they occur;
            of others after how many different tokens, the start of a running text being one (Chen and Goodman 1999,
            section 4.1.6; Heafield et al. 2013). Zero where an n-gram is never predicted.
    """

    keys: Int[np.ndarray, " N"]
    suffixes: Int[np.ndarray, " N"]
    counts: Int[np.ndarray, " N"]


def count(
    ids: Int[np.ndarray, " L"], lengths: Sequence[int], size: int, order: int, *, marked: bool
) -> list[NGramCounts]:
    """The n-grams of 1 to `order` tokens; none reaches over the border of two sequences.

    Args:
        ids: the tokens of all sequences, one after the other.
        lengths: how many of them belong to each sequence.
        size: of the vocabulary.
        order: how long the longest are; one sequence at least is as long.
        marked: each sequence begins with the mark for it, which nothing predicts, and ends with its own.
    """
    room, rows = tokens_left(lengths), ids
    found = [NGramCounts(np.arange(size), np.zeros(size, dtype=np.int64), np.bincount(ids, minlength=size))]
    for length in range(2, order + 1):
        at_start = rows[_begin(lengths, length - 1)]
        keys, suffixes, rows = _longer(rows, ids, room, length, size)
        found[-1] = _after_how_many(found[-1], suffixes, at_start, marked)
        found.append(NGramCounts(keys, suffixes, np.bincount(rows[rows >= 0])))
    if marked:
        found[0].counts[START_ID] = 0
    return found


def tokens_left(lengths: Sequence[int]) -> Int[np.ndarray, " L"]:
    """Of each token, how many there are of its sequence from it on, itself included."""
    spans = np.asarray(lengths, dtype=np.int64)
    return np.repeat(np.cumsum(spans), spans) - np.arange(spans.sum())


def _longer(
    rows: Int[np.ndarray, " L"], ids: Int[np.ndarray, " L"], room: Int[np.ndarray, " L"], length: int, size: int
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"], Int[np.ndarray, " L"]]:
    """The n-grams of a length, their suffixes' rows, and the row of the one that begins at each token, or -1.

    `rows` are those of n-grams one shorter.
    """
    begin = np.flatnonzero(room >= length)
    keys, first, inverse = np.unique(
        rows[begin] * size + ids[begin + length - 1], return_index=True, return_inverse=True
    )
    longer = np.full(len(ids), -1)
    longer[begin] = inverse
    return keys, rows[begin[first] + 1], longer


def _begin(lengths: Sequence[int], length: int) -> Int[np.ndarray, " K"]:
    """Where those sequences begin that are so long at least."""
    spans = np.asarray(lengths)
    begin: Int[np.ndarray, " M"] = np.cumsum(spans) - spans
    return begin[spans >= length]


def _after_how_many(
    shorter: NGramCounts, suffixes: Int[np.ndarray, " M"], at_start: Int[np.ndarray, " K"], marked: bool
) -> NGramCounts:
    """With counts of the different tokens before each, `suffixes` being those of the n-grams that are one longer."""
    counts = np.bincount(suffixes, minlength=len(shorter.keys))
    if marked:
        counts[at_start] = shorter.counts[at_start]
    else:
        counts[np.unique(at_start)] += 1
    return NGramCounts(shorter.keys, shorter.suffixes, counts)
