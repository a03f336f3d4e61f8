"""The instruments of General MIDI by number, from 0 on, and by name (General MIDI Level 1)."""

import difflib

from crnn_audio.errors import DataError

NAMES = tuple(
    """acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1,
    electric piano 2, harpsichord, clavinet, celesta, glockenspiel, music box, vibraphone, marimba, xylophone,
    tubular bells, dulcimer, drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion,
    harmonica, tango accordion, nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar,
    distortion guitar, guitar harmonics, acoustic bass, fingered bass, picked bass, fretless bass, slap bass 1,
    slap bass 2, synth bass 1, synth bass 2, violin, viola, cello, contrabass, tremolo strings, pizzicato strings,
    orchestral harp, timpani, string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs,
    voice oohs, synth voice, orchestra hit, trumpet, trombone, tuba, muted trumpet, french horn, brass section,
    synth brass 1, synth brass 2, soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet,
    piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina, square lead, sawtooth lead,
    calliope lead, chiff lead, charang lead, voice lead, fifths lead, bass and lead, new age pad, warm pad,
    polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad, rain, soundtrack, crystal, atmosphere,
    brightness, goblins, echoes, sci-fi, sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai, tinkle bell,
    agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse cymbal, guitar fret noise, breath noise,
    seashore, bird tweet, telephone ring, helicopter, applause, gunshot""".replace("\n", " ").split(", ")
)
NAMES = tuple(" ".join(name.split()) for name in NAMES)
SHORT = {"piano": 0, "organ": 19, "guitar": 24, "bass": 32, "strings": 48, "choir": 52, "sax": 65, "synth": 80}
"""Names that people use for the commonest of a kind."""


def programs(names: str) -> list[int]:
    """The numbers of instruments that are separated by commas, each a name or a number from 0 to 127.

    Raises:
        DataError: there is no such instrument.
    """
    return [_program(name.strip().lower()) for name in names.split(",")]


def _program(name: str) -> int:
    if name.isdecimal() and int(name) < len(NAMES):
        return int(name)
    known = {one: number for number, one in enumerate(NAMES)} | SHORT
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(f"instrument {name!r}: no instrument of General MIDI.{guess} Give one by name, or 0 to 127.")
    return known[name]
