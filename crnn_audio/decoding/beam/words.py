"""Words inside a beam over letters: a lexicon, an n-gram of words, hot words, all at the end of each word.

Letters lead through a tree of the known words. Words outside of it are refused, or where the vocabulary is open, cost
what the model gives an unknown word and something for each letter. On the way to a word, the best it may cost without
its history is counted already (Ortmanns et al. 1997), so that the beam does not prefer words that have not ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.beam.ngrams import DENSE, IMPOSSIBLE, UNKNOWN_ID, NGramTable
from crnn_audio.text.ngram_counts import END_ID
from crnn_audio.text.vocabulary import Vocabulary

ROOT, OUTSIDE = 0, 1
"""Before the first letter, and after letters that no known word begins with."""
LETTER_SCORE = -0.5
"""Nats for each letter of a word that is not known, in an open vocabulary."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Known words by their letters: sorted keys (node times tokens plus token) and where they lead; and their ends.

    Attributes:
        words: the number of the word that ends in each node; -1 for none.
    """

    keys: Int[np.ndarray, " A"]
    nodes: Int[np.ndarray, " A"]
    parents: Int[np.ndarray, " N"]
    words: Int[np.ndarray, " N"]


def tree(words: list[str], vocabulary: Vocabulary) -> Tree:
    """The tree of words that the vocabulary can spell."""
    size = len(vocabulary)
    children: dict[int, int] = {}
    parents, ends = [0, 0], [-1, -1]
    for number, word in enumerate(words):
        node = ROOT
        for token in vocabulary.encode(word):
            key = node * size + token
            if (following := children.get(key)) is None:
                following = children[key] = len(parents)
                parents.append(node)
                ends.append(-1)
            node = following
        ends[node] = number
    keys = np.array(list(children), dtype=np.int64)
    order = np.argsort(keys)
    return Tree(
        keys[order],
        np.array(list(children.values()), dtype=np.int64)[order],
        np.array(parents, dtype=np.int64),
        np.array(ends, dtype=np.int64),
    )


class WordScorer:
    """Scores at the ends of words.

    Args:
        words: all that are known, spelled in the vocabulary's letters.
        ids: of each, its id in the n-gram.
        table: the n-gram, or None.
        weight: what its log-probabilities are multiplied by.
        word_score: added for each word.
        bonuses: added for some of the words.
        is_open: whether other words may be said.
    """

    def __init__(
        self,
        words: list[str],
        vocabulary: Vocabulary,
        *,
        table: NGramTable | None = None,
        ids: list[int] | None = None,
        weight: float = 1.0,
        word_score: float = 0.0,
        bonuses: Mapping[str, float] | None = None,
        is_open: bool = False,
    ) -> None:
        found = tree(words, vocabulary)
        self.size, self.separator = len(vocabulary), vocabulary.separator_id
        self.table, self.weight, self.word_score, self.is_open = table, weight, word_score, is_open
        self.keys, self.nodes = torch.as_tensor(found.keys), torch.as_tensor(found.nodes)
        self.ends = torch.as_tensor(found.words)
        self.ids = torch.tensor(ids or [UNKNOWN_ID] * len(words))
        self.bonuses = torch.tensor([(bonuses or {}).get(word, 0.0) for word in words], dtype=torch.float64)
        self.ahead = torch.as_tensor(self._ahead(found))
        self.dense: Tensor | None = None
        if len(found.words) * self.size <= DENSE:
            self.dense = torch.full((len(found.words), self.size), OUTSIDE)
            self.dense.view(-1)[self.keys] = self.nodes

    def _ahead(self, found: Tree) -> Float[np.ndarray, " N"]:
        """Of each node, the best that a word below it costs without a history."""
        costs = self.bonuses.numpy() + self.word_score
        if self.table is not None:
            empty = torch.zeros_like(self.ids)
            costs = costs + self.weight * self.table.look_up(empty, self.ids)[0].numpy()
        ahead = np.full(len(found.words), -np.inf)
        ahead[found.words >= 0] = costs[found.words[found.words >= 0]]
        for node in range(len(ahead) - 1, OUTSIDE, -1):  # children have higher numbers
            parent = found.parents[node]
            ahead[parent] = max(ahead[parent], ahead[node])
        ahead[[ROOT, OUTSIDE]] = 0.0
        return ahead

    def start(self) -> Int[Tensor, " 2"]:
        """Before the first word."""
        return torch.tensor([ROOT, self.table.start if self.table else 0])

    def extend(
        self, states: Int[Tensor, "N 2"], tokens: Int[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K 2"]]:
        """Scores of letters and separators."""
        node, history = states.unbind(dim=1)
        nodes = self._follow(node, tokens)
        gained = self.ahead[nodes] - self.ahead[node].unsqueeze(1)
        outside = LETTER_SCORE if self.is_open else IMPOSSIBLE
        gained = torch.where(nodes == OUTSIDE, outside - self.ahead[node].unsqueeze(1), gained)
        ended, after = self._ended(node, history)
        separates = tokens == (-1 if self.separator is None else self.separator)
        scores = torch.where(separates, ended.unsqueeze(1), gained)
        nodes = nodes.masked_fill(separates, ROOT)
        histories = torch.where(separates, after.unsqueeze(1), history.unsqueeze(1))
        return scores, torch.stack([nodes, histories], dim=2)

    def _follow(self, node: Int[Tensor, " N"], tokens: Int[Tensor, "N K"]) -> Int[Tensor, "N K"]:
        if self.dense is not None:
            return self.dense[node.unsqueeze(1), tokens]
        wanted = node.unsqueeze(1) * self.size + tokens
        at = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return self.nodes[at].where(self.keys[at] == wanted, OUTSIDE)

    def _ended(self, node: Int[Tensor, " N"], history: Int[Tensor, " N"]) -> tuple[Tensor, Tensor]:
        """What the end of a word adds, what was counted ahead taken off, and the history after it."""
        word = self.ends[node]
        known, inside = word >= 0, node != ROOT
        listed = word.clamp(min=0)
        scores = torch.where(known, self.bonuses[listed] if len(self.bonuses) else 0.0, 0.0) + self.word_score
        after = history
        if self.table is not None:
            ids = self.ids[listed].where(known, UNKNOWN_ID) if len(self.ids) else torch.full_like(word, UNKNOWN_ID)
            log_probs, after = self.table.look_up(history, ids)
            scores = scores + self.weight * log_probs
        scores = scores - self.ahead[node]
        scores = torch.where(known | torch.full_like(known, self.is_open), scores, IMPOSSIBLE)
        return torch.where(inside, scores, 0.0), torch.where(inside, after, history)

    def end(self, states: Int[Tensor, "N 2"]) -> Float[Tensor, " N"]:
        """The last word, and the end of the sentence."""
        node, history = states.unbind(dim=1)
        scores, after = self._ended(node, history)
        if self.table is None:
            return scores
        return scores + self.weight * self.table.look_up(after, torch.full_like(after, END_ID))[0].clamp(min=-100.0)
