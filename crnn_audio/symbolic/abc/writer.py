"""A `Score` as a tune in ABC 2.1: voices one after the other, four bars a line, notes tied over bar lines.

Repeats are written as such, each on lines of its own.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from crnn_audio.symbolic.abc.book import escaped
from crnn_audio.symbolic.bars import Bar, bar_length, notated_bars
from crnn_audio.symbolic.keys import alterations, spelled
from crnn_audio.symbolic.score import Part, Repeat, Score, TimeSignature
from crnn_audio.symbolic.slicing import FINEST, Slice, shapes, slices
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks
from crnn_audio.symbolic.validation import validate

UNIT = TICKS_PER_QUARTER // 2
"""Ticks of a note without a number, an eighth."""
BARS_A_LINE = 4
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def to_abc(score: Score, number: int = 1, rhythm: str = "") -> str:
    """The tune as text, its X: field the number given, its R: field the rhythm if there is one, such as "jig".

    Notes of a part that overlap are written as chords that are tied on. An instrument is written as %%MIDI program.

    Raises:
        DataError: a note, a time signature or a tempo that cannot be.
    """
    validate(score)
    end = _end(score)
    meter, key = (
        next((str(one) for one in changes if one.start == 0), "none") for changes in (score.time_signatures, score.keys)
    )
    lines = [f"X:{number}", f"T:{escaped(score.title)}", *([f"R:{escaped(rhythm)}"] if rhythm else [])]
    lines += [f"M:{meter}", "L:1/8", f"Q:1/4={score.tempo:.12g}", f"K:{key}"]
    grid = notated_bars(score, end)
    for place, part in enumerate(score.parts, start=1):
        if len(score.parts) > 1 or part.name:
            lines.append(f"V:{place}" + (f' name="{escaped(part.name, quoted=True)}"' if part.name else ""))
        if part.program:
            lines.append(f"%%MIDI program {part.program}")
        measures = _Voice(score, part, first=place == 1).measures(grid, end)
        lines += _in_lines(list(zip(grid, measures, strict=True)), score.repeats)
    return "\n".join(lines) + "\n"


def _in_lines(measures: list[tuple[Bar, str]], repeats: Sequence[Repeat]) -> Iterator[str]:
    """Four bars a line, or fewer where a repeat begins or ends, with bar lines and signs of repeats."""
    starts, ends = {ticks(one.start) for one in repeats}, {ticks(one.end) for one in repeats}
    row, most = list[str](), BARS_A_LINE
    for bar, text in measures:
        if not row:
            opens = bar.start in starts
            most = BARS_A_LINE + (opens and bar.end - bar.start < bar.length)  # beside the pickup of a strain
        row.append(f"|: {text}" if opens and not row else text)
        is_last = bar is measures[-1][0]
        if bar.end in ends or bar.end in starts or len(row) == most or is_last:
            sign = ":|" if bar.end in ends else "|]" if is_last else "|"
            yield f"{' | '.join(row)} {sign}"
            row = []


def _end(score: Score) -> int:
    """Where the music ends, in ticks: with its last note or what stands above it; after a mere pickup with a bar."""
    above = [*(chord.start for chord in score.chords), *(key.start for key in score.keys[1:])]
    last = max([ticks(score.end), *(ticks(start) + UNIT for start in above)])
    if score.time_signatures and last <= ticks(score.time_signatures[-1].start):
        last = ticks(score.time_signatures[-1].start) + int(bar_length(score.time_signatures[-1]))
    if 0 < last <= ticks(score.pickup):
        return ticks(score.pickup) + int(bar_length(score.time_signatures[0] if score.time_signatures else None))
    return last


class _Voice:
    """Writes one part; the first one carries the chord symbols."""

    def __init__(self, score: Score, part: Part, *, first: bool) -> None:
        self.part = part
        self.time_signature: TimeSignature | None = None
        self.keys = {ticks(key.start): key for key in score.keys}
        self.chords: dict[int, str] = {}
        for chord in score.chords if first else ():
            name = f'"{escaped(chord.name, quoted=True)}"'
            self.chords[ticks(chord.start)] = self.chords.get(ticks(chord.start), "") + name
        self.fermatas = {ticks(fermata) for fermata in score.fermatas}
        self.key = alterations(0)
        self.sharps = 0
        self.altered: dict[str, dict[int, int]] = {}  # by letter and octave, of this bar
        self.tied: set[str] = set()  # letters that a tie brings along altered

    def measures(self, grid: list[Bar], end: int) -> list[str]:
        """The bars as text, without bar lines."""
        cuts = {bar.start for bar in grid} | self.keys.keys() | self.chords.keys()
        pieces = iter(slices(self.part, cuts, end))
        found = []
        for bar in grid:
            within: list[Slice] = []
            while not within or within[-1].end < bar.end:
                within.append(next(pieces))
            found.append("".join([self._time_signature(bar), *self._bar(within)]))
        return found

    def _time_signature(self, bar: Bar) -> str:
        """Written where it changes; one that begins anew is marked by its bar line alone."""
        before, self.time_signature = self.time_signature, bar.time_signature
        return "" if bar.start == 0 or str(before) == str(self.time_signature) else f"[M:{self.time_signature}]"

    def _bar(self, within: list[Slice]) -> Iterator[str]:
        self.altered.clear()
        for tuplet, group in _groups(within):
            if tuplet:
                yield "(3" if len(group) == 3 else f"(3:2:{len(group)}"
            for piece in group:
                yield self._before(piece.start)
                yield from self._piece(piece, tuplet)
            if group[-1] is not within[-1] and (group[-1].end - within[0].start) % self._beat() == 0:
                yield " "  # what is not apart is beamed together

    def _beat(self) -> int:
        """Three eighths in 6/8 and its kin, else a quarter, in ticks."""
        meter = self.time_signature
        compound = meter is not None and meter.beat_type == 8 and meter.beats % 3 == 0
        return 3 * UNIT if compound else 2 * UNIT

    def _before(self, start: int) -> str:
        """A change of key, and chord symbols."""
        change = ""
        if start in self.keys:
            self.sharps, self.key = self.keys[start].sharps, alterations(self.keys[start].sharps)
            self.altered.clear()
            change = f"[K:{self.keys[start]}]" if start else ""
        return change + self.chords.get(start, "")

    def _piece(self, piece: Slice, tuplet: bool) -> Iterator[str]:
        """The slice, as several notes that are tied where no note has its length."""
        lengths = [piece.end - piece.start] if tuplet else shapes(piece.end - piece.start)
        if piece.onsets and piece.start in self.fermatas:
            yield "!fermata!"
        for place, ticked in enumerate(lengths):
            tied = frozenset(piece.pitches) if place + 1 < len(lengths) else piece.tied
            yield self._sounding(piece.pitches, tied, _length(Fraction(3 * ticked, 2) if tuplet else Fraction(ticked)))
        going_on = [spelled(pitch, self.sharps) for pitch in piece.tied]
        self.tied = {letter for letter, alteration, _ in going_on if alteration != self.key[letter]}

    def _sounding(self, pitches: tuple[int, ...], tied: frozenset[int], written: str) -> str:
        if not pitches:
            return "z" + written
        if len(pitches) == 1:
            return self._name(pitches[0]) + written + ("-" if tied else "")
        every = len(tied) == len(pitches)
        inner = "".join(self._name(pitch) + ("-" if pitch in tied and not every else "") for pitch in pitches)
        return f"[{inner}]{written}" + ("-" if every else "")

    def _name(self, pitch: int) -> str:
        """With its accidental, unless every way of reading agrees that it needs none.

        Programs differ on whether an accidental holds in other octaves of its bar, and whether a tie brings it along.
        """
        letter, alteration, octave = spelled(pitch, self.sharps)
        held = self.altered.setdefault(letter, {})
        needed = {held.get(octave, self.key[letter]), *held.values()} != {alteration}
        if needed or (letter in self.tied and octave not in held):
            held[octave] = alteration
            return _SIGNS[alteration] + _placed(letter, octave)
        return _placed(letter, octave)


def _placed(letter: str, octave: int) -> str:
    if octave >= 5:
        return letter.lower() + "'" * (octave - 5)
    return letter + "," * (4 - octave)


def _length(ticked: Fraction) -> str:
    number = ticked / UNIT
    above = "" if number.numerator == 1 else str(number.numerator)
    return above if number.denominator == 1 else f"{above}/{number.denominator}"


def _groups(within: list[Slice]) -> list[tuple[bool, list[Slice]]]:
    """The slices of a bar, those of a triplet together; True where they are one."""
    found, place = [], 0
    while place < len(within):
        size = _triplet(within[place:])
        found.append((size > 0, within[place : place + max(size, 1)]))
        place += max(size, 1)
    return found


def _triplet(within: list[Slice]) -> int:
    """How many of the first slices make a triplet: their lengths are thirds, and together none."""
    total = 0
    for count, piece in enumerate(within, start=1):
        ticked = piece.end - piece.start
        total += ticked
        if ticked % (FINEST * 2 // 3) or (count == 1 and ticked % FINEST == 0):
            return 0
        if total % FINEST == 0:
            return count if count > 1 else 0
    return 0
