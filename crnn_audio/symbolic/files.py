"""Scores from files and into them: MIDI, ABC, MusicXML and JSON."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from crnn_audio.errors import DataError, writing
from crnn_audio.files import UTF_16, dangling, parse_json, read_bytes, reason, write_bytes
from crnn_audio.symbolic.abc import from_abc, text_of, to_abc
from crnn_audio.symbolic.differences import differences
from crnn_audio.symbolic.form import played
from crnn_audio.symbolic.midi import from_midi, to_midi
from crnn_audio.symbolic.musicxml import from_musicxml, to_musicxml, to_mxl
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.performance import loudness_of
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.score_json import as_json, of_json

FORMS = {
    ".mid": "MIDI",
    ".midi": "MIDI",
    ".abc": "ABC",
    ".musicxml": "MusicXML",
    ".xml": "MusicXML",
    ".mxl": "MusicXML",
    ".json": "JSON",
}
"""Formats that are written, by the suffixes of file names."""
READ = FORMS | {".kar": "MIDI", ".rmi": "MIDI", ".smf": "MIDI"}
"""Formats that are read."""
LARGEST = 64_000_000
"""Bytes of a file."""
_TUNE = re.compile(rb"(?:\A|[\r\n])[XK]:")


def load(path: str | Path) -> ParsedScore:
    """The piece in a file, by what it holds, else by its name; of several tunes in ABC the first.

    Raises:
        DataError: it is missing, empty, no music, damaged, or needs an extra that is not installed.
    """
    path = Path(path)
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        raise DataError(f"{path}: {dangling(path) or f'cannot be read ({reason(error)})'}.") from None
    if not content.strip():
        raise DataError(f"{path}: the file is empty.")
    form = _format(content) or READ.get(path.suffix.lower())
    if form is None:
        raise DataError(f"{path}: not music that can be read, which is {_known(READ)}.")
    try:
        return _READERS[form](content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _format(content: bytes) -> str | None:
    """The format by the first bytes, or by a tune's fields."""
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((*UTF_16, b"<\0", b"\0<")):
        start = start.removeprefix(UTF_16[0]).removeprefix(UTF_16[1]).replace(b"\0", b"")
    if start.startswith(b"MThd") or (start.startswith(b"RIFF") and start[8:12] == b"RMID"):
        return "MIDI"
    if start.startswith((b"<?xml", b"<!DOCTYPE score", b"<score", b"PK\x03\x04")):
        return "MusicXML"
    if start.startswith(b"{"):
        return "JSON"
    return "ABC" if _TUNE.search(content) and b"\0" not in content else None


def _known(forms: Mapping[str, str]) -> str:
    return "MIDI, ABC, MusicXML or JSON (" + ", ".join(forms) + ")"


def save(score: Score, path: str | Path, *, rhythm: str = "", expressive: bool = False) -> tuple[str, ...]:
    """Writes the piece as its file's name says; what the format could not hold is returned in sentences.

    In MIDI repeats are played.

    Args:
        rhythm: such as "jig"; for ABC alone.
        expressive: loud and soft, as `performance` has it; for MIDI alone.

    What was written is read back and compared, so that every loss is reported.

    Raises:
        DataError: a name that says no format, a folder that cannot be written, a piece that cannot be, or an extra
            that is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMS:
        raise DataError(f"{path}: its name should say what to write: {_known(FORMS)}.")
    form = FORMS[suffix]
    if form != "JSON" and not score.notes:
        raise DataError(f"{path}: there are no notes to write. JSON alone holds a silent piece.")
    try:
        content = _WRITERS[suffix](score, rhythm, expressive)
        lost = differences(score if form == "JSON" else played(score), _READERS[form](content).score, form)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    with writing(path):
        write_bytes(path, content)
    return tuple(lost)


def _read_abc(content: bytes) -> ParsedScore:
    return from_abc(text_of(content))


def _read_json(content: bytes) -> ParsedScore:
    try:
        return ParsedScore(of_json(parse_json(content)))
    except ValueError as error:
        raise DataError(f"not JSON that can be read ({error}).") from None


def _write_abc(score: Score, rhythm: str, expressive: bool) -> bytes:
    return to_abc(score, rhythm=rhythm).encode("utf-8")


def _write_midi(score: Score, rhythm: str, expressive: bool) -> bytes:
    found = played(score)
    return to_midi(found, loudness_of(found) if expressive else None)


def _write_musicxml(score: Score, rhythm: str, expressive: bool) -> bytes:
    return to_musicxml(score)


def _write_mxl(score: Score, rhythm: str, expressive: bool) -> bytes:
    return to_mxl(score)


def _write_json(score: Score, rhythm: str, expressive: bool) -> bytes:
    return json.dumps(as_json(score), ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


_READERS: dict[str, Callable[[bytes], ParsedScore]] = {
    "MIDI": from_midi,
    "ABC": _read_abc,
    "MusicXML": from_musicxml,
    "JSON": _read_json,
}
_WRITERS: dict[str, Callable[[Score, str, bool], bytes]] = {
    ".mid": _write_midi,
    ".midi": _write_midi,
    ".abc": _write_abc,
    ".musicxml": _write_musicxml,
    ".xml": _write_musicxml,
    ".mxl": _write_mxl,
    ".json": _write_json,
}
