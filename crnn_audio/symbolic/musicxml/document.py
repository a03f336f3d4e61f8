"""The document of a MusicXML file: unpacked, in the encoding that it declares, and within bounds."""

import codecs
import io
import re
import zipfile
from contextlib import suppress
from xml.etree import ElementTree

from crnn_audio.errors import DataError

LARGEST = 64_000_000
"""Bytes of a document."""
MOST_TAGS = 6_000_000
"""That open and close elements."""
MOST_NOTES, MOST_MEASURES = 200_000, 5000
"""Of the document, and of each part, where nothing is played more than twice; music21 takes their square of time."""
MOST_TIMES = 99
"""That a repeat is played, and the highest number of an ending."""
LONGEST_NOTE = 1000
"""Quarter notes."""
HIGHEST = 10_000_000
"""Number of any kind; of some the highest is lower, since music21 counts up to them."""
HIGHEST_OF = {
    "beats": 255, "beat-type": 128, "staves": 64, "fifths": 100, "actual-notes": 1000, "normal-notes": 1000,
    "octave": 20, "octave-change": 20, "key-octave": 20, "chromatic": 200, "diatonic": 200, "alter": 20,
    "multiple-rest": 10_000,
}  # fmt: skip
_WORDS = ("words", "text", "rehearsal")
"""Elements of a measure in which a number is a word."""
_CONTAINER = "META-INF/container.xml"
_DECLARED = re.compile(rb"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]{1,40})["']""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How a document begins, and its encoding then."""
_NUMBER = re.compile(r"[+-]?\d{1,400}(?:\.\d{0,400})?")


def document(content: bytes) -> ElementTree.Element:
    """The root of a MusicXML file, packed (.mxl) or not.

    Raises:
        DataError: it is damaged, in another encoding than it says, no MusicXML, or larger than music is.
    """
    root = _parsed(decoded(_unpacked(content) if content.startswith(b"PK") else content))
    if root.tag not in ("score-partwise", "score-timewise"):
        raise DataError(f"not MusicXML: its outermost element is {root.tag[:40]!r}, not 'score-partwise'.")
    if root.find("part") is None and root.find("measure") is None:
        raise DataError("there are no parts in it.")
    _refuse_excess(root)
    return root


def _unpacked(content: bytes) -> bytes:
    """The score of a packed file: the one that its container names, else its first XML file.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            score = _score_of(archive)
            if score is None:
                raise DataError("a packed file without a score in MusicXML.")
            return _extracted(archive, score)
    except DataError:
        raise
    except Exception as error:  # zipfile lets whatever its parts raise pass
        raise DataError(
            f"packed MusicXML that is damaged ({str(error) or type(error).__name__}). Fetch it anew."
        ) from None


def _score_of(archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
    inside = {one.filename: one for one in archive.infolist() if not one.is_dir()}
    if _CONTAINER in inside:
        with suppress(DataError):  # the score may be there all the same
            files = [one for one in _parsed(decoded(_extracted(archive, inside[_CONTAINER]))).iter() if _is_file(one)]
            scores = [one for one in files if "musicxml" in one.get("media-type", "musicxml")] or files
            named = next((one.get("full-path", "") for one in scores), "")
            if named in inside:
                return inside[named]
    plain = (one for name, one in inside.items() if name.lower().endswith((".xml", ".musicxml")))
    return next((one for one in plain if not _is_about(one.filename)), None)


def _is_file(element: ElementTree.Element) -> bool:
    return element.tag.rpartition("}")[2] == "rootfile"


def _is_about(name: str) -> bool:
    """Whether a file is about others: the archive's own, or one of macOS."""
    return name.startswith(("META-INF/", "__MACOSX/")) or name.rpartition("/")[2].startswith("._")


def _extracted(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    with archive.open(one) as file:
        content = file.read(LARGEST + 1)
    _refuse_size(len(content))
    return content


def decoded(content: bytes) -> str:
    """The text of an XML document, in the encoding that its first bytes or its declaration say.

    Raises:
        DataError: it is too large, in an encoding that is not known, or not in the one that it says.
    """
    _refuse_size(len(content))
    declared = _DECLARED.match(content[:1000])
    name = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    name = name or (declared[1].decode("ascii", "replace") if declared else "utf-8")
    try:
        if "16" not in name and "32" not in name and b"<?xml".decode(name) != "<?xml":
            raise LookupError
        return content.decode(name)
    except LookupError:
        raise DataError(f"it declares the encoding {name!r}, which is not known. Save it as UTF-8.") from None
    except ValueError as error:
        raise DataError(f"it is not in the encoding {name!r}, as it says ({str(error)[:100]}).") from None


def _refuse_size(size: int) -> None:
    if size > LARGEST:
        raise DataError(f"a document of more than {LARGEST / 1e6:.0f} MB is too large to be read.")


def _parsed(text: str) -> ElementTree.Element:
    """The root element.

    Raises:
        DataError: it is no XML, or of more elements than any music.
    """
    if "<!ENTITY" in text:
        raise DataError("it declares entities, which MusicXML has none of.")
    if text.count("<") > MOST_TAGS:
        raise DataError(f"a document of more than {MOST_TAGS} tags is too large to be read.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"not MusicXML that can be read ({error}).") from None


def _refuse_excess(root: ElementTree.Element) -> None:
    """Refuses numbers that music21 would count up to, or make lists of.

    Raises:
        DataError: which, and what there may be.
    """
    divisions, notes, times = 1.0, 0, 2
    measures = max((len(part.findall("measure")) for part in root.findall("part")), default=0)
    for element in (one for measure in root.iter("measure") for one in measure.iter() if one.tag not in _WORDS):
        number = _number(element.text)
        highest = HIGHEST_OF.get(element.tag, HIGHEST)
        if abs(number) > highest:
            raise DataError(f"<{element.tag}> of {number:g}; there may be {highest}.")
        if element.tag == "divisions":
            divisions = number if number > 0 else 1.0
        elif element.tag == "duration" and number > divisions * LONGEST_NOTE:
            raise DataError(f"a note of {number / divisions:g} quarter notes; there may be {LONGEST_NOTE}.")
        elif element.tag in ("repeat", "ending"):
            times = max([times, *_turns(element)])
        notes += element.tag == "note"
    if times > MOST_TIMES:
        raise DataError(f"a repeat or an ending that is played {times} times; there may be {MOST_TIMES}.")
    if notes * times > 2 * MOST_NOTES or measures * times > 2 * MOST_MEASURES:
        raise DataError(
            f"{measures} measures and {notes} notes, some of which may be played {times} times; there may be "
            f"{MOST_MEASURES} and {MOST_NOTES} that are played twice."
        )


def _number(text: str | None) -> float:
    """The highest of a sum such as "3+2", 0 where there is none."""
    found = [float(one) for one in map(str.strip, (text or "")[:2000].split("+")) if _NUMBER.fullmatch(one)]
    return max(found, key=abs, default=0.0)


def _turns(element: ElementTree.Element) -> list[int]:
    written = element.get("times", "") if element.tag == "repeat" else f"{element.get('number', '')} {element.text}"
    return [int(one) for one in re.findall(r"\d{1,12}", written)]
