"""MusicXML files into scores and back, by music21 (extra `music`), for what notation programs read and write."""

import io
import re
import warnings
import zipfile
from collections import Counter
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement

from crnn_audio.errors import DataError
from crnn_audio.symbolic.musicxml.document import document
from crnn_audio.symbolic.musicxml.from_stream import Listed, read_stream
from crnn_audio.symbolic.musicxml.library import music21
from crnn_audio.symbolic.musicxml.to_stream import stream_of
from crnn_audio.symbolic.parsed import ParsedScore
from crnn_audio.symbolic.score import Score

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
REST = ("duration", "voice", "staff", "type", "dot", "time-modification")
"""What a note that becomes a rest keeps."""


def from_musicxml(content: bytes) -> ParsedScore:
    """The piece of a MusicXML file, packed (.mxl) or not, as it is played: repeats and endings in order.

    Raises:
        DataError: it is damaged, no MusicXML or without notes; or music21 is not installed.
    """
    importer = music21().musicxml.xmlToM21.MusicXMLImporter()
    root = document(content)
    lost = Counter({"cue notes": _silence_cues(root), "quarter tones": sum(map(_is_microtone, root.iter("pitch")))})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of music21, which names lines of its own
            importer.xmlRootToScore(root, importer.stream)
            return read_stream(importer.stream, _listed(root), lost)
    except DataError:
        raise
    except Exception as error:  # music21 lets whatever its parts raise pass
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"not MusicXML that can be read ({type(error).__name__}: {reason}).") from None


def _silence_cues(root: Element) -> int:
    """Turns cue notes, which show a player what others play, into rests; their number."""
    count = 0
    for measure in root.iter("measure"):
        for note in measure.findall("note"):
            if note.find("cue") is None or note.find("rest") is not None:
                continue
            count += 1
            if note.find("chord") is not None or note.find("grace") is not None:
                measure.remove(note)
                continue
            kept = [one for one in note if one.tag in REST]
            note[:] = []
            SubElement(note, "rest")
            note.extend(kept)
    return count


def _is_microtone(pitch: Element) -> bool:
    try:
        return not float(pitch.findtext("alter") or 0).is_integer()
    except ValueError:
        return False  # music21 refuses it


def _listed(root: Element) -> dict[str, Listed]:
    """The name and the instrument of each part, where they are given: music21 would guess either from the other."""
    found = {}
    for part in root.iter("score-part"):
        program = (part.findtext(".//midi-program") or "").strip()
        found[part.get("id", "")] = Listed(
            (part.findtext("part-name") or "").strip(), int(program) - 1 if program.isdecimal() else None
        )
    return found


def to_musicxml(score: Score) -> bytes:
    """The piece in notation: bars, ties, chord symbols, fermatas; names of chords that music21 does not know are lost.

    So are control characters in the title and in names, which XML cannot hold.

    Raises:
        DataError: a note, a time signature or a tempo that cannot be; or music21 is not installed.
    """
    parts = tuple(replace(part, name=_FORBIDDEN.sub("", part.name)) for part in score.parts)
    chords = tuple(replace(chord, name=_FORBIDDEN.sub("", chord.name)) for chord in score.chords)
    score = replace(score, parts=parts, chords=chords, title=_FORBIDDEN.sub("", score.title))
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
