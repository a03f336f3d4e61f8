"""Scores that tests write by hand: voices as lists of pitches and lengths."""

from collections.abc import Sequence

from crnn_audio.symbolic.score import Key, Note, Part, Score, TimeSignature

Step = tuple[int | None, float]


def part(steps: Sequence[Step | int | None], name: str = "voice") -> Part:
    """Tones one after the other, a quarter note where no length is given; None is a rest."""
    notes, start = [], 0.0
    for step in steps:
        pitch, length = step if isinstance(step, tuple) else (step, 1.0)
        if pitch is not None:
            notes.append(Note(start, length, pitch))
        start += length
    return Part(name, tuple(notes))


def score(*voices: Sequence[Step | int | None], metre: str = "", key: Key | None = None, **more: object) -> Score:
    """Voices from the top; a metre such as 3/4."""
    names = ["soprano", "alto", "tenor", "bass"]
    beats = [int(number) for number in metre.split("/")] if metre else []
    return Score(
        tuple(part(steps, names[index % 4]) for index, steps in enumerate(voices)),
        time_signatures=(TimeSignature(0.0, *beats),) if beats else (),
        keys=(key,) if key else (),
        **more,
    )


def cells(line: Part, num_cells: int, per_quarter: int = 4) -> list[int | None]:
    """The pitch that sounds in each cell of a grid; for parts of one voice whose notes lie on the grid."""
    found: list[int | None] = [None] * num_cells
    for note in line.notes:
        for cell in range(round(note.start * per_quarter), round(note.end * per_quarter)):
            found[cell] = note.pitch
    return found
