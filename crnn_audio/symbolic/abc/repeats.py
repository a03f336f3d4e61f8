"""The segments of a voice in the order in which they are played: parts, repeats, first and second endings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc.segments import MOST, MOST_TONES, Segment, addable


@dataclass(frozen=True)
class Placed:
    """A segment, and where it begins and ends when the tune is played, in quarter notes."""

    start: Fraction
    end: Fraction
    segment: Segment


def played(segments: list[Segment], order: str, remarks: Counter[str]) -> list[Placed]:
    """The segments as they sound; `order` is that of the parts, "" where they are played as they stand.

    Raises:
        DataError: it would be endless.
    """
    parts = _parts(segments)
    known = {label for label, _ in parts}
    if not order or known == {""}:
        return _one_after_the_other(_repeated(segments))
    for label in dict.fromkeys(order):
        if label not in known:
            remarks[f"Part {label}, which is to be played, is not there."] += 1
    ordered = [part for label, part in parts if label == ""]  # what stands before all parts opens the piece
    ordered += [part for wanted in order for label, part in parts if label == wanted]
    return _one_after_the_other(segment for part in ordered for segment in _repeated(part))


def once(segments: list[Segment]) -> list[Placed]:
    """The segments as they stand, none repeated, and of endings only the last."""
    blocks = _blocks(segments)
    left_out = [_is_ending(block) and _is_ending(after) and not after[0].opens for block, after in pairwise(blocks)]
    kept = (block for block, out in zip(blocks, [*left_out, False], strict=True) if not out)
    return _one_after_the_other(segment for block in kept for segment in block)


def strains(segments: list[Segment]) -> list[tuple[int, Fraction]]:
    """How often each strain is played, and its length in quarter notes, of endings with the last alone."""
    found = []
    for section in _sections(segments):
        turns = max(max([one.closes, *one.endings]) for one in section)
        length = sum((one.segment.length for one in once(section)), Fraction(0))
        if length:
            found.append((max(turns, 1), length))
    return found


def _parts(segments: list[Segment]) -> list[tuple[str, list[Segment]]]:
    """Those of one label in a row, in order."""
    found: list[tuple[str, list[Segment]]] = []
    for segment in segments:
        if not found or segment.part:
            found.append((segment.part[:1], []))
        found[-1][1].append(segment)
    return [(label, part) for label, part in found if any(not segment.blank for segment in part)]


def _one_after_the_other(segments: Iterable[Segment]) -> list[Placed]:
    found, place, tones = [], Fraction(0), 0
    for segment in segments:
        found.append(Placed(place, place + segment.length, segment))
        place = addable(place + segment.length)
        tones += len(segment.tones)
        if len(found) > MOST:
            raise DataError(f"its parts and repeats play more than {MOST} bars.")
        if tones > MOST_TONES:
            raise DataError(f"its parts and repeats play more than {MOST_TONES} notes.")
    return found


def _repeated(segments: list[Segment]) -> Iterator[Segment]:
    for section in _sections(segments):
        blocks = _blocks(section)
        turns = max(max([one.closes, *one.endings]) for one in section)
        for turn in range(1, max(turns, 1) + 1):
            music = _pass(blocks, turn)
            yield from music
            if not (music and music[-1].closes):
                break


def _sections(segments: list[Segment]) -> Iterator[list[Segment]]:
    """What a repeat goes back to the beginning of: without a sign, the last double bar line, repeat or part."""
    section: list[Segment] = []
    endings = False
    for segment in segments:
        if section and _ends(section, segment, endings):
            yield section
            section, endings = [], False
        section.append(segment)
        endings |= bool(segment.endings)
    if section:
        yield section


def _ends(section: list[Segment], after: Segment, endings: bool) -> bool:
    """Whether the section ends before that segment; in one with a sign for its beginning, only `endings` end it."""
    signed, last = section[0].opens, section[-1]
    if after.opens or (after.part and not signed):
        return True
    if last.closes:
        return not after.endings
    return last.double and (not signed or endings)


def _blocks(segments: list[Segment]) -> list[list[Segment]]:
    """The endings, and what stands between them; an ending lasts to the next one, or to a repeat or a double bar."""
    found: list[list[Segment]] = []
    for segment in segments:
        ended = bool(found) and _is_ending(found[-1]) and (found[-1][-1].closes or found[-1][-1].double)
        if not found or segment.endings or segment.opens or ended:
            found.append([])
        found[-1].append(segment)
    return found


def _is_ending(block: list[Segment]) -> bool:
    return bool(block[0].endings)


def _pass(blocks: list[list[Segment]], turn: int) -> list[Segment]:
    """What is played this time, up to the sign that sends back."""
    music = [one for block in blocks if not _is_ending(block) or turn in block[0].endings for one in block]
    back = next((place for place, one in enumerate(music) if one.closes), len(music))
    return music[: back + 1]
