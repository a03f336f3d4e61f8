"""What a piece is generated from, as tokens and conditions, with remarks on what could not be represented."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.files import is_file
from crnn_audio.inference.music import encoding
from crnn_audio.symbolic import chorale_tokens, conditions, files, melody_tokens, note_names
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.instruments import programs
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.representation import Rows
from crnn_audio.symbolic.score import Note, Score
from crnn_audio.symbolic.ticks import TICKS_PER_QUARTER, ticks

DEFAULTS = {"close": "tonic"}
"""Conditions of a new piece that the prompt does not set, where the model knows them."""

NOTABLE_REST = 0.25
"""Quarter notes of a rest at the end of a primer from which on it is said that it is left out."""
CONDITION_STREAM = 1
"""Part of the seed of the random number that picks conditions, so that it is none of those that sample notes."""


Music = Score | str | Path
"""A piece: itself, a file, or note names such as "C4 E4 G4:2"."""


@dataclass(frozen=True)
class Prompt:
    """What a piece is generated from.

    Args:
        primer: its beginning.
        condition: its conditions, such as {"key": "G", "metre": "6/8"}.
        bars, seconds: its length. By default it ends on the tonic chord, after as many bars as its condition says, or
            where the model ends it.
        tokens: at most so many.
        keep: voices that are fixed, by name; the others are generated to them.
        tempo: quarter notes a minute; by default that of the primer or of the model.
        instruments: what plays the parts from the top, such as "flute, strings"; the last plays those that are left.
        continuation_only: whether the primer is left out of the piece.
        guided, attempts: as in the model's `generation` where they are None.
    """

    primer: Music | None = None
    condition: Mapping[str, str] = field(default_factory=dict)
    bars: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    keep: Mapping[str, Music] = field(default_factory=dict)
    tempo: float | None = None
    instruments: str | None = None
    continuation_only: bool = False
    guided: bool | None = None
    attempts: int | None = None

    def check(self, num: int) -> None:
        """Checks that so many pieces can be generated from it.

        Raises:
            DataError: a number is out of its range, an instrument is not known, or two of its arguments exclude each
                other.
        """
        numbers = ("bars", "seconds", "tokens", "attempts")
        for name, count in {name: getattr(self, name) for name in numbers}.items() | {("num", num)}:
            if count is not None and not 0 < count < 1e6:
                raise DataError(f"{name}: should be above 0 and below a million (found {count:g}).")
        if self.tempo is not None and not 4 <= self.tempo <= 1000:
            raise DataError(f"tempo: should be from 4 to 1000 quarter notes a minute (found {self.tempo:g}).")
        if self.instruments is not None:
            programs(self.instruments)
        if self.continuation_only and self.primer is None:
            raise DataError("continuation_only: there is no primer that could be left out. Give one, or leave it out.")
        if self.keep and (self.primer is not None or self.bars is not None or self.seconds is not None):
            raise DataError("a fixed voice decides how a piece begins and ends; leave out primer, bars and seconds.")


@dataclass(frozen=True)
class Opening:
    """What is known of a piece before it is generated.

    Args:
        about: its time signature, key and pickup.
        rows: those that it begins with.
        condition: all conditions that the model gets.
        remarks: what of the prompt could not be represented.
        quarters: quarter notes of the rows.
        bars: of the whole piece, if that is known, else 0.
    """

    about: Score
    rows: Rows
    condition: dict[str, str]
    remarks: tuple[str, ...] = ()
    quarters: float = 0.0
    bars: int = 0


def read(music: Music) -> ParsedScore:
    """The score of a piece, a file or note names, with remarks on what could not be represented.

    Raises:
        DataError: there is no such file, it cannot be read, or these are no notes.
    """
    if isinstance(music, Score):
        return ParsedScore(music)
    return note_names.read(str(music)) if _is_words(music) else files.load(music)


@contextmanager
def of_file(*music: Music | None) -> Iterator[None]:
    """Names the file, if it is one, of a piece or prompt where an error of its music does not."""
    try:
        yield
    except DataError as error:
        named = [str(one) for one in music if isinstance(one, str | Path) and is_file(one)]
        if len(named) != 1 or named[0] in str(error):
            raise
        raise DataError(f"{named[0]}: {error}") from None


def _is_words(music: Music) -> bool:
    """Whether it is note names, and not a file."""
    return isinstance(music, str) and not is_file(music) and Path(music).suffix.lower() not in files.READ


def opening_of(
    data: MusicData,
    music: Score | str | Path | None,
    condition: dict[str, str],
    known: Conditions,
    *,
    bars: int | None = None,
    whole: bool = False,
    seed: int = 0,
    tempo: float = 100.0,
) -> Opening:
    """The opening of a piece with this music; its own key and time signature are conditions unless others are set.

    Args:
        bars: its length, a condition where the model knows it.
        whole: all rows of the music, its end among them; else those up to its last note.
        seed: without music, conditions that are not set are those of a training piece, which this seed picks.
        tempo: quarter notes a minute, without music.

    Raises:
        DataError: a condition is not known, or the music cannot be read or represented.
    """
    known.ids(condition)
    if music is None:
        length = {"bars": str(bars)} if bars else {}
        uniform = np.random.default_rng((seed, CONDITION_STREAM)).random()
        completed = known.completed(DEFAULTS | known.usable(length) | condition, uniform)
        about = encoding.about(completed | condition, tempo=tempo)
        made = conditions_of(condition, about, known, completed | length)
        num_bars = int(made.get("bars", completed.get("bars", 0))) if bars is None else bars
        return Opening(about, no_rows(data), made, contradictions(known, condition), bars=num_bars)
    parsed = read(music)
    fitted, changes = encoding.FITTED[data.representation](parsed.score)
    piece, estimated = encoding.with_key(data, with_conditions(fitted, condition))
    rows = encoding.rows_of(data, piece)
    about = replace(piece, fermatas=(), chords=())
    own = encoding.own_condition(piece) if whole else DEFAULTS | {"bars": str(bars)}
    made = conditions_of(condition, piece, known, own)
    remarks = (*parsed.remarks, *changes, *estimated, *replaced(fitted, condition))
    if whole:
        return Opening(about, rows, made, remarks)
    rest = max(parsed.end - parsed.score.end, 0.0)
    is_written = bool(rest) and _is_words(music)
    primer = _with_rest(data, piece, parsed.end) if is_written else _open_end(data, rows)
    if rest >= NOTABLE_REST and not is_written:
        remarks = (*remarks, f"{rest:g} quarters of rest at its end left out: the piece goes on after its last note")
    remarks = (*remarks, *contradictions(known, asked_of(condition, made)))
    return Opening(about, primer, made, remarks, piece.end + rest * is_written, bars or int(made.get("bars", 0)))


def asked_of(condition: Mapping[str, str], made: Mapping[str, str]) -> dict[str, str]:
    """The requested conditions, and the metre of a primer, which the model is given beside them."""
    return {name: value for name, value in made.items() if name in condition or (name == "metre" and condition)}


def contradictions(known: Conditions, condition: Mapping[str, str]) -> tuple[str, ...]:
    """What no training piece has of these conditions, in a remark."""
    pair = known.never_together(condition)
    return (f"no training piece has {' and '.join(pair)}: the piece may be like neither",) if pair else ()


def replaced(piece: Score, condition: Mapping[str, str]) -> list[str]:
    """What of the music's own key, time signature and pickup the conditions replace."""
    new = with_conditions(piece, condition)
    pairs = {
        "key": (piece.keys[:1], new.keys[:1]),
        "time signature": (piece.time_signatures[:1], new.time_signatures[:1]),
    }
    said = [
        f"its {what} {before[0]} is replaced by {after[0]}, the condition"
        for what, (before, after) in pairs.items()
        if before and str(before[0]) != str(after[0])
    ]
    if piece.time_signatures and piece.pickup != new.pickup:
        said.append(f"its pickup of {piece.pickup:g} quarters is replaced by {new.pickup:g}, the condition")
    return said


def with_conditions(piece: Score, condition: Mapping[str, str]) -> Score:
    """The piece with the key, time signature and pickup of these conditions, where there are any."""
    own = encoding.about(condition)
    times = own.time_signatures if "metre" in condition or not piece.time_signatures else piece.time_signatures
    pickup = own.pickup if "pickup" in condition else piece.pickup
    return replace(piece, time_signatures=times, keys=own.keys or piece.keys, pickup=pickup)


def conditions_of(asked: dict[str, str], piece: Score, known: Conditions, own: Mapping[str, str]) -> dict[str, str]:
    """All conditions that the model gets: those asked for, and those of the piece itself."""
    key = {"key": str(conditions.transpose_key(piece.keys[0], 0))} if piece.keys else {}
    time = {"metre": str(piece.time_signatures[0]) if piece.time_signatures else "4/4", "pickup": f"{piece.pickup:g}"}
    return known.usable(dict(own) | key) | asked | known.usable(time)


def no_rows(data: MusicData) -> Rows:
    """None, before a piece."""
    return np.zeros((0, len(encoding.REPRESENTATIONS[data.representation].COLUMNS)), dtype=np.int64)


def _open_end(data: MusicData, rows: Rows) -> Int[np.ndarray, "K P"]:
    """Rows up to the last note, so that the music can continue."""
    if data.representation != "melody":
        return rows[:-1]
    notes = np.flatnonzero(rows[:, 0] >= melody_tokens.HOLD)
    return rows[: notes[-1] + 1]


def _with_rest(data: MusicData, piece: Score, end: float) -> Int[np.ndarray, "K P"]:
    """Rows up to the end of a rest after the last note: those before a note that would follow it."""
    unit = melody_tokens.UNIT if data.representation == "melody" else chorale_tokens.STEP
    start = max(round(ticks(end) / unit), ticks(piece.end) // unit) * unit / TICKS_PER_QUARTER
    first = next(part for part in piece.parts if part.notes)
    after = replace(first, notes=(*first.notes, Note(start, unit / TICKS_PER_QUARTER, first.notes[-1].pitch)))
    rows = encoding.rows_of(data, replace(piece, parts=tuple(after if one is first else one for one in piece.parts)))
    if data.representation != "melody":
        return rows[: ticks(start) // unit]
    return rows[: np.flatnonzero(rows[:, 0] >= melody_tokens.FIRST_PITCH)[-1]]
