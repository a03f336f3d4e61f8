"""Bach's four-part chorales, in their own keys, out of the pip package music21: read once and kept as JSON lines.

Of each piece the four sung parts are taken, without repeating what is repeated and without grace notes. Settings of one
melody, which Bach harmonised often, share a split.
"""

import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from crnn_audio.corpora import tunes
from crnn_audio.corpora.duplicates import families, same_piece
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.music21_package import repertory
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic import chorale_tokens
from crnn_audio.symbolic.bars import full_bars_of
from crnn_audio.symbolic.score import MODES, Key, Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import on_tick, ticks

NAME = "chorales"
KIND = "music"
LICENCE = (
    "Bach's music is in the public domain; the editions, most of them Margaret Greentree's, come with music21 by "
    "permission, and are neither copied nor shipped"
)
HOME = "https://github.com/cuthbertLab/music21"
NOT_FOR = "anything but four voices in Bach's manner: other styles, other numbers of voices, words, dynamics or tempo"
LONGEST_REST = 4.0
"""Quarter notes that a voice may rest."""
FINALS = {7 * -sharps % 12: mode for mode, sharps in MODES.items() if mode not in ("lydian", "locrian")}
"""Modes by their tonic, in semitones above that of the major key with the same signature; Bach closes on these."""


def read_splits(folder: Path) -> dict[str, list[Tune]]:
    """The chorales by split; each has the conditions key and metre.

    Raises:
        DataError: the folder does not hold what `obtain` writes.
    """
    return tunes.split(tunes.load(folder))


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Reads the package's chorales, which takes a minute, and writes them as `folder`.

    Raises:
        DataError: music21 is not installed, or the folder cannot be written.
    """
    source = repertory("bach")
    paths = sorted(path for path in source.iterdir() if path.suffix in (".mxl", ".xml"))
    with arriving(folder) as partial:
        tunes.save(*_without_copies(*tunes.read_each(paths, read, "chorales", progress)), partial)


def _without_copies(scores: dict[str, Score], left_out: dict[str, str]) -> tuple[list[Tune], dict[str, str]]:
    ids, kept = list(scores), list[Tune]()
    for id, first in zip(ids, families(list(scores.values())), strict=True):
        same = [tune.id for tune in kept if tune.family == ids[first] and same_piece(tune.score, scores[id])]
        if same:
            left_out[id] = f"the same chorale as {same[0]}"
        else:
            score = scores[id]
            kept.append(
                Tune(id, score, {"key": str(score.keys[0]), "metre": str(score.time_signatures[0])}, ids[first])
            )
    return kept, left_out


def read(path: Path) -> Score:
    """One piece as the package has it.

    Raises:
        DataError: it is not for four voices, cannot be written on a grid of sixteenths, or its bars are not all full.
    """
    from music21 import converter

    reader: Any = converter.Converter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader.parseFileNoPickle(path)
    sung = [[part for part in reader.stream.parts if part.partName == name.title()] for name in chorale_tokens.VOICES]
    if any(len(parts) != 1 for parts in sung):
        raise DataError("its parts are not soprano, alto, tenor and bass")
    return _checked(score_of([part for (part,) in sung], path.stem.replace("bwv", "BWV ")))


def score_of(parts: list[Any], title: str) -> Score:
    """The piece of four music21 parts."""
    soprano, measures = parts[0], list(parts[0].getElementsByClass("Measure"))
    full = float(measures[0].barDuration.quarterLength)
    opening = float(measures[0].duration.quarterLength)
    voices = tuple(Part(name, _notes(part)) for name, part in zip(chorale_tokens.VOICES, parts, strict=True))
    score = Score(
        voices,
        title,
        time_signatures=_time_signatures(soprano),
        pickup=on_tick(opening) if opening < full else 0.0,
        fermatas=_fermatas(soprano, voices[0]),
    )
    key = _key(soprano, voices[-1])
    bars = full_bars_of(score)
    for measure in measures:
        begin, end = ticks(float(measure.offset)), ticks(float(measure.offset + measure.duration.quarterLength))
        if end > bars.at(begin).end:
            raise DataError("its bars are not all full")
    return replace(score, keys=(key,))


def _notes(part: Any) -> tuple[Note, ...]:
    sounding = [note for note in part.stripTies().flatten().notes if not note.duration.isGrace]
    return tuple(
        sorted(
            Note(on_tick(note.offset), on_tick(note.quarterLength), pitch.midi)
            for note in sounding
            for pitch in note.pitches
        )
    )


def _time_signatures(part: Any) -> tuple[TimeSignature, ...]:
    found = [(on_tick(sign.offset), sign.ratioString) for sign in part.flatten().getElementsByClass("TimeSignature")]
    return tuple(
        TimeSignature(start, *map(int, ratio.split("/")))
        for number, (start, ratio) in enumerate(found)
        if not number or ratio != found[number - 1][1]
    )


def _fermatas(part: Any, voice: Part) -> tuple[float, ...]:
    """The starts of the notes that a fermata stands on, be it on the last of several that are tied."""
    held = [
        float(note.offset)
        for note in part.flatten().notes
        if any("Fermata" in expression.classes for expression in note.expressions)
    ]
    return tuple(sorted({note.start for note in voice.notes for place in held if note.start <= place < note.end}))


def _key(soprano: Any, bass: Part) -> Key:
    """By its signature and the last bass note: editions write modal melodies with the signature of their mode."""
    signature = next(iter(soprano.flatten().getElementsByClass("KeySignature")), None)
    sharps = signature.sharps if signature is not None else 0
    if not bass.notes:
        raise DataError("its bass is silent")
    final = (bass.notes[-1].pitch - 7 * sharps) % 12
    return Key(0.0, sharps, FINALS.get(final) or getattr(signature, "mode", None) or "major")


def _checked(score: Score) -> Score:
    for part in score.parts:
        sounding = [(0.0, 0.0), *((note.start, note.end) for note in part.notes), (score.end, score.end)]
        if any(start - end > LONGEST_REST for (_, end), (start, _) in pairwise(sounding)):
            raise DataError(f"its {part.name} rests for more than {LONGEST_REST:g} quarters")
    try:
        chorale_tokens.encode(score)
    except DataError as error:
        raise DataError(f"it does not fit the grid: {str(error).partition(', ')[2]}") from None
    return score
