"""The parts of a file that one decoder reads each: usually all of it.

Files that were joined are one recording, and so is what stands before and after damage. Where a header is missing
something that a decoder needs, it is completed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from crnn_audio.audio import flac, mpeg, riff
from crnn_audio.audio.kinds import HEAD, Kind, kind_of
from crnn_audio.audio.source import Binary
from crnn_audio.audio.splice import Piece, Spliced, mapped
from crnn_audio.audio.truncation import fraction_of_chunks, has_last_page

Target: TypeAlias = Binary | Spliced


@dataclass(frozen=True)
class Section:
    """A part of a file.

    Args:
        target: what the decoder reads.
        fraction: how much of what its header states is there; 0 where it states nothing but breaks off.
        num_samples: how many there are, where that is known better than by the decoder's own header.
        repaired: the same with a header that states it, for a decoder that would stop before.
        lost: samples that are damaged before it.
    """

    target: Target
    fraction: float = 1.0
    num_samples: int | None = None
    repaired: Target | None = None
    lost: int = 0


def sections(stream: Binary) -> list[Section]:
    """The parts of a file in their order, at least one; what can be read as it is, is left as it is.

    Raises:
        OSError: the file cannot be read.
    """
    with mapped(stream) as content:
        found = list(_found(stream, content))
    stream.seek(0)
    return found or [Section(stream)]


def _found(stream: Binary, content: Any) -> Iterator[Section]:
    if content[:4] in riff.FORMS:
        yield from _of_wav(stream, content)
    elif content[:4] == b"OggS":
        yield from _of_ogg(stream, content)
    elif content[:4] == b"FORM":
        yield Section(stream, fraction_of_chunks(content))
    elif begins := flac.begins(content):
        for begin, end in _spans(begins, content):
            head = flac.with_length(content, begin, end)
            pieces: list[Piece] = [head, (begin + len(head), end)] if head else [(begin, end)]
            yield Section(stream if not head and len(begins) == 1 else Spliced(stream, pieces))
    elif mpeg.is_mp3(content):
        yield from _of_mp3(stream, mpeg.parts(content))


def _spans(begins: list[int], content: Any) -> Iterator[tuple[int, int]]:
    return zip(begins, [*begins[1:], len(content)], strict=True)


def _of_wav(stream: Binary, content: Any) -> Iterator[Section]:
    files = list(riff.files_in(content))
    for wav in files:
        if wav.coding == riff.MP3 and wav.samples and mpeg.is_mp3(content, wav.samples[0][0]):
            yield from _of_mp3(stream, mpeg.parts(content, *wav.samples[0]), within=True)
            continue
        fraction = min(wav.present / wav.stated, 1.0) if wav.stated else 1.0
        if not wav.format or not wav.present:
            yield Section(stream)
        elif not wav.regular:
            yield Section(Spliced(stream, wav.rewritten()), fraction)
        else:
            yield Section(stream if len(files) == 1 else Spliced(stream, [(wav.begin, wav.end)]), fraction)


def _of_ogg(stream: Binary, content: Any) -> Iterator[Section]:
    begins, position = [0], 0
    while (position := content.find(b"OggS\0\x02", position + 1)) >= 0:
        if not _begins_together(content, position):
            begins.append(position)
    for begin, end in _spans(begins, content):
        is_whole = has_last_page(content[max(begin, end - 70_000) : end])
        yield Section(stream if len(begins) == 1 else Spliced(stream, [(begin, end)]), float(is_whole))


def _begins_together(content: Any, position: int) -> bool:
    """Whether the page before this one is the first of its stream too: streams beside each other, not one after."""
    before = content.rfind(b"OggS\0", 0, position)
    return before >= 0 and bool(content[before + 5] & 2)


def _of_mp3(stream: Binary, found: list[mpeg.Mp3], within: bool = False) -> Iterator[Section]:
    for index, part in enumerate(found):
        per_frame = part.first.num_samples
        damaged_after = index + 1 < len(found) and found[index + 1].lost > 0
        missing = part.is_cut and part.stated is None
        lost = part.lost * per_frame
        if part.tag and (damaged_after or (part.stated or 0) < part.count):
            yield Section(Spliced(stream, part.counted()), float(not missing), lost=lost)
        elif len(found) == 1 and not within and part.tag:
            yield Section(stream)
        else:
            tag: list[Piece] = [part.tag] if part.tag else []
            target = stream if len(found) == 1 and not within else Spliced(stream, [*tag, *part.pieces])
            known = None if part.tag else part.count * per_frame
            yield Section(target, float(not missing), known, Spliced(stream, part.counted()), lost)


def joined(content: Any, kind: Kind) -> list[int]:
    """Where each of the files of one of these formats begins that were joined, and where the last ends."""
    mark, before = {"mov": (b"ftyp", 4), "matroska": (b"\x1aE\xdf\xa3", 0), "amr": (b"#!AMR", 0)}.get(
        kind.demuxer or "", (b"", 0)
    )
    begins, position = [0], before
    while mark and (position := content.find(mark, position + 1)) >= 0:
        begin = position - before
        if kind_of(bytes(content[begin : begin + HEAD])) == kind and (
            before == 0 or not any(content[begin : begin + 3])
        ):
            begins.append(begin)
    return [*begins, len(content)]
