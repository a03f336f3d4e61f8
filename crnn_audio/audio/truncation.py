"""Detects truncated files: decoders read AIFF, Ogg, MP4 and WebM files that were cut short as if they were whole."""

from typing import Any

LAST_PAGE = 4  # Ogg's flag of it


def fraction_of_chunks(content: Any) -> float:
    """The fraction of an AIFF file's samples, by the size of their chunk, that is there."""
    position, end = 12, len(content)
    while position + 8 <= end:
        kind, size = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "big")
        position += 8
        if kind == b"SSND":
            return min((end - position) / size, 1.0) if size else 1.0
        position += size + size % 2
    return 1.0


def has_last_page(tail: bytes) -> bool:
    """Whether an Ogg file of which these are the last bytes ends with its last page, and that is whole."""
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return bool(page[5] & LAST_PAGE) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def breaks_off(content: Any) -> bool:
    """Whether the last box of an MP4 file, or the segment of a Matroska file, should go on after the file's end."""
    if content[:4] == b"\x1aE\xdf\xa3":
        return _segment_breaks_off(content)
    position, end = 0, len(content)
    while position + 8 <= end:
        size = int.from_bytes(content[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size < 8:  # 0: up to the end
            return False
        position += size
    return position > end


def _segment_breaks_off(content: Any) -> bool:
    """By RFC 8794: an element is its id, its size as a number of 1 to 8 bytes, and its content."""
    size, begin = _number(content, 4)
    size, begin = _number(content, begin + size + 4)  # after the header: the segment's id has four bytes
    return size >= 0 and begin + size > len(content)


def _number(content: Any, position: int) -> tuple[int, int]:
    """The size at this position, -1 where it is unknown, and where it ends."""
    length = 9 - content[position].bit_length() if position < len(content) else 9
    if length > 8:
        return -1, position + 1
    value = int.from_bytes(content[position : position + length], "big") & ((1 << 7 * length) - 1)
    return (-1 if value == (1 << 7 * length) - 1 else value), position + length
