"""The form of a tune: strains that are played once or twice, such as AABB, and the piece as it is played."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from crnn_audio.symbolic.score import Repeat, Score
from crnn_audio.symbolic.ticks import quarters, ticks

LETTERS = "ABCDEFGH"


def repeats_of(form: str, length: float) -> tuple[Repeat, ...]:
    """What is played twice of a piece of such a form and length in quarter notes, whose strains are equally long.

    Args:
        form: each strain's letter once or twice in a row, such as "AABB" or "ABB"; of others nothing is repeated.
    """
    strains = [form.count(letter) for letter in sorted(set(form))]
    spelled = "".join(letter * count for letter, count in zip(LETTERS, strains, strict=False))
    if form != spelled or not strains or max(strains) > 2:
        return ()
    ends = [quarters(round(ticks(length) * place / len(strains))) for place in range(len(strains) + 1)]
    return tuple(Repeat(*span) for span, count in zip(pairwise(ends), strains, strict=True) if count == 2)


def form_of(score: Score) -> str:
    """The form of a piece whose repeats begin and end with strains of one length, such as "AABB"; "" of others.

    An eighth of a strain more or less does not matter, as pickups and endings make of them.
    """
    if not score.repeats:
        return ""
    size = score.repeats[0].end - score.repeats[0].start
    for counts in _choices(round(score.end / size)):
        form = "".join(letter * times for letter, times in zip(LETTERS, counts, strict=False))
        if _alike(repeats_of(form, score.end), score.repeats, size / 8):
            return form
    return ""


def _alike(one: Sequence[Repeat], other: Sequence[Repeat], most: float) -> bool:
    return len(one) == len(other) and all(
        max(abs(a.start - b.start), abs(a.end - b.end)) <= most for a, b in zip(one, other, strict=True)
    )


def _choices(count: int) -> list[tuple[int, ...]]:
    """Once or twice for each of so many strains."""
    if not 0 < count <= 4:
        return []
    return [tuple(1 + (bits >> place & 1) for place in range(count)) for bits in range(2**count)]


def fitting(score: Score, repeats: Sequence[Repeat]) -> tuple[Repeat, ...]:
    """These repeats, or none where a note sounds on over the beginning or end of one, or the piece is shorter."""
    edges = {edge for one in repeats for edge in (one.start, one.end)}
    crossed = any(note.start < edge < note.end for note in score.notes for edge in edges)
    return () if crossed or not repeats or score.end < repeats[-1].start else tuple(repeats)


def played(score: Score) -> Score:
    """The piece with its repeats played, and none left to play."""
    if not score.repeats:
        return score
    spans, place = list[tuple[float, float]](), 0.0
    for one in score.repeats:
        spans += [(place, one.start), (one.start, one.end), (one.start, one.end)]
        place = one.end
    end = max(score.end, place)
    spans = [span for span in [*spans, (place, end)] if span[0] < span[1]]
    found = replace(score, parts=tuple(replace(part, notes=()) for part in score.parts), chords=(), fermatas=())
    begin = 0.0
    for first, last in spans:
        shift = begin - first
        found = replace(
            found,
            parts=tuple(
                replace(
                    one,
                    notes=one.notes
                    + tuple(replace(n, start=n.start + shift) for n in part.notes if first <= n.start < last),
                )
                for one, part in zip(found.parts, score.parts, strict=True)
            ),
            chords=found.chords
            + tuple(replace(c, start=c.start + shift) for c in score.chords if first <= c.start < last),
            fermatas=found.fermatas + tuple(one + shift for one in score.fermatas if first <= one < last),
        )
        begin += last - first
    return replace(found, repeats=())
