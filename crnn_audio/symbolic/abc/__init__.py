"""Tunes in ABC notation (standard 2.1) into scores and back.

Grace notes are left out; slurs, decorations other than fermatas, and words are passed over. Repeats, endings and parts
are read in the order in which they are played; da capo and dal segno are not.
"""

from crnn_audio.errors import DataError
from crnn_audio.files import UTF_16
from crnn_audio.symbolic.abc.book import Source, tune_sources
from crnn_audio.symbolic.abc.tune import AbcTune, read_tune
from crnn_audio.symbolic.abc.writer import to_abc
from crnn_audio.symbolic.parsed import ParsedScore

__all__ = ["AbcTune", "Source", "from_abc", "read_tune", "text_of", "to_abc", "tune_sources"]


def from_abc(text: str) -> ParsedScore:
    """The first tune of a text; `tune_sources` and `read_tune` give all of them.

    Raises:
        DataError: there is no tune in it, or its first one cannot be understood.
    """
    sources = tune_sources(text)
    if not sources:
        raise DataError(
            "no tune in ABC: a tune begins with a line such as X:1 and has one such as K:G before its notes."
        )
    tune = read_tune(sources[0])
    others = f"The file holds {len(sources)} tunes: the first was read."
    return ParsedScore(tune.score, (*tune.remarks, *([others] if len(sources) > 1 else [])), tune.end)


def text_of(content: bytes) -> str:
    """The text of a file: UTF-16 where it is marked so, UTF-8, or else Windows' Latin-1, as older collections are."""
    if content.startswith(UTF_16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
