"""What a piece should begin with, keep and be like, in tokens and conditions; and what of it could not be held."""

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
"""What a new piece is told where nothing else is asked for and the model knows it."""

LIKENESS = 1
"""Tells the random number of what a piece is like from those of its notes."""


Music = Score | str | Path
"""A piece: itself, a file, or note names such as "C4 E4 G4:2"."""


@dataclass(frozen=True)
class Prompt:
    """What a piece is generated from.

    Args:
        primer: what it begins with.
        condition: what it is to be, such as {"key": "G", "metre": "6/8"}.
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
        """Makes sure that so many pieces can be generated from it.

        Raises:
            DataError: a number is out of its range, or two things that are asked for exclude each other.
        """
        for name, count in {"bars": self.bars, "seconds": self.seconds, "tokens": self.tokens, "num": num}.items():
            if count is not None and not 0 < count < 1e6:
                raise DataError(f"{name}: should be above 0 and below a million (found {count:g}).")
        if self.keep and (self.primer is not None or self.bars is not None or self.seconds is not None):
            raise DataError("a fixed voice decides how a piece begins and ends; leave out primer, bars and seconds.")


@dataclass(frozen=True)
class Beginning:
    """What is known of a piece before it is written: metre, key and pickup, its first rows, what is asked for."""

    about: Score
    rows: Rows
    condition: dict[str, str]
    remarks: tuple[str, ...] = ()


def read(music: Score | str | Path) -> tuple[Score, tuple[str, ...]]:
    """A piece, and what of it could not be held: of itself, a file, or note names.

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


def beginning(
    data: MusicData,
    music: Score | str | Path | None,
    condition: dict[str, str],
    known: Conditions,
    *,
    bars: int | None = None,
    whole: bool = False,
    seed: int = 0,
) -> Beginning:
    """What a piece begins with; its own key and metre are told to the model where nothing else is asked for.

    Args:
        bars: how long it will be, which is told where the model knows it.
        whole: all rows of the piece, its end among them; else those up to its last note.
        seed: without music it is like one of the training pieces in what is not asked for, and this decides which.

    Raises:
        DataError: a condition is not known, or the music cannot be read or held.
    """
    known.ids(condition)
    if music is None:
        length = {"bars": str(bars)} if bars else {}
        chance = np.random.default_rng((seed, LIKENESS)).random()
        like = known.completed(DEFAULTS | known.usable(length) | condition, chance)
        about = encoding.about(like | condition, tempo=TEMPO)
        return Beginning(about, _no_rows(data), _told(condition, about, known, like | length))
    score, remarks = read(music)
    fitted, changes = encoding.FITTED[data.representation](score)
    piece, heard = encoding.keyed(data, _settled(fitted, condition))
    rows = encoding.rows_of(data, piece)
    about = replace(piece, fermatas=(), chords=())
    kept = rows if whole else _open_end(data, rows)
    own = encoding.own_condition(piece) if whole else DEFAULTS | {"bars": str(bars)}
    told = _told(condition, piece, known, own)
    return Beginning(about, kept, told, (*remarks, *changes, *heard))


def _settled(piece: Score, asked: Mapping[str, str]) -> Score:
    """The piece in the key and the metre and with the pickup that are asked for, else as it is."""
    own = encoding.about(asked)
    times = own.time_signatures if "metre" in asked or not piece.time_signatures else piece.time_signatures
    pickup = own.pickup if "pickup" in asked else piece.pickup
    return replace(piece, time_signatures=times, keys=own.keys or piece.keys, pickup=pickup)


def _told(asked: dict[str, str], piece: Score, known: Conditions, own: Mapping[str, str]) -> dict[str, str]:
    """All that the model is told: what is asked for, and beside it what the piece is."""
    key = {"key": str(conditions.transpose_key(piece.keys[0], 0))} if piece.keys else {}
    begun = {"metre": str(piece.time_signatures[0]) if piece.time_signatures else "4/4", "pickup": f"{piece.pickup:g}"}
    return known.usable(dict(own) | key) | asked | known.usable(begun)


def _no_rows(data: MusicData) -> Rows:
    return np.zeros((0, len(encoding.REPRESENTATIONS[data.representation].COLUMNS)), dtype=np.int64)


def _open_end(data: MusicData, rows: Rows) -> Int[np.ndarray, "K P"]:
    """Rows up to the last note, so that the music can go on."""
    if data.representation != "melody":
        return rows[:-1]
    notes = np.flatnonzero(rows[:, 0] >= melody_tokens.HOLD)
    return rows[: notes[-1] + 1]


def fixed_voices(
    data: MusicData, keep: Mapping[str, Score | str | Path], condition: dict[str, str], known: Conditions, longest: int
) -> tuple[Beginning, Rows]:
    """The piece that these voices belong to, and their tokens in its rows, 0 where others are to be written.

    Raises:
        DataError: a condition is not known, the model writes one voice, there is no voice of that name, or one cannot
            be read, has several notes at once or is too long.
    """
    known.ids(condition)
    if data.representation != "chorale":
        said = "writes one voice" if data.representation == "melody" else "tells no held note from a repeated one"
        raise DataError(f"this model {said}; there is no voice to keep. Take a primer, or the chorales.")
    read_voices = {name: _voice(name, music) for name, music in keep.items()}
    steps = max(-(-ticks(part.end) // chorale_tokens.STEP) for _, part, _ in read_voices.values())
    if steps >= longest:
        raise DataError(f"a kept voice lasts {steps} sixteenths; this model writes {longest - 1} at most. Cut it.")
    first = next(iter(read_voices.values()))[0]
    settled, heard = encoding.keyed(data, _settled(first, condition))
    about = replace(settled, parts=(), fermatas=(), chords=())
    kept = np.zeros((steps + 1, len(chorale_tokens.COLUMNS)), dtype=np.int64)
    for name, (_, part, _) in read_voices.items():
        column = chorale_tokens.COLUMNS.index(name)
        kept[:-1, column] = encoding.voice_of(data, part, about, steps, f"the kept {name}")
        kept[-1, column] = chorale_tokens.REST
    remarks = tuple(remark for _, _, said in read_voices.values() for remark in said)
    told = _told(condition, about, known, DEFAULTS | {"bars": str(encoding.num_bars(first))})
    return Beginning(about, _no_rows(data), told, (*remarks, *heard)), kept


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
