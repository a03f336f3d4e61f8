"""Word and character errors as counts that add up, never as averages of rates.

An error is a substitution, a deletion or an insertion of the cheapest alignment (Levenshtein 1966), found by jiwer.
Texts are compared as they are, but for white space: normalise both the same way first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np


@dataclass(frozen=True)
class ErrorCounts:
    """Errors against a reference of `reference` words or characters; counts of several utterances add up with `+`."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        """The counts of both together."""
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference + other.reference,
        )

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per word or character of the reference, a fraction that can exceed 1.

        Against an empty reference it is 0 without errors and infinite with insertions.
        """
        if self.reference == 0:
            return float("inf") if self.errors else 0.0
        return self.errors / self.reference


def word_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """The word errors of one utterance; words are what white space separates."""
    return _counts(jiwer.process_words(_spaced(reference), _spaced(hypothesis)))


def character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """The character errors of one utterance; the single space between two words is a character too."""
    return _counts(jiwer.process_characters(_spaced(reference), _spaced(hypothesis)))


def right_words(reference: str, hypothesis: str) -> list[bool]:
    """For each word of the hypothesis, whether the cheapest alignment pairs it with the same word."""
    output = jiwer.process_words(_spaced(reference), _spaced(hypothesis))
    return [
        chunk.type == "equal" for chunk in output.alignments[0] for _ in range(chunk.hyp_start_idx, chunk.hyp_end_idx)
    ]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _counts(output: jiwer.WordOutput | jiwer.CharacterOutput) -> ErrorCounts:
    return ErrorCounts(
        substitutions=output.substitutions,
        deletions=output.deletions,
        insertions=output.insertions,
        reference=output.hits + output.substitutions + output.deletions,
    )


def interval(counts: Sequence[ErrorCounts], *, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """The 95 % interval of the rate of utterances like these, by the percentile bootstrap over utterances.

    Each draw takes as many utterances as there are, with replacement, and makes the rate from its sums (Bisani and Ney
    2004). It knows nothing of other speakers or other training seeds: with few speakers it is too narrow.

    Raises:
        ValueError: there are no utterances.
    """
    if not counts:
        raise ValueError("an interval needs at least one utterance")
    table = np.array([(item.errors, item.reference) for item in counts])
    generator = np.random.default_rng(seed)
    sums = np.array([table[generator.integers(len(table), size=len(table))].sum(axis=0) for _ in range(draws)])
    errors, references = sums[:, 0], sums[:, 1]
    of_nothing = np.where(errors > 0, np.inf, 0.0)
    rates = np.divide(errors, references, out=of_nothing, where=references > 0)
    low, high = np.quantile(rates, [0.025, 0.975], method="inverted_cdf")  # no interpolation, which infinity forbids
    return float(low), float(high)


def align(reference: str, hypothesis: str) -> tuple[str, str]:
    """Both texts as lines of equal length, word under word, in which the words that differ stand out.

    Words that agree are in lower case, words that differ in upper case, or between asterisks where upper case would not
    show it; *** stands for a word that the other line has and this one has not.
    """
    output = jiwer.process_words(_spaced(reference), _spaced(hypothesis))
    columns: list[tuple[str, str]] = []
    for chunk in output.alignments[0]:
        words = output.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
        recognised = output.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
        for index in range(max(len(words), len(recognised))):
            columns.append(_column(*words[index : index + 1] or [""], *recognised[index : index + 1] or [""]))
    return " ".join(column[0] for column in columns), " ".join(column[1] for column in columns)


def _column(word: str, recognised: str) -> tuple[str, str]:
    pair = (
        (word.lower(), recognised.lower())
        if word == recognised
        else (_marked(word, recognised), _marked(recognised, word))
    )
    width = max(map(len, pair))
    return pair[0].ljust(width), pair[1].ljust(width)


def _marked(word: str, other: str) -> str:
    if not word:
        return "***"
    upper = word.upper()
    return f"*{word}*" if upper in (word.lower(), other.upper()) else upper
