"""FLAC files: where joined ones begin, and the length of one whose header gives none, as written to a pipe."""

from typing import Any

STREAMINFO = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
"""How a file begins."""
TAIL = 1 << 20
"""Bytes at the end of a file in which its last frame is looked for; a frame is smaller by far."""
BLOCK_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, **{code: 256 << (code - 8) for code in range(8, 16)}}
CRC_8 = 0x07


def begins(content: Any) -> list[int]:
    """Where each of the joined files begins; none for other content."""
    if content[:4] not in (b"fLaC", b"ID3\x02", b"ID3\x03", b"ID3\x04"):
        return []
    found: list[int] = []
    for start in STREAMINFO:
        position = content.find(start)
        while position >= 0:
            found.append(position)
            position = content.find(start, position + 1)
    return sorted(found)


def with_length(content: Any, begin: int, end: int) -> bytes | None:
    """The header, up to its 26th byte, with the length that the last frame gives; none where it gives one itself."""
    head = bytes(content[begin : begin + 26])
    if len(head) < 26 or head[21] & 0xF or any(head[22:]):
        return None
    total = _length(content, begin, end)
    return head[:21] + bytes([head[21] | total >> 32 & 0xF]) + (total & 0xFFFFFFFF).to_bytes(4, "big")


def _length(content: Any, begin: int, end: int) -> int:
    """Samples up to the end of the last frame; 0 if there is none."""
    first = content.find(b"\xff", _after_metadata(content, begin), end)
    like = bytes(content[first : first + 4])
    block_size = int.from_bytes(content[begin + 10 : begin + 12], "big")  # the greatest, and the fixed one
    position = end
    while first >= 0 and (position := content.rfind(like[:2], max(first, end - TAIL), position)) >= 0:
        head = bytes(content[position : position + 16])
        samples = _end_of_frame(head, block_size) if head[3:4] == like[3:4] else None
        if samples is not None:
            return samples
    return 0


def _after_metadata(content: Any, begin: int) -> int:
    position, is_last = begin + 4, False
    while not is_last and position + 4 <= len(content):
        is_last = bool(content[position] & 0x80)
        position += 4 + int.from_bytes(content[position + 1 : position + 4], "big")
    return position


def _end_of_frame(head: bytes, fixed: int) -> int | None:
    """The sample after a frame with this header; none if it is no header (RFC 9639, section 9.1)."""
    is_variable, size_code, rate_code = head[1] & 1, head[2] >> 4, head[2] & 15
    number_bytes = next((count for count in range(7) if not head[4] << count & 0x80), 8) or 1
    extra = {6: 1, 7: 2}.get(size_code, 0)
    end = 4 + number_bytes + extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if size_code == 0 or number_bytes > 7 or end >= len(head) or _crc(head[:end]) != head[end]:
        return None
    number = head[4] & (0x7F if number_bytes == 1 else 0xFF >> (number_bytes + 1))
    for byte in head[5 : 4 + number_bytes]:
        number = number << 6 | byte & 0x3F
    said = head[4 + number_bytes : 4 + number_bytes + extra]
    size = int.from_bytes(said, "big") + 1 if extra else BLOCK_SIZES[size_code]
    return (number if is_variable else number * fixed) + size


def _crc(content: bytes) -> int:
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (CRC_8 if value & 0x80 else 0)) & 0xFF
    return value
