"""MusicXML files into scores and back, by music21 (extra `music`), for what notation programs read and write."""

import io
import zipfile
from xml.etree import ElementTree

from crnn_audio.errors import DataError
from crnn_audio.symbolic.musicxml.from_stream import Listed, read_stream
from crnn_audio.symbolic.musicxml.library import music21
from crnn_audio.symbolic.musicxml.to_stream import stream_of
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.score import Score

LARGEST = 200_000_000
"""Bytes that a packed file may hold."""


def from_musicxml(content: bytes) -> ParsedScore:
    """The piece of a MusicXML file, packed (.mxl) or not, as it is played: repeats and endings in order.

    Raises:
        DataError: it is damaged, no MusicXML or without notes; or music21 is not installed.
    """
    converter = music21().converter
    text = _unpacked(content) if content.startswith(b"PK") else content
    try:
        found = converter.parseData(text, format="musicxml", forceSource=True)
        listed = _listed(text)
    except Exception as error:  # music21 lets whatever its parts raise pass
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"not MusicXML that can be read ({type(error).__name__}: {reason}).") from None
    return read_stream(found, listed)


def _listed(text: bytes) -> dict[str, Listed]:
    """The name and the instrument of each part, where they are given: music21 would guess either from the other."""
    found = {}
    for part in ElementTree.fromstring(text).iter("score-part"):
        program = (part.findtext(".//midi-program") or "").strip()
        found[part.get("id", "")] = Listed(
            (part.findtext("part-name") or "").strip(), int(program) - 1 if program.isdecimal() else None
        )
    return found


def _unpacked(content: bytes) -> bytes:
    """The score of a packed file: the first XML file outside of META-INF."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [one for one in archive.infolist() if one.filename.endswith((".xml", ".musicxml"))]
            score = next((one for one in inside if not one.filename.startswith("META-INF")), None)
            if score is None or score.file_size > LARGEST:
                raise DataError("a packed file without a score in MusicXML, or with one too large to be true.")
            return archive.read(score)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"packed MusicXML that is damaged ({error}). Fetch it anew.") from None


def to_musicxml(score: Score) -> bytes:
    """The piece in notation: bars, ties, chord symbols, fermatas; names of chords that music21 does not know are lost.

    Raises:
        DataError: a note, a time signature or a tempo that cannot be; or music21 is not installed.
    """
    written: bytes = music21().musicxml.m21ToXml.GeneralObjectExporter(stream_of(score)).parse()
    return written


def to_mxl(score: Score) -> bytes:
    """As `to_musicxml`, packed."""
    packed = io.BytesIO()
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
        '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
        "</rootfiles></container>\n"
    )
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("score.musicxml", to_musicxml(score))
    return packed.getvalue()
