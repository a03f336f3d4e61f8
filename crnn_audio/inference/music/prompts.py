"""What a piece is generated from, as tokens and conditions, with remarks on what could not be represented."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding
from crnn_audio.symbolic import chorale_tokens, conditions, files, melody_tokens, note_names
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.representation import Rows
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import ticks

TEMPO = 100.0
"""Quarter notes a minute, where no primer has a tempo."""
DEFAULTS = {"close": "tonic"}
"""Conditions of a new piece that the prompt does not set, where the model knows them."""

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
    """

    primer: Music | None = None
    condition: Mapping[str, str] = field(default_factory=dict)
    bars: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    keep: Mapping[str, Music] = field(default_factory=dict)

    def check(self, num: int) -> None:
        """Checks that so many pieces can be generated from it.

        Raises:
            DataError: a number is out of its range, or two of its arguments exclude each other.
        """
        for name, count in {"bars": self.bars, "seconds": self.seconds, "tokens": self.tokens, "num": num}.items():
            if count is not None and not 0 < count < 1e6:
                raise DataError(f"{name}: should be above 0 and below a million (found {count:g}).")
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
    """

    about: Score
    rows: Rows
    condition: dict[str, str]
    remarks: tuple[str, ...] = ()


def read(music: Score | str | Path) -> tuple[Score, tuple[str, ...]]:
    """The score of a piece, a file or note names, with remarks on what could not be represented.

    Raises:
        DataError: there is no such file, it cannot be read, or these are no notes.
    """
    if isinstance(music, Score):
        return music, ()
    path = Path(music)
    if isinstance(music, str) and not path.is_file() and path.suffix.lower() not in files.FORMS:
        return note_names.parse(music), ()
    found = files.load(path)
    return found.score, found.remarks


def opening_of(
    data: MusicData,
    music: Score | str | Path | None,
    condition: dict[str, str],
    known: Conditions,
    *,
    bars: int | None = None,
    whole: bool = False,
    seed: int = 0,
) -> Opening:
    """The opening of a piece with this music; its own key and time signature are conditions unless others are set.

    Args:
        bars: its length, a condition where the model knows it.
        whole: all rows of the music, its end among them; else those up to its last note.
        seed: without music, conditions that are not set are those of a training piece, which this seed picks.

    Raises:
        DataError: a condition is not known, or the music cannot be read or represented.
    """
    known.ids(condition)
    if music is None:
        length = {"bars": str(bars)} if bars else {}
        uniform = np.random.default_rng((seed, CONDITION_STREAM)).random()
        completed = known.completed(DEFAULTS | known.usable(length) | condition, uniform)
        about = encoding.about(completed | condition, tempo=TEMPO)
        return Opening(about, _no_rows(data), _conditions(condition, about, known, completed | length))
    score, remarks = read(music)
    fitted, changes = encoding.FITTED[data.representation](score)
    piece, estimated = encoding.with_key(data, _with_conditions(fitted, condition))
    rows = encoding.rows_of(data, piece)
    about = replace(piece, fermatas=(), chords=())
    primer = rows if whole else _open_end(data, rows)
    own = encoding.own_condition(piece) if whole else DEFAULTS | {"bars": str(bars)}
    return Opening(about, primer, _conditions(condition, piece, known, own), (*remarks, *changes, *estimated))


def _with_conditions(piece: Score, condition: Mapping[str, str]) -> Score:
    """The piece with the key, time signature and pickup of these conditions, where there are any."""
    own = encoding.about(condition)
    times = own.time_signatures if "metre" in condition or not piece.time_signatures else piece.time_signatures
    pickup = own.pickup if "pickup" in condition else piece.pickup
    return replace(piece, time_signatures=times, keys=own.keys or piece.keys, pickup=pickup)


def _conditions(asked: dict[str, str], piece: Score, known: Conditions, own: Mapping[str, str]) -> dict[str, str]:
    """All conditions that the model gets: those asked for, and those of the piece itself."""
    key = {"key": str(conditions.transpose_key(piece.keys[0], 0))} if piece.keys else {}
    time = {"metre": str(piece.time_signatures[0]) if piece.time_signatures else "4/4", "pickup": f"{piece.pickup:g}"}
    return known.usable(dict(own) | key) | asked | known.usable(time)


def _no_rows(data: MusicData) -> Rows:
    return np.zeros((0, len(encoding.REPRESENTATIONS[data.representation].COLUMNS)), dtype=np.int64)


def _open_end(data: MusicData, rows: Rows) -> Int[np.ndarray, "K P"]:
    """Rows up to the last note, so that the music can continue."""
    if data.representation != "melody":
        return rows[:-1]
    notes = np.flatnonzero(rows[:, 0] >= melody_tokens.HOLD)
    return rows[: notes[-1] + 1]


def fixed_voices(
    data: MusicData, keep: Mapping[str, Score | str | Path], condition: dict[str, str], known: Conditions, longest: int
) -> tuple[Opening, Rows]:
    """The piece that these voices belong to, and their tokens in its rows, 0 where others are to be generated.

    Raises:
        DataError: a condition is not known, the model generates one voice, there is no voice of that name, or one
            cannot be read, has several notes at once or is too long.
    """
    known.ids(condition)
    if data.representation != "chorale":
        why = (
            "generates one voice" if data.representation == "melody" else "does not distinguish held and repeated notes"
        )
        raise DataError(f"this model {why}, so that no voice can be fixed. Use a primer, or the model chorales.")
    read_voices = {name: _voice(name, music) for name, music in keep.items()}
    steps = max(-(-ticks(part.end) // chorale_tokens.STEP) for _, part, _ in read_voices.values())
    if steps >= longest:
        raise DataError(f"a fixed voice lasts {steps} sixteenths; this model generates {longest - 1} at most. Cut it.")
    first = next(iter(read_voices.values()))[0]
    keyed, estimated = encoding.with_key(data, _with_conditions(first, condition))
    about = replace(keyed, parts=(), fermatas=(), chords=())
    fixed = np.zeros((steps + 1, len(chorale_tokens.COLUMNS)), dtype=np.int64)
    for name, (_, part, _) in read_voices.items():
        column = chorale_tokens.COLUMNS.index(name)
        fixed[:-1, column] = encoding.voice_of(data, part, about, steps, f"the fixed {name}")
        fixed[-1, column] = chorale_tokens.REST
    remarks = tuple(remark for _, _, own in read_voices.values() for remark in own)
    conditioned = _conditions(condition, about, known, DEFAULTS | {"bars": str(encoding.num_bars(first))})
    return Opening(about, _no_rows(data), conditioned, (*remarks, *estimated)), fixed


def _voice(name: str, music: Score | str | Path) -> tuple[Score, Part, tuple[str, ...]]:
    if name not in chorale_tokens.VOICES:
        raise DataError(f"keep {name}: no such voice; there are {', '.join(chorale_tokens.VOICES)}.")
    score, remarks = read(music)
    parts = [part for part in score.parts if part.notes]
    named = [part for part in parts if part.name.strip().lower() == name]
    if not named and len(parts) != 1:
        raise DataError(
            f"keep {name}: {len(parts)} parts with notes, none of which is named {name}. Give a file of one voice."
        )
    return score, (named or parts)[0], remarks
