"""How long a generated piece may be; what cannot be is refused before it takes minutes."""

from crnn_audio.config.music import MusicData
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding
from crnn_audio.inference.music.prompts import Opening
from crnn_audio.tasks.music_generation import GeneratedRows, Request

LONGEST = 4096
"""Rows after which a piece ends where no number of tokens is requested."""


def check(data: MusicData, opening: Opening, quarters: float | None, max_rows: int) -> None:
    """Makes sure that a piece can be as long as requested, in quarter notes and in rows.

    Raises:
        DataError: it would be too long, or its primer is as long as all of it.
    """
    bar, given, longest = opening.about.time_signatures[0].bar, len(opening.rows), max(LONGEST, max_rows)
    if quarters is not None and encoding.fewest_rows(data, quarters, bar) >= longest:
        raise DataError(
            f"a piece of {quarters:g} quarters has more than the {longest - 1} rows of tokens that are generated at "
            "most. Ask for a shorter one."
        )
    if given >= longest:
        raise DataError(
            f"the primer lasts {opening.quarters:g} quarters, which are {given} rows of tokens; {longest - 1} are "
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
    rows = f"cut after {len(made.rows)} rows of tokens, the most that are generated"
    return [f"seed {request.seed}: {rows}, at quarter {end:g} of {request.quarters:g}"]
