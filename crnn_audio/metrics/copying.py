"""What was copied: the longest passage of a piece that stands in other pieces too, transposed or not.

A piece is written as symbols that do not change when it is transposed: for each verticality how long it lasts and what
sounds, counted from its highest note; between two of them, how far the highest note moves. A passage is a run of such
symbols. Equal runs are found in a suffix array, built by doubling (Manber and Myers 1993).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from crnn_audio.metrics.parts import top_notes
from crnn_audio.metrics.verticalities import Verticality, verticalities
from crnn_audio.symbolic.bars import bars_of
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import quarters

Positions = Int[np.ndarray, " N"]


@dataclass(frozen=True)
class Passage:
    """The longest passage of a piece that stands elsewhere; it begins and ends with a note.

    Args:
        quarters: how long it is; 0 where there is none.
        bars: the same in bars, by the time signature where it begins; None where a piece has no time signature.
        start: quarter notes from the beginning of the piece.
        source: which of the other pieces has it, from 0; None where none has.
        source_start: quarter notes from that piece's beginning.
    """

    quarters: float = 0.0
    bars: float | None = None
    start: float = 0.0
    source: int | None = None
    source_start: float = 0.0


def melody_of(score: Score) -> Score:
    """Its first part alone, of which the highest notes."""
    return replace(score, parts=tuple(Part(part.name, tuple(top_notes(part))) for part in score.parts[:1]))


def longest_copies(pieces: Sequence[Score], training: Sequence[Score]) -> list[Passage]:
    """For each piece the longest passage, in quarter notes, that all its parts together have in common with training.

    A passage of a piece that itself stands in training is the whole piece.
    """
    cut = [verticalities(score) for score in [*training, *pieces]]
    written = [_symbols(piece) for piece in cut]
    starts = np.cumsum([0, *(len(symbols) + 1 for symbols in written)])
    trained = np.arange(starts[-1]) < starts[len(training)]
    lengths, places = _longest_matches(_numbered(written), trained)
    found = []
    for index, score in enumerate(pieces, start=len(training)):
        here = slice(starts[index], starts[index + 1] - 1)
        passage, place = _longest(score, cut[index], lengths[here], places[here])
        if passage.quarters:
            source = int(np.searchsorted(starts, place, side="right")) - 1
            begin = cut[source][(place - int(starts[source])) // 2].start
            passage = replace(passage, source=source, source_start=quarters(begin))
        found.append(passage)
    return found


def _symbols(piece: Sequence[Verticality]) -> list[Hashable]:
    """Verticalities and moves in turn: symbol 2 k is verticality k, 2 k - 1 the move to it."""
    written: list[Hashable] = []
    before: int | None = None
    for one in piece:
        top = max((tone.pitch for tone in one.tones), default=before or 0)
        tones = tuple((tone.part, top - tone.pitch, tone.onset) for tone in one.tones)
        written += [top - (top if before is None else before), (one.end - one.start, tones)]
        before = top
    return written[1:]


def _numbered(written: Sequence[Sequence[Hashable]]) -> Positions:
    """All symbols in one row, as integers, with one that occurs nowhere else after each piece."""
    numbers: dict[Hashable, int] = {}
    row: list[int] = []
    for index, symbols in enumerate(written):
        row += [numbers.setdefault(symbol, len(numbers)) for symbol in symbols]
        row.append(-1 - index)
    return np.array(row, dtype=np.int64)


def _longest_matches(row: Positions, trained: Bool[np.ndarray, " N"]) -> tuple[Positions, Positions]:
    """For each place how many symbols from there on stand in training too, and where there.

    The best match of a suffix is a neighbour in the sorted order of all suffixes: the next in training before or after.
    """
    levels = _ranks(row)
    order = np.argsort(levels[-1])
    position = np.empty_like(order)
    position[order] = np.arange(len(row))
    before = np.maximum.accumulate(np.where(trained[order], np.arange(len(row)), -1))
    after = np.minimum.accumulate(np.where(trained[order], np.arange(len(row)), len(row))[::-1])[::-1]
    lengths, places = np.zeros_like(row), np.zeros_like(row)
    for neighbour in (before[position], after[position]):
        exists = (neighbour >= 0) & (neighbour < len(row))
        other = order[np.where(exists, neighbour, 0)]
        common = np.where(exists, _common(levels, np.arange(len(row)), other), 0)
        places = np.where(common > lengths, other, places)
        lengths = np.maximum(lengths, common)
    return lengths, places


def _ranks(row: Positions) -> list[Positions]:
    """Level k orders the runs of 2^k symbols from each place on; in the last level no two are equal."""
    levels = [np.unique(row, return_inverse=True)[1]]
    width = 1
    while levels[-1].max(initial=-1) < len(row) - 1:
        following = np.concatenate([levels[-1][width:] + 1, np.zeros(min(width, len(row)), dtype=np.int64)])
        levels.append(np.unique(levels[-1] * (len(row) + 1) + following, return_inverse=True)[1])
        width *= 2
    return levels


def _common(levels: Sequence[Positions], one: Positions, other: Positions) -> Positions:
    """How many symbols from these places on are equal; every piece ends with one of its own, which stops it."""
    length = np.zeros_like(one)
    for level in range(len(levels) - 1, -1, -1):
        ranks = np.append(levels[level], -1)
        equal = (one != other) & (ranks[one + length] == ranks[other + length])
        length += equal.astype(np.int64) << level
    return length


def _longest(score: Score, piece: Sequence[Verticality], lengths: Positions, places: Positions) -> tuple[Passage, int]:
    """The longest passage of a piece, without its source, and the place where training has it."""
    grid = bars_of(score) if score.time_signatures else None
    best, place = Passage(bars=0.0 if grid else None), 0
    for index, symbols in enumerate(lengths[::2].tolist()):
        last = index + (symbols + 1) // 2 - 1
        last -= last > index and not piece[last].tones
        if last < index or not piece[index].tones:
            continue
        start, end = quarters(piece[index].start), quarters(piece[last].end)
        if end - start > best.quarters:
            bars = (end - start) / quarters(grid.at(piece[index].start).length) if grid else None
            best, place = Passage(end - start, bars, start), int(places[2 * index])
    return best, place
