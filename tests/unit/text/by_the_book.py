"""Interpolated modified Kneser-Ney as it is published, by recursion over dictionaries of tuples: slow and plain."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product

Gram = tuple[str, ...]


class ByTheBook:
    """Chen and Goodman 1999, equations 24 to 26, over continuation counts; the uniform distribution at the bottom."""

    def __init__(self, sequences: Sequence[Sequence[str]], order: int, *, marked: bool) -> None:
        self.texts = [("<s>", *one, "</s>") if marked else tuple(one) for one in sequences]
        self.marked = marked
        self.order = order
        self.vocabulary = {"<unk>"} | {token for one in self.texts for token in one} - {"<s>"}
        self.counts = {length: self.adjusted(length) for length in range(1, order + 1)}
        self.after: dict[Gram, dict[str, int]] = defaultdict(dict)
        for counts in self.counts.values():
            for gram, count in counts.items():
                self.after[gram[:-1]][gram[-1]] = count
        self.discounts = {length: self.discounts_of(length) for length in range(1, order + 1)}

    def occurrences(self, length: int) -> list[Gram]:
        return [one[at : at + length] for one in self.texts for at in range(len(one) - length + 1)]

    def adjusted(self, length: int) -> Counter[Gram]:
        raw = Counter(self.occurrences(length))
        if length == self.order:
            found = raw
        else:
            found = Counter(gram[1:] for gram in set(self.occurrences(length + 1)))
            for gram in {one[:length] for one in self.texts if len(one) >= length}:
                found[gram] = raw[gram] if self.marked else found[gram] + 1
        found.pop(("<s>",), None)
        return found

    def discounts_of(self, length: int) -> tuple[float, float, float, float]:
        n = Counter(self.counts[length].values())
        if n[1] and n[2] and n[3]:
            y = n[1] / (n[1] + 2 * n[2])
            found = (1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3])
            if min(found) > 0:
                return (0.0, *found)
        return (0.0, 0.5, 1.0, 1.5)

    def prob(self, token: str, history: Gram) -> float:
        history = history[max(0, len(history) - self.order + 1) :]
        lower = self.prob(token, history[1:]) if history else 1 / len(self.vocabulary)
        followers = self.after.get(history)
        if not followers:
            return lower
        discounts, total = self.discounts[len(history) + 1], sum(followers.values())
        freed = sum(discounts[min(count, 3)] for count in followers.values())
        count = followers.get(token, 0)
        return (count - discounts[min(count, 3)]) / total + freed / total * lower

    def histories(self, longest: int) -> list[Gram]:
        """Every history that could be, of known tokens and an unknown one, <s> only in front."""
        tokens = sorted(self.vocabulary - {"</s>"})
        free = [history for length in range(longest + 1) for history in product(tokens, repeat=length)]
        return free + ([("<s>", *history) for history in free if len(history) < longest] if self.marked else [])


def sentences(num: int, num_words: int, seed: int) -> list[list[str]]:
    """Sentences of words that repeat each other's phrases, some words rare and others not."""
    draws = random.Random(seed)
    words = [f"w{index}" for index in range(num_words)]
    chances = [1 / (rank + 1) for rank in range(num_words)]
    found: list[list[str]] = []
    for _ in range(num):
        sentence = draws.choices(words, chances, k=draws.randint(0, 6))
        if found and draws.random() < 0.5:
            sentence += draws.choice(found)[-3:]
        found.append(sentence)
    return found
