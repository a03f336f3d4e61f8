"""Generated pieces beside pieces of a corpus, figure by figure, and what of either was copied from training."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from crnn_audio.metrics.copying import Passage, longest_copies, melody_of
from crnn_audio.metrics.music import MusicStatistics, statistics
from crnn_audio.metrics.parts import PartStatistics
from crnn_audio.symbolic.note_names import pitch_name
from crnn_audio.symbolic.score import Score

LABELS = {
    "parallel_fifths_per_100_changes": "parallel fifths per 100 chord changes",
    "parallel_octaves_per_100_changes": "parallel octaves per 100 chord changes",
    "voice_crossings": "voices crossed, share of time",
    "fermatas_on_triads": "fermatas on a triad",
    "fermatas_on_tonic": "fermatas on the tonic's chord",
    "fermatas_on_dominant": "fermatas on the dominant's chord",
    "ends_on_tonic": "ends with the tonic lowest",
    "ends_on_tonic_chord": "ends on the tonic's chord",
    "ends_with_full_bar": "ends with a full bar",
    "returning_bars": "bars that were there before",
    "notes_over_bar_lines": "notes held over a bar line",
}


@dataclass(frozen=True)
class Summary:
    """What pieces of one side of a comparison are like, and what was copied.

    Args:
        melody: for each piece the longest passage that its first part has in common with that of a training piece.
        passages: the same for all parts together.
    """

    statistics: MusicStatistics
    melody: tuple[Passage, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Comparison:
    """Generated pieces and as many of the corpus, if it has them."""

    generated: Summary
    corpus: Summary

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the counts, rates (fractions) and histograms of both sides, and each piece's longest passages."""
        return {
            name: {
                **asdict(side.statistics),
                "rates": side.statistics.rates,
                "copied": {
                    "melody": [asdict(one) for one in side.melody],
                    "all": [asdict(one) for one in side.passages],
                },
            }
            for name, side in (("generated", self.generated), ("corpus", self.corpus))
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """For people: the name of each figure, and its values of both sides."""
        return _rows(self.generated, self.corpus)

    def lines(self) -> list[str]:
        """A table for people, a figure a line."""
        rows = [("", "generated", "corpus"), *self.rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]


def compare(
    generated: Sequence[Score], corpus: Sequence[Score], training: Sequence[Score], *, seed: int = 0
) -> Comparison:
    """Generated pieces against as many of the corpus, chosen by the seed; or against all, where it has no more.

    Args:
        corpus: pieces that were not trained on: of a piece that training has, the whole would count as copied.
        training: what copies are looked for in.

    Raises:
        DataError: a time signature's bars last no time.
    """
    chosen = random.Random(seed).sample(list(corpus), min(len(generated), len(corpus)))
    both = [*generated, *chosen]
    tunes = longest_copies([melody_of(score) for score in both], [melody_of(score) for score in training])
    passages = longest_copies(both, training)
    count = len(generated)
    return Comparison(
        Summary(statistics(generated), tuple(tunes[:count]), tuple(passages[:count])),
        Summary(statistics(chosen), tuple(tunes[count:]), tuple(passages[count:])),
    )


def _rows(generated: Summary, corpus: Summary) -> list[tuple[str, str, str]]:
    one, other = generated.statistics, corpus.statistics
    rows = [
        ("pieces", str(one.pieces), str(other.pieces)),
        ("quarter notes", f"{one.quarters:g}", f"{other.quarters:g}"),
    ]
    for index in range(max(len(one.parts), len(other.parts))):
        lines = [side.parts[index] if index < len(side.parts) else None for side in (one, other)]
        name = next(line.name for line in lines if line)
        written = [_line(line) if line else {} for line in lines]
        labels = written[0] or written[1]
        rows += [(f"{name}: {label}", written[0].get(label, "-"), written[1].get(label, "-")) for label in labels]
    for key, label in LABELS.items():
        if one.rates[key] is not None or other.rates[key] is not None:
            rows.append((label, _rate(key, one.rates[key]), _rate(key, other.rates[key])))
    rows += _copied("melody", generated.melody, corpus.melody)
    if max(len(one.parts), len(other.parts)) > 1:
        rows += _copied("all parts", generated.passages, corpus.passages)
    return rows


def _line(line: PartStatistics) -> dict[str, str]:
    known = line.lowest is not None and line.highest is not None
    return {
        "range": f"{pitch_name(line.lowest or 0)} to {pitch_name(line.highest or 0)}" if known else "-",
        "notes a quarter": "-" if line.density is None else f"{line.density:.2f}",
        "rests, share of time": _percent(line.rests),
        "notes like the one before": _percent(line.repeats),
    }


def _rate(key: str, value: float | None) -> str:
    return _percent(value) if value is None or not key.endswith("per_100_changes") else f"{value:.2f}"


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f} %"


def _copied(name: str, one: Sequence[Passage], other: Sequence[Passage]) -> list[tuple[str, str, str]]:
    return [
        (f"longest passage copied, {name}", _length(one, max), _length(other, max)),
        (f"median of the pieces, {name}", _length(one, median), _length(other, median)),
    ]


def _length(passages: Sequence[Passage], of: Callable[[Iterable[float]], float]) -> str:
    """In bars, or in quarter notes where the time signature of a piece is not known."""
    bars = [passage.bars for passage in passages if passage.bars is not None]
    if not passages:
        return "-"
    if len(bars) < len(passages):
        return f"{of([passage.quarters for passage in passages]):.1f} quarters"
    return f"{of(bars):.1f} bars"
