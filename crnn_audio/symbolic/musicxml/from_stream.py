"""A stream of music21 into a `Score`, as it is played."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from crnn_audio.errors import DataError
from crnn_audio.symbolic.barlines import Beats, time_signatures_and_pickup
from crnn_audio.symbolic.keys import needed_keys
from crnn_audio.symbolic.parsed import ParsedScore, plural
from crnn_audio.symbolic.score import MODES, Chord, Key, Note, Part, Score
from crnn_audio.symbolic.ticks import nearest_tick, quarters
from crnn_audio.symbolic.validation import HIGHEST, TEMPI, validate

_MODES = {"ionian": "major", "aeolian": "minor"}


@dataclass(frozen=True)
class Listed:
    """A part's entry in the list of parts: its name, and its instrument, if given."""

    name: str
    program: int | None


def read_stream(found: Any, listed: Mapping[str, Listed], lost: Counter[str]) -> ParsedScore:
    """The piece that music21 has read; grace notes, drums and all that is no note are left out.

    Args:
        listed: by the parts' names within the file, such as P1.
        lost: how many of which things are left out or changed already; more are counted here.

    Raises:
        DataError: there are no notes in it, or some before the beginning.
    """
    whole = _as_played(found, lost)
    streams = [part.flatten() for part in whole.parts] or [whole.flatten()]
    read = [_part(part, flat, listed, lost) for part, flat in zip(whole.parts or [whole], streams, strict=True)]
    if not any(part.notes for part, _ in read):
        raise DataError(" ".join(["there are no notes in it.", *_remarks(lost)]))
    measures = [one for one in (whole.parts or [whole])[0].getElementsByClass("Measure") if one.quarterLength]
    signatures, pickup = time_signatures_and_pickup(_changes(streams[0]), _lines(measures, streams[0]))
    score = Score(
        parts=tuple(part for part, _ in read),
        title=_title(found),
        tempo=_tempo(streams, lost),
        time_signatures=signatures,
        keys=needed_keys(_key(one) for one in streams[0].getElementsByClass("KeySignature") if abs(one.sharps) <= 7),
        pickup=pickup,
        chords=tuple(sorted({_chord(one) for flat in streams for one in flat.getElementsByClass("ChordSymbol")})),
        fermatas=tuple(sorted({start for _, starts in read for start in starts})),
    )
    validate(score)  # a <forward> of a negative length leads before the beginning
    return ParsedScore(score, tuple(_remarks(lost)), float(max(flat.highestTime for flat in streams)))


def _as_played(found: Any, lost: Counter[str]) -> Any:
    """At sounding pitch, repeats written out."""
    whole = found.toSoundingPitch()
    if not any(True for _ in whole.recurse().getElementsByClass(("Repeat", "RepeatBracket", "RepeatExpression"))):
        return whole
    try:
        return whole.expandRepeats()
    except Exception:  # music21 raises several kinds of its own for repeats that do not match
        lost["repeats"] += 1
        return whole


def _part(part: Any, flat: Any, listed: Mapping[str, Listed], lost: Counter[str]) -> tuple[Part, set[float]]:
    """A part, and the starts of its notes with a fermata."""
    spans: list[tuple[Fraction, Fraction, int]] = []
    going: dict[int, int] = {}  # the place in `spans` of a pitch that is tied on
    held: set[int] = set()
    for one in flat.notes:
        if "ChordSymbol" in one.classes or one.duration.isGrace:
            lost["grace notes"] += one.duration.isGrace
            continue
        if not hasattr(one, "pitches") or "Unpitched" in one.classes or "PercussionChord" in one.classes:
            lost["drums"] += 1
            continue
        tones = [tone for tone in (one.notes if one.isChord else [one]) if 0 <= tone.pitch.ps <= HIGHEST]
        lost["beyond"] += len(one.pitches) - len(tones)
        if not tones:
            continue
        start = Fraction(one.offset)
        places = [_placed(spans, going, start, start + Fraction(one.quarterLength), tone) for tone in tones]
        if any("Fermata" in expression.classes for expression in one.expressions):
            held.add(max(places, key=lambda place: spans[place]))  # of tones that go on the last one's
    notes = [_note(*span) for span in spans]
    instrument = part.getInstrument()
    about = listed.get(instrument.partId, Listed(getattr(part, "partName", None) or "", None))
    program = (instrument.midiProgram or 0) if about.program is None else min(max(about.program, 0), HIGHEST)
    return Part(about.name, tuple(sorted(notes)), program), {notes[place].start for place in held}


def _placed(
    spans: list[tuple[Fraction, Fraction, int]], going: dict[int, int], start: Fraction, end: Fraction, tone: Any
) -> int:
    """The place in `spans` of a tone: its own, or that of the one that it is tied to, which is made longer."""
    pitch, tie = tone.pitch.midi, tone.tie.type if tone.tie is not None else None
    place = going.pop(pitch, None)
    if place is not None and tie in ("stop", "continue") and nearest_tick(spans[place][1]) == nearest_tick(start):
        spans[place] = (spans[place][0], end, pitch)
    else:
        place = len(spans)
        spans.append((start, end, pitch))
    if tie in ("start", "continue"):
        going[pitch] = place
    return place


def _note(start: Fraction, end: Fraction, pitch: int) -> Note:
    begin, stop = nearest_tick(start), nearest_tick(end)
    return Note(quarters(begin), quarters(max(stop - begin, 1)), pitch)


def _at(one: Any) -> float:
    return quarters(nearest_tick(Fraction(one.offset)))


def _title(found: Any) -> str:
    """Of the work or, as some programs have it, of its movement."""
    about = found.metadata
    return "" if about is None else str(about.title or about.movementName or "").strip()


def _tempo(streams: Iterable[Any], lost: Counter[str]) -> float:
    marks = [one.getQuarterBPM() for flat in streams for one in flat.getElementsByClass("MetronomeMark")]
    tempi = [round(float(tempo), 6) for tempo in marks if tempo and TEMPI[0] <= tempo <= TEMPI[1]]
    lost["tempo"] += len(set(tempi)) > 1
    return tempi[0] if tempi else 120.0


def _changes(flat: Any) -> list[tuple[Fraction, Beats | None]]:
    """Where another time signature begins; one that is there again, as in a strain that is repeated, is none."""
    found: dict[Fraction, Beats | None] = {Fraction(0): None}
    for one in flat.getElementsByClass("TimeSignature"):
        found[Fraction(one.offset)] = (one.numerator, one.denominator)
    changes = sorted(found.items())
    return [changes[0], *(after for before, after in pairwise(changes) if before[1] != after[1])]


def _lines(measures: Iterable[Any], flat: Any) -> list[Fraction]:
    """The ends of the bars."""
    ends = {Fraction(one.offset) + Fraction(one.quarterLength) for one in measures}
    return sorted(ends or {Fraction(flat.highestTime)})


def _key(one: Any) -> Key:
    mode = getattr(one, "mode", None) or "major"
    mode = _MODES.get(mode, mode)
    return Key(_at(one), one.sharps, mode if mode in MODES else "major")


def _chord(one: Any) -> Chord:
    return Chord(_at(one), one.figure.replace("-", "b"))


def _remarks(lost: Counter[str]) -> Iterable[str]:
    said = {
        "repeats": "Repeats that do not match were not played.",
        "grace notes": f"{plural(lost['grace notes'], 'grace note')} left out.",
        "drums": f"{plural(lost['drums'], 'note')} of drums left out: they have no pitch.",
        "beyond": f"{plural(lost['beyond'], 'note')} beyond MIDI's pitches left out.",
        "cue notes": f"{plural(lost['cue notes'], 'cue note')} left out: they show what others play.",
        "quarter tones": f"{plural(lost['quarter tones'], 'note')} between two semitones rounded to the nearest.",
        "tempo": "Changes of tempo left out: the first holds.",
    }
    return [sentence for what, sentence in said.items() if lost[what]]
