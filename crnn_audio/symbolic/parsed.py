"""A piece that was read from a file, and in words what of the file a `Score` cannot hold."""

from dataclasses import dataclass

from crnn_audio.symbolic.score import Score


@dataclass(frozen=True)
class ParsedScore:
    """The piece; and sentences, each said once, on what was left out or had to be decided.

    `end` is where the music ends with the rests after its last note, in quarter notes; 0 where that is not known.
    """

    score: Score
    remarks: tuple[str, ...] = ()
    end: float = 0.0


def plural(number: int, thing: str) -> str:
    """A number with its thing, such as 1 note or 2 notes."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
