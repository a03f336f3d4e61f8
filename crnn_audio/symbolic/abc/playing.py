"""The stretches of a voice in the order in which they are played: parts, repeats, first and second endings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc.stretches import Stretch

MOST = 20_000
"""Stretches that a piece may have when it is played; more is a mistake."""


@dataclass(frozen=True)
class Placed:
    """A stretch, and where it begins and ends when the tune is played, in quarter notes."""

    start: Fraction
    end: Fraction
    stretch: Stretch


def played(stretches: list[Stretch], order: str, remarks: Counter[str]) -> list[Placed]:
    """The stretches as heard; `order` is that of the parts, "" where they are played as they stand.

    Raises:
        DataError: it would be endless.
    """
    parts = _parts(stretches)
    known = {label for label, _ in parts}
    if not order or known == {""}:
        return _one_after_the_other(_repeated(stretches))
    for label in dict.fromkeys(order):
        if label not in known:
            remarks[f"Part {label}, which is to be played, is not there."] += 1
    heard = [part for label, part in parts if label == ""]  # what stands before all parts opens the piece
    heard += [part for wanted in order for label, part in parts if label == wanted]
    return _one_after_the_other(stretch for part in heard for stretch in _repeated(part))


def once(stretches: list[Stretch]) -> list[Placed]:
    """The stretches as they stand, none repeated, and of endings only the last."""
    found, place = list[Stretch](), 0
    while place < len(stretches):
        after = _after_ending(stretches, place) if stretches[place].endings else len(stretches)
        if after < len(stretches) and stretches[after].endings and not stretches[after].opens:
            place = after
        else:
            found.append(stretches[place])
            place += 1
    return _one_after_the_other(found)


def _parts(stretches: list[Stretch]) -> list[tuple[str, list[Stretch]]]:
    """Those of one label in a row, in order."""
    found: list[tuple[str, list[Stretch]]] = []
    for stretch in stretches:
        if not found or stretch.part:
            found.append((stretch.part[:1], []))
        found[-1][1].append(stretch)
    return [(label, part) for label, part in found if any(not stretch.blank for stretch in part)]


def _one_after_the_other(stretches: Iterable[Stretch]) -> list[Placed]:
    found, place = [], Fraction(0)
    for stretch in stretches:
        found.append(Placed(place, place + stretch.length, stretch))
        place += stretch.length
        if len(found) > MOST:
            raise DataError(f"its parts and repeats play more than {MOST} bars.")
    return found


def _repeated(stretches: list[Stretch]) -> Iterator[Stretch]:
    """A repeat without a beginning goes back to the last double bar line, repeat or part."""
    place = begin = 0
    told, turn = False, 1
    while place < len(stretches):
        stretch = stretches[place]
        if stretch.opens and place != begin:
            begin, told, turn = place, True, 1
        elif stretch.opens:
            told = True
        elif stretch.part and place != begin and not told:
            begin, turn = place, 1
        if stretch.endings and turn not in stretch.endings:
            place = _after_ending(stretches, place)
            continue
        yield stretch
        turns = max(stretch.closes, _turns(stretches, begin)) if stretch.closes else 0
        if turn < turns:
            turn, place = turn + 1, begin
            continue
        place += 1
        if stretch.closes or (stretch.double and (not told or _ended(stretches, begin, place))):
            begin, told, turn = place, False, 1


def _turns(stretches: list[Stretch], begin: int) -> int:
    """How often the section that begins there is played by its endings."""
    return max((max(one.endings) for one in _section(stretches, begin) if one.endings), default=0)


def _section(stretches: list[Stretch], begin: int) -> Iterator[Stretch]:
    """To the beginning of the next repeat, or to the end of the last ending."""
    ending = False
    for place in range(begin, len(stretches)):
        one, after = stretches[place], stretches[place + 1 : place + 2]
        if place != begin and one.opens:
            return
        yield one
        ending |= bool(one.endings)
        if (one.closes or (one.double and ending)) and not (after and after[0].endings):
            return


def _ended(stretches: list[Stretch], begin: int, place: int) -> bool:
    """Whether an ending stands between: its double bar line is the repeat's end."""
    return any(stretch.endings for stretch in stretches[begin:place])


def _after_ending(stretches: list[Stretch], place: int) -> int:
    """The place after an ending that is not played this time: the next ending, or what follows its last bar."""
    for after in range(place + 1, len(stretches)):
        if stretches[after].endings or stretches[after].opens:
            return after
        if stretches[after - 1].closes or stretches[after - 1].double:
            return after
    return len(stretches)
