"""The n-gram model: how likely a token is after those before it, by interpolated modified Kneser-Ney.

Of words it is the language model that speech decoding takes; of characters or words, what a network must beat.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.errors import DataError
from crnn_audio.text.ngram_counts import END_ID, START_ID, count, tokens_left
from crnn_audio.text.smoothing import Smoothed, discounts, smooth
from crnn_audio.text.vocabulary import UNKNOWN

START, END = "<s>", "</s>"
SPECIAL = (UNKNOWN, START, END)
"""The first tokens of every model."""

MAX_ORDER = 10


@dataclass(frozen=True)
class Likelihood:
    """How likely a text is: nats in all, tokens predicted (the ends of sentences too), and how many of them unknown."""

    nats: float
    num_tokens: int
    num_unknown: int

    @property
    def nats_per_token(self) -> float:
        """Of all tokens, the unknown ones too."""
        return self.nats / self.num_tokens

    @property
    def perplexity(self) -> float:
        """Infinite where a token is impossible."""
        return math.exp(self.nats_per_token) if self.nats_per_token < 700 else math.inf


@dataclass(frozen=True, eq=False)
class NGram:
    """A model of sequences of tokens; `NGram.train` makes one, `arpa.read` reads one.

    Attributes:
        tokens: the vocabulary: <unk>, <s>, </s> and the others, sorted.
        grams: the n-grams of one token, of two, and so on to the model's order.
        marked: sequences are sentences, of which <s> is known and </s> is predicted; else they are running text.
    """

    tokens: tuple[str, ...]
    grams: tuple[Smoothed, ...]
    marked: bool

    @classmethod
    def train(cls, sequences: Iterable[Sequence[str]], *, order: int, marked: bool = True) -> "NGram":
        """The model of a text.

        Interpolated modified Kneser-Ney (Chen and Goodman 1999) as KenLM's lmplz computes it, but in double precision:
        discounts from counts of counts, or `smoothing.FALLBACK` where these give none; single tokens are interpolated
        with the uniform distribution over the vocabulary with <unk>. A token <unk> in the text is counted as any other.

        Args:
            sequences: sentences, or running texts, as tokens; a string is a sequence of its characters.
            order: how many tokens the longest n-grams have.
            marked: sentences, each between <s> and </s>. Else running text, the first tokens of which are predicted
                from what there is before them; its start counts as one more token before what begins it.

        Raises:
            DataError: there are no tokens, no sequence is as long as the order (with its marks), a token is empty or
                is <s> or </s>, or the order is not from 1 to 10.
        """
        if not 1 <= order <= MAX_ORDER:
            raise DataError(f"the order of an n-gram model should be from 1 to {MAX_ORDER} (found {order}).")
        held = [sequence for sequence in sequences if marked or len(sequence)]
        tokens = set[str]().union(*held)
        _refuse_what_is_no_token(tokens)
        vocabulary = (*SPECIAL, *sorted(tokens - {UNKNOWN}))
        ids, lengths = _encoded(held, {token: id for id, token in enumerate(vocabulary)}, marked)
        _refuse_too_short(lengths, order, marked)
        counted = count(ids, lengths, len(vocabulary), order, marked=marked)
        found = [discounts(grams.counts) for grams in counted]
        return cls(vocabulary, tuple(smooth(counted, _uniform(len(vocabulary), marked), found)), marked)

    @property
    def order(self) -> int:
        """How many tokens the longest n-grams have."""
        return len(self.grams)

    def log_prob(self, token: str, history: Sequence[str]) -> float:
        """Nats, at most 0, of a token after those of `history`, of which the last count; <s> may be the first."""
        ids = self._ids([*self._recent(history), token])
        return float(self._log_probs(ids, [len(ids)])[-1])

    def next(self, history: Sequence[str]) -> Float[np.ndarray, " V"]:
        """The probability of each of `tokens` after those of `history`; <s>, never predicted, has 0."""
        ids = self._ids(self._recent(history))
        probs: Float[np.ndarray, " V"] = np.exp(self.grams[0].log_probs)
        for length in range(1, len(ids) + 1):
            row = self._row(ids[-length:])
            if row < 0:
                continue
            longer = self.grams[length]
            first = row * len(self.tokens)
            begin, end = np.searchsorted(longer.keys, [first, first + len(self.tokens)])
            probs *= math.exp(self.grams[length - 1].backoffs[row])
            probs[longer.keys[begin:end] - first] = np.exp(longer.log_probs[begin:end])
        return probs

    def score(self, sequence: Sequence[str]) -> Float[np.ndarray, " L"]:
        """Nats that each token costs, at least 0 and the fewer the likelier; of a sentence </s> is the last.

        Raises:
            DataError: a token is empty, or is <s> or </s>.
        """
        return self._scored([sequence])[0]

    def likelihood(self, sequences: Iterable[Sequence[str]]) -> Likelihood:
        """Of a whole text, in sequences as in training.

        Raises:
            DataError: there is nothing to predict, or a token is empty, or is <s> or </s>.
        """
        nats, ids = self._scored([sequence for sequence in sequences if self.marked or len(sequence)])
        if not len(nats):
            raise DataError("there is no text: nothing can be predicted.")
        return Likelihood(float(nats.sum()), len(nats), int((ids == 0).sum()))

    def _scored(self, sequences: Sequence[Sequence[str]]) -> tuple[Float[np.ndarray, " L"], Int[np.ndarray, " L"]]:
        """The nats and ids of all tokens that are predicted."""
        _refuse_what_is_no_token(set[str]().union(*sequences))
        ids, lengths = _encoded(sequences, self._id_of, self.marked)
        predicted = ids != START_ID
        return -self._log_probs(ids, lengths)[predicted], ids[predicted]

    def _log_probs(self, ids: Int[np.ndarray, " L"], lengths: Sequence[int]) -> Float[np.ndarray, " L"]:
        """Of each token after those before it in its sequence.

        From short histories to long ones: where a history is known, either the n-gram is too, or it is backed off.
        """
        room, rows = tokens_left(lengths), ids
        found: Float[np.ndarray, " L"] = self.grams[0].log_probs[ids]
        for length, (shorter, longer) in enumerate(pairwise(self.grams), 2):
            begin = np.flatnonzero((rows >= 0) & (room >= length))
            histories, last = rows[begin], begin + length - 1
            at = find(longer.keys, histories * len(self.tokens) + ids[last])
            seen = at >= 0
            found[last] += shorter.backoffs[histories]
            found[last[seen]] = longer.log_probs[at[seen]]
            rows = np.full(len(ids), -1)
            rows[begin] = at
        return found

    def _row(self, ids: Int[np.ndarray, " N"]) -> int:
        """The row of an n-gram among those of its length; -1 where it is unknown."""
        row = int(ids[0])
        for id, grams in zip(ids[1:], self.grams[1:], strict=False):
            if row >= 0:
                row = int(find(grams.keys, np.array([row * len(self.tokens) + id]))[0])
        return row

    def _recent(self, history: Sequence[str]) -> Sequence[str]:
        return history[max(0, len(history) - self.order + 1) :]

    def _ids(self, tokens: Sequence[str]) -> Int[np.ndarray, " L"]:
        return np.array([self._id_of.get(token, 0) for token in tokens], dtype=np.int64)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {token: id for id, token in enumerate(self.tokens)}


def _refuse_what_is_no_token(tokens: set[str]) -> None:
    for mark in (START, END):
        if mark in tokens:
            raise DataError(f"{mark} stands in the text, but it marks where sentences begin or end. Take it out.")
    if "" in tokens:
        raise DataError("a token is empty: each should have a character at least.")


def _encoded(
    sequences: Sequence[Sequence[str]], id_of: dict[str, int], marked: bool
) -> tuple[Int[np.ndarray, " L"], list[int]]:
    """The ids of all tokens, one sequence after the other, and the length of each, with their marks."""
    marks = ([START_ID], [END_ID]) if marked else ([], [])
    ids = [[*marks[0], *(id_of.get(token, 0) for token in sequence), *marks[1]] for sequence in sequences]
    return np.array([id for one in ids for id in one], dtype=np.int64), [len(one) for one in ids]


def _refuse_too_short(lengths: Sequence[int], order: int, marked: bool) -> None:
    if not lengths:
        raise DataError("there is no text: nothing can be counted.")
    if max(lengths) < order:
        marks = " (with <s> and </s>)" if marked else ""
        raise DataError(
            f"the longest sequence has {max(lengths)} tokens{marks}, so there are no {order}-grams. "
            "Take a longer text or a lower order."
        )


def _uniform(size: int, marked: bool) -> Float[np.ndarray, " V"]:
    """The distribution that knows nothing of the text but its vocabulary."""
    predicted = np.ones(size)
    predicted[[START_ID] if marked else [START_ID, END_ID]] = 0
    probs: Float[np.ndarray, " V"] = predicted / predicted.sum()
    return probs


def find(keys: Int[np.ndarray, " N"], wanted: Int[np.ndarray, " M"]) -> Int[np.ndarray, " M"]:
    """Where each wanted one stands in the sorted keys; -1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)
