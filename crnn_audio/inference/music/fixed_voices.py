"""Voices that a generated piece keeps: on the grid, with their fermatas, and what of them disagrees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding, prompts
from crnn_audio.inference.music.prompts import Music, Opening
from crnn_audio.symbolic import chorale_tokens, fitting
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.phrases import phrase_ends
from crnn_audio.symbolic.representation import Rows
from crnn_audio.symbolic.score import Part, Score
from crnn_audio.symbolic.ticks import ticks


def fixed_voices(
    data: MusicData, keep: Mapping[str, Music], condition: dict[str, str], known: Conditions, longest: int
) -> tuple[Opening, Rows]:
    """The piece that these voices belong to, and their tokens in its rows, 0 where others are to be generated.

    Their fermatas are fixed, too; where there are none, those that rests and long notes of the first voice tell. The
    first voice gives the key, the time signature and the pickup.

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
    voices = {name: _voice(name, music) for name, music in keep.items()}
    end = max(ticks(voice.part.end) for voice in voices.values())
    steps = -(-end // chorale_tokens.STEP)
    if steps >= longest:
        raise DataError(f"a fixed voice lasts {steps} sixteenths; this model generates {longest - 1} at most. Cut it.")
    first = next(iter(voices.values())).score
    keyed, estimated = encoding.with_key(data, prompts.with_conditions(first, condition), needed=True)
    about = replace(keyed, parts=(), fermatas=(), chords=())
    fixed = np.zeros((steps + 1, len(chorale_tokens.COLUMNS)), dtype=np.int64)
    for name, voice in voices.items():
        column = chorale_tokens.COLUMNS.index(name)
        fixed[:-1, column] = encoding.voice_of(data, voice.part, about, steps, f"the fixed {name}")
        fixed[-1, column] = chorale_tokens.REST
    fermatas = [one for voice in voices.values() for one in voice.fermatas]
    guessed = () if fermatas else phrase_ends(next(iter(voices.values())).part.notes)
    if fermatas:
        fixed[:, 0] = [chorale_tokens.ORDINARY] * steps + [chorale_tokens.END]
    fixed[[ticks(one) // chorale_tokens.STEP for one in (*fermatas, *guessed)], 0] = chorale_tokens.FERMATA
    made = prompts.conditions_of(condition, about, known, prompts.DEFAULTS | {"bars": str(encoding.num_bars(first))})
    remarks = [remark for voice in voices.values() for remark in voice.remarks]
    if guessed:
        places = ", ".join(f"{one:g}" for one in guessed)
        remarks.append(
            f"it has no fermatas: phrases were taken to end at quarter {places}, and where the model ends some"
        )
    contradictions = prompts.contradictions(known, prompts.asked_of(condition, made))
    said = (*remarks, *estimated, *_disagreements(voices), *prompts.replaced(first, condition), *contradictions)
    return Opening(about, prompts.no_rows(data), made, said, bars=encoding.num_bars(first)), fixed


@dataclass(frozen=True)
class _FixedVoice:
    """A voice on the grid, the piece that it was read from, and what was changed; `fermatas` in quarter notes."""

    score: Score
    part: Part
    fermatas: tuple[float, ...]
    remarks: tuple[str, ...]


def _voice(name: str, music: Music) -> _FixedVoice:
    if name not in chorale_tokens.VOICES:
        raise DataError(f"keep {name}: no such voice; there are {', '.join(chorale_tokens.VOICES)}.")
    parsed = prompts.read(music)
    parts = [part for part in parsed.score.parts if part.notes]
    named = [part for part in parts if part.name.strip().lower() == name]
    if not named and name == chorale_tokens.VOICES[0]:
        named = fitting.melody_parts(parts)[:1]
    if not named and len(parts) != 1:
        raise DataError(
            f"keep {name}: {len(parts)} parts with notes, none of which is named {name}. Give a file of one voice."
        )
    part = (named or parts)[0]
    notes, changes = fitting.to_grid(part.notes, chorale_tokens.STEP, f"the fixed {name}")
    moved = replace(part, notes=notes)
    fermatas = fitting.fermatas_on_grid(parsed.score, ticks(moved.end))
    remarks = (*parsed.remarks, *(f"the fixed {name}: {change}" for change in changes))
    return _FixedVoice(parsed.score, moved, fermatas, remarks)


def _disagreements(voices: Mapping[str, _FixedVoice]) -> list[str]:
    """Where other fixed voices are not of the first one's key, time signature, pickup or length."""
    (first, chief), *others = voices.items()
    said = []
    for name, voice in others:
        pairs = {
            "key": (chief.score.keys[:1], voice.score.keys[:1]),
            "time signature": (chief.score.time_signatures[:1], voice.score.time_signatures[:1]),
        }
        said += [
            f"the fixed {name} has {what} {other[0]} and the {first} {own[0]}, which holds"
            for what, (own, other) in pairs.items()
            if own and other and str(own[0]) != str(other[0])
        ]
        if chief.score.pickup != voice.score.pickup and voice.score.time_signatures:
            pickups = f"{voice.score.pickup:g} quarters and the {first} {chief.score.pickup:g}"
            said.append(f"the fixed {name} has a pickup of {pickups}, which holds")
        if voice.part.end != chief.part.end:
            ends = f"{voice.part.end:g} and the {first} at {chief.part.end:g}"
            said.append(f"the fixed {name} ends at quarter {ends}: the shorter one rests")
    return said
