"""How long a generated piece may be; what cannot be is refused before it takes minutes."""

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding
from crnn_audio.inference.music.prompts import Opening
from crnn_audio.tasks.music_generation import GeneratedRows, Request

LONGEST = 4096
"""Rows after which a piece ends in any case."""


def check(data: MusicData, opening: Opening, quarters: float | None, max_rows: int) -> None:
    """Makes sure that a piece can be as long as requested, in quarter notes and in rows.

    Raises:
        DataError: it would be too long, or its primer is as long as all of it.
    """
    bar, given = opening.about.time_signatures[0].bar, len(opening.rows)
    if quarters is not None and encoding.fewest_rows(data, quarters, bar) >= LONGEST:
        raise DataError(
            f"a piece of {quarters:g} quarters has more than the {LONGEST - 1} rows of tokens that are generated at "
            "most. Ask for a shorter one."
        )
    if given >= LONGEST:
        raise DataError(
            f"the primer lasts {opening.quarters:g} quarters, which are {given} rows of tokens; {LONGEST - 1} are "
            "generated at most. Cut it."
        )
    if given and quarters is not None and opening.quarters >= quarters:
        raise DataError(
            f"the primer lasts {opening.quarters:g} quarters ({opening.quarters / bar:g} bars), and the piece should "
            f"last {quarters:g} ({quarters / bar:g} bars). Ask for a longer piece, or cut the primer."
        )
    if given >= max_rows:
        raise DataError(
            f"the primer has {opening.rows.size} tokens, as many as the piece should have or more. Ask for more "
            "tokens, or cut the primer."
        )


def cut(request: Request, made: GeneratedRows, end: float) -> list[str]:
    """A remark where a piece, which ends at that quarter note, had to end before it was as long as requested."""
    if request.quarters is None or made.ended or len(made.rows) < LONGEST or end >= request.quarters:
        return []
    return [
        f"seed {request.seed}: cut after {LONGEST} rows of tokens, at quarter {end:g} of {request.quarters:g}: no more "
        "are generated"
    ]
