"""Scores of sequences that were written from others: how many are wrong, how many of their tokens, BLEU and chrF."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crnn_audio.errors import DataError
from crnn_audio.metrics.error_rate import ErrorCounts, character_errors, interval, word_errors
from crnn_audio.metrics.scores import Scores


@dataclass(frozen=True)
class ScoredPair:
    """A source, all targets that are right, and the hypothesis; `words` says whether tokens are words or characters."""

    id: str
    source: str
    targets: tuple[str, ...]
    hypothesis: str
    words: bool

    @property
    def errors(self) -> ErrorCounts:
        """Token errors against the nearest target."""
        counts = word_errors if self.words else character_errors
        return min((counts(target, self.hypothesis) for target in self.targets), key=lambda found: found.errors)

    @property
    def is_right(self) -> bool:
        """Whether it is one of the targets."""
        return self.hypothesis in self.targets

    @property
    def rank(self) -> tuple[float, ...]:
        """Token errors."""
        return (self.errors.errors,)

    def lines(self) -> list[str]:
        """Source, targets and hypothesis."""
        return [
            self.source,
            *(f"  target      {target}" for target in self.targets),
            f"  hypothesis  {self.hypothesis}",
        ]


def scores_of(pairs: Sequence[ScoredPair], kind: str, loss: float, *, whole: bool) -> Scores:
    """The scores of a split.

    Args:
        kind: "exact", "pronunciation" or "translation".
        loss: nats a target token, its end counted.
        whole: with those that cost time and choose nothing: the interval, BLEU and chrF.
    """
    wrong = [ErrorCounts(substitutions=int(not pair.is_right), reference=1) for pair in pairs]
    rate = sum(wrong, ErrorCounts()).rate
    metrics, figures = {"wer": rate}, dict[str, object]()
    details = [f"{sum(one.errors for one in wrong)} of {len(pairs)} wrong: {100 * rate:.2f} %"]
    if whole:
        low, high = interval(wrong)
        details[0] += f"  (95 % interval {100 * low:.2f} to {100 * high:.2f})"
        figures["interval"] = [low, high]
    if kind == "exact":
        metrics["accuracy"] = 1 - rate
    if kind == "pronunciation":
        tokens = sum((pair.errors for pair in pairs), ErrorCounts())
        metrics["per"] = tokens.rate
        details.append(f"{tokens.errors} of {tokens.reference} tokens wrong: {100 * tokens.rate:.2f} %")
    if kind == "translation" and whole:
        found = translation(pairs)
        metrics |= {"bleu": found.bleu / 100, "chrf": found.chrf / 100}
        details.append(f"BLEU {found.bleu:.2f}, chrF {found.chrf:.2f}  ({found.signature})")
        figures["signature"] = found.signature
    details.append(f"{loss:.4f} nats a token")
    examples = sorted(pairs, key=lambda pair: pair.is_right)[:5]
    return Scores(
        metrics=metrics,
        loss=loss,
        counts=f"{len(pairs)} sources",
        details=tuple(details),
        figures=figures | {"pairs": len(pairs), "nats_per_token": loss},
        items=tuple(pairs),
        examples=tuple((pair.targets[0], pair.hypothesis) for pair in examples),
        empty_rate=sum(not pair.hypothesis for pair in pairs) / max(len(pairs), 1),
    )


@dataclass(frozen=True)
class Translation:
    """BLEU (Papineni et al. 2002) and chrF (Popović 2015), from 0 to 100, and how sacrebleu computed them."""

    bleu: float
    chrf: float
    signature: str


def translation(pairs: Sequence[ScoredPair]) -> Translation:
    """Of a whole split, each hypothesis against all of its targets (Post 2018).

    Raises:
        DataError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise DataError("BLEU and chrF need the package sacrebleu: pip install 'crnn_audio[translation]'.") from None
    most = max(len(pair.targets) for pair in pairs)
    hypotheses = [pair.hypothesis for pair in pairs]
    references: Any = [[pair.targets[n] if n < len(pair.targets) else None for pair in pairs] for n in range(most)]
    bleu, chrf = BLEU(), CHRF()
    found = bleu.corpus_score(hypotheses, references), chrf.corpus_score(hypotheses, references)
    return Translation(found[0].score, found[1].score, f"{bleu.get_signature()} {chrf.get_signature()}")
