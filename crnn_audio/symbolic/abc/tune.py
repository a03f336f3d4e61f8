"""One tune in ABC, as it stands, into a `Score`, as it is played."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from crnn_audio.errors import DataError
from crnn_audio.symbolic.abc import fields as abc_fields
from crnn_audio.symbolic.abc.book import Line, Source, inline_fields, plain
from crnn_audio.symbolic.abc.head import Head, direct
from crnn_audio.symbolic.abc.repeats import Placed, once, played, strains
from crnn_audio.symbolic.abc.segments import Segment
from crnn_audio.symbolic.abc.voice import Voice
from crnn_audio.symbolic.barlines import Beats, time_signatures_and_pickup
from crnn_audio.symbolic.keys import needed_keys
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Repeat, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, nearest_tick, quarters
from crnn_audio.symbolic.validation import TEMPI

MOST_VOICES = 200
"""Of a tune; with each one the parts take longer to be found."""


@dataclass(frozen=True)
class AbcTune:
    """A tune of a book.

    Args:
        number: of its X: field.
        fields: the first of each kind of its fields, such as {"T": "The Lark", "R": "jig"}.
        remarks: what the score cannot hold, each thing said once.
        end: with the rests after the last note, in quarter notes.
    """

    number: str
    score: Score
    fields: Mapping[str, str]
    remarks: tuple[str, ...] = ()
    end: float = 0.0


def read_tune(source: Source, *, repeats: bool = True) -> AbcTune:
    """The tune as it is played: repeats, endings and parts in order; or as it stands, each strain once, with `repeats`.

    Raises:
        DataError: a field that cannot be understood, with its line; or no notes.
    """
    tune = _Tune(source, repeats)
    for line in source.lines:
        try:
            tune.read(line)
        except DataError as error:
            raise DataError(f"line {line.number}: {error}") from None
    return tune.finished()


def _voice_names(lines: Iterable[Line]) -> dict[str, str]:
    """Of all voices, in the order of their first V: fields: a part begins in those that are still to come, too."""
    found = dict[str, str]()
    for line in lines:
        texts = [line.text] if line.field == "V" else []
        texts += [text for letter, text in inline_fields(line.text) if letter == "V"] if not line.field else []
        found |= dict.fromkeys((text.split()[0] for text in texts if text.split() and text.split()[0] != "*"), "")
    if len(found) > MOST_VOICES:
        raise DataError(f"it has {len(found)} voices; there may be {MOST_VOICES}.")
    return found


class _Tune:
    """A tune of which some lines have been read; `head` is what each of its voices begins with."""

    def __init__(self, source: Source, repeats: bool) -> None:
        self.repeats = repeats
        self.key_to_come = any(line.field == "K" for line in source.lines)
        self.remarks: Counter[str] = Counter()
        self.fields: dict[str, str] = {}
        self.head = Head()
        self.declared = _voice_names(source.lines)
        self.in_head = False  # whether a V: stands in it
        self.last_field = ""
        self.voices: dict[str, Voice] = {}
        self.current: Voice | None = None
        self.tempo: float | None = None
        self.order = ""

    def read(self, line: Line) -> None:
        if line.field == "%":
            self._directive(line.text)
        elif line.field:
            self._field(line.field, line.text)
            self.last_field = line.field
        elif not self.key_to_come:
            self._music(line.text)
        elif self.last_field != "H":  # a history may go on for several lines
            self.remarks["Text before the key (K:) left out: music begins after it."] += 1

    def _music(self, line: str) -> None:
        for letter, text in inline_fields(line):
            if letter:
                self._field(letter, text)
            elif text.strip() or not self.declared:
                self._voice().read(text)

    def _voice(self, name: str | None = None) -> Voice:
        """The voice of that name, or the one that is being read; the first time, the head ends."""
        if name is None and not self.voices and self.declared and not self.in_head:
            self.declared = {"": ""} | self.declared
            self.remarks["The music before the first V: was read as a voice of its own."] += 1
        if not self.voices:
            for one, field in (self.declared or {"": ""}).items():
                self.voices[one] = self.head.voice(one, field, self.remarks)
        if name is not None or self.current is None:
            self.current = self.voices[name if name is not None else next(iter(self.voices))]
        return self.current

    def _directive(self, text: str) -> None:
        if remark := direct(self.current or self.head, text):
            self.remarks[remark] += 1

    def _field(self, letter: str, text: str) -> None:
        headed = "K" in self.fields
        self.fields.setdefault(letter, plain(text))
        target = self.current or self.head
        match letter:
            case "M":
                target.set_time_signature(abc_fields.time_signature(text))
            case "L":
                target.unit = abc_fields.unit(text)
            case "K":
                self.remarks.update(abc_fields.sounding_remarks(text))
                self._key(text)
            case "Q":
                self._tempo(text)
            case "V":
                self.remarks.update(abc_fields.sounding_remarks(text.partition(" ")[2]))
                self._voice_field(text, headed)
            case "P" if headed:
                self._part(text)
            case "P" | "Y":  # the Nottingham collection, as it was cleaned, has the order in a field of its own
                self.order = abc_fields.part_order(text)
            case "I":
                self._directive(text)
            case "m":
                self.remarks["Macros (m:) are not played: their signs were read as they stand."] += 1
            case "U":
                self.head.define(text)
            case "s":
                self.remarks["Lines of symbols (s:) left out."] += 1
            case "w" | "W":
                self.remarks["The words were left out."] += 1

    def _key(self, text: str) -> None:
        target = self.current or self.head
        self.key_to_come = False
        found = abc_fields.key(text)
        self.remarks.update(abc_fields.key_remarks(text))
        if found is not None:
            target.set_key(found)
            if found.own:
                self.remarks["Accidentals that a key names by itself are in the notes, but not in the key."] += 1
        if abc_fields.moves(text):
            target.shift = abc_fields.shift(text)

    def _tempo(self, text: str) -> None:
        tempo = abc_fields.tempo(text, (self.current or self.head).unit or Fraction(1, 2))
        if tempo is None:
            return
        if self.tempo is None and TEMPI[0] <= tempo <= TEMPI[1]:
            self.tempo = tempo
        elif tempo != self.tempo:
            self.remarks["A change of tempo left out: the first holds."] += 1

    def _voice_field(self, text: str, headed: bool) -> None:
        name, _, rest = text.partition(" ")
        if name not in self.declared:
            return  # V:* means all of them, and says nothing that is kept
        self.in_head |= not headed
        if not headed:
            self.declared[name] = rest
        else:
            voice = self._voice(name)
            voice.name = abc_fields.voice_name(rest) or voice.name
            if abc_fields.moves(rest):
                voice.shift = abc_fields.shift(rest)

    def _part(self, label: str) -> None:
        """A part begins in the voice that is being read, and in all that have come as far."""
        if self.current is None and self.declared:
            self.head.begin_part(label)
            return
        current = self._voice()
        for voice in [voice for voice in self.voices.values() if voice.length == current.length]:
            voice.begin_part(label)

    def finished(self) -> AbcTune:
        """The tune, all lines read."""
        written = [(voice, voice.finish()) for voice in self.voices.values()]
        music = [(voice, self._played(segments)) for voice, segments in written]
        music = [(voice, sounding) for voice, sounding in music if sounding and sounding[-1].end]
        parts, fermatas = [], set[float]()
        for voice, sounding in music:
            notes, held = _notes(sounding)
            parts.append(Part(voice.name, tuple(sorted(notes)), voice.program))
            fermatas |= held
        if not any(part.notes for part in parts):
            raise DataError("there are no notes in it.")
        self._compare([sounding[-1].end for _, sounding in music])
        signatures, pickup = time_signatures_and_pickup(_changes(music[0][1]), _lines(music[0][1]))
        score = Score(
            parts=tuple(parts),
            title=self.fields.get("T", ""),
            tempo=self.tempo or 120.0,
            time_signatures=signatures,
            keys=_keys(music[0][1]),
            pickup=pickup,
            chords=tuple(sorted({chord for _, sounding in music for chord in _chords(sounding)})),
            fermatas=tuple(sorted(fermatas)),
            repeats=() if self.repeats else _twice(written[0][1]),
        )
        end = _at(max(sounding[-1].end for _, sounding in music))
        return AbcTune(self.fields.get("X", ""), score, self.fields, tuple(self.remarks), end)

    def _played(self, segments: list[Segment]) -> list[Placed]:
        return played(segments, self.order, self.remarks) if self.repeats else once(segments)

    def _compare(self, ends: list[Fraction]) -> None:
        if len(set(ends)) > 1:
            found = ", ".join(f"{float(end):g}" for end in ends)
            self.remarks[f"The voices are not equally long: {found} quarter notes."] += 1


def _twice(segments: list[Segment]) -> tuple[Repeat, ...]:
    """The strains that are played twice, each with a pickup that stands before its sign."""
    found, start, place = [], Fraction(0), Fraction(0)
    for turns, length in strains(segments):
        place += length
        beats = segments[0].time_signature
        is_pickup = beats is not None and turns == 1 and place - start < Fraction(4 * beats[0], beats[1])
        if turns == 2:
            found.append(Repeat(_at(start), _at(place)))
        start = start if is_pickup else place
    return tuple(found)


def _changes(music: list[Placed]) -> list[tuple[Fraction, Beats | None]]:
    """Where another time signature begins."""
    found: list[tuple[Fraction, Beats | None]] = []
    for one in music:
        if one.segment.length and (not found or found[-1][1] != one.segment.time_signature):
            found.append((one.start, one.segment.time_signature))
    return found


def _lines(music: list[Placed]) -> list[Fraction]:
    return sorted({one.end for one in music if one.segment.line and one.end} | {music[-1].end})


def _notes(music: list[Placed]) -> tuple[list[Note], set[float]]:
    """The notes, tied ones as one, and the starts of those with a fermata."""
    spans: list[tuple[int, int, int]] = []  # start, end and pitch, in ticks
    going: dict[int, int] = {}  # the place in `spans` of a pitch that is tied on
    held: set[int] = set()
    for one in music:
        for tone in one.segment.tones:
            place = one.start + tone.start
            start = nearest_tick(place)
            begun, carried = [], []
            for pitch, duration in tone.durations.items():
                end = max(nearest_tick(place + duration), start + 1)
                number = going.pop(pitch, None)
                if number is not None and spans[number][1] == start:
                    spans[number] = (spans[number][0], end, pitch)
                    carried.append(number)
                else:
                    number = len(spans)
                    spans.append((start, end, pitch))
                    begun.append(number)
                if pitch in tone.tied:
                    going[pitch] = number
            held |= set(begun or carried) if tone.fermata else set()
    notes = [Note(start / TICKS_PER_QUARTER, (end - start) / TICKS_PER_QUARTER, pitch) for start, end, pitch in spans]
    return notes, {notes[number].start for number in held}


def _at(place: Fraction) -> float:
    return quarters(nearest_tick(place))


def _chords(music: list[Placed]) -> list[Chord]:
    return [Chord(_at(one.start + place), name) for one in music for place, name in one.segment.chords]


def _keys(music: list[Placed]) -> tuple[Key, ...]:
    return needed_keys(
        Key(_at(one.start), *one.segment.key) for one in music if one.segment.key is not None and one.segment.length
    )
