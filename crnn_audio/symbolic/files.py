"""Scores from files and into them: MIDI, ABC, MusicXML and JSON."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from crnn_audio.errors import DataError
from crnn_audio.files import write_bytes
from crnn_audio.symbolic.abc import from_abc, text_of, to_abc
from crnn_audio.symbolic.losses import losses
from crnn_audio.symbolic.midi import from_midi, to_midi
from crnn_audio.symbolic.musicxml import from_musicxml, to_musicxml, to_mxl
from crnn_audio.symbolic.reading import Reading
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
"""What a file's name tells that it holds."""
_TUNE = re.compile(rb"^[XK]:", re.MULTILINE)


def read(path: str | Path) -> Reading:
    """The piece in a file, by what it holds, else by its name; of several tunes in ABC the first.

    Raises:
        DataError: it is missing, empty, no music, damaged, or needs an extra that is not installed.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    if not content.strip():
        raise DataError(f"{path}: the file is empty.")
    form = _held(content) or FORMS.get(path.suffix.lower())
    if form is None:
        raise DataError(f"{path}: not music that can be read, which is {_known()}.")
    try:
        return _READERS[form](content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _held(content: bytes) -> str | None:
    """What the first bytes tell, or a tune's fields."""
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"MThd") or (start.startswith(b"RIFF") and start[8:12] == b"RMID"):
        return "MIDI"
    if start.startswith((b"<?xml", b"<!DOCTYPE score", b"<score", b"PK\x03\x04")):
        return "MusicXML"
    if start.startswith(b"{"):
        return "JSON"
    return "ABC" if _TUNE.search(content) and b"\0" not in content else None


def _known() -> str:
    return "MIDI, ABC, MusicXML or JSON (" + ", ".join(FORMS) + ")"


def write(score: Score, path: str | Path) -> tuple[str, ...]:
    """Writes the piece as its file's name tells; what the format could not hold is told in sentences.

    What was written is read back and compared, so nothing is lost in silence.

    Raises:
        DataError: a name that tells no format, a folder that cannot be written, a piece that cannot be, or an extra
            that is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMS:
        raise DataError(f"{path}: its name should tell what to write: {_known()}.")
    form = FORMS[suffix]
    if form != "JSON" and not score.notes:
        raise DataError(f"{path}: there are no notes to write. JSON alone holds a silent piece.")
    try:
        content = _WRITERS[suffix](score)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    try:
        write_bytes(path, content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None
    return tuple(losses(score, _READERS[form](content).score, form))


def _read_abc(content: bytes) -> Reading:
    return from_abc(text_of(content))


def _read_json(content: bytes) -> Reading:
    try:
        return Reading(of_json(json.loads(content)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON that can be read ({error}).") from None


def _write_abc(score: Score) -> bytes:
    return to_abc(score).encode("utf-8")


def _write_json(score: Score) -> bytes:
    return json.dumps(as_json(score), ensure_ascii=False, indent=1).encode("utf-8")


_READERS: dict[str, Callable[[bytes], Reading]] = {
    "MIDI": from_midi,
    "ABC": _read_abc,
    "MusicXML": from_musicxml,
    "JSON": _read_json,
}
_WRITERS: dict[str, Callable[[Score], bytes]] = {
    ".mid": to_midi,
    ".midi": to_midi,
    ".abc": _write_abc,
    ".musicxml": to_musicxml,
    ".xml": to_musicxml,
    ".mxl": to_mxl,
    ".json": _write_json,
}
