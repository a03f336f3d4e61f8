"""The frames of an MP3 file: where joined files begin, what is damaged between them, and how many there are.

libmpg123 trusts the first header: without a Xing frame it guesses the length from the first bit rate, and with one it
stops where that says. So the frames are counted here, and a file that says nothing or too little gets a Xing frame.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from crnn_audio.audio.splice import Piece, size_of

RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
LAYERS = {3: 1, 2: 2, 1: 3}
BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
TAGS = (b"Xing", b"Info")
LONGEST = 2881
"""Bytes of a frame, at most."""
IN_A_ROW = 3
"""Frames that must follow each other for bytes to be MP3, where the file does not end before."""
LOST_BYTES = 3000
"""Bytes that are no frames, from which on they count as damage at the end of a file; tags take less, or are known."""


@dataclass(frozen=True)
class Frame:
    """A frame's header: what all frames of a file share, samples in each channel, and bytes."""

    kind: tuple[int, int, int, bool]
    num_samples: int
    num_bytes: int

    @property
    def tag_offset(self) -> int:
        """Where a Xing tag begins in it: after the header and the side information."""
        version, _, _, is_mono = self.kind
        return 4 + ((17 if is_mono else 32) if version == 3 else (9 if is_mono else 17))


@dataclass
class Mp3:
    """Frames in a row: of a whole file, or between two places of damage.

    `lost` counts the frames that are damaged before them; `stated` the frames of a Xing tag, if there is one; `is_cut`
    says that a frame breaks off at the end.
    """

    first: Frame
    pieces: list[Piece] = field(default_factory=list)
    count: int = 0
    lost: int = 0
    stated: int | None = None
    tag: bytes = b""
    is_cut: bool = False

    @property
    def mean_bytes(self) -> float:
        """Of a frame."""
        return sum(map(size_of, self.pieces)) / max(self.count, 1) or self.first.num_bytes

    def take(self, content: Any, position: int, frame: Frame, tag: bytes, end: int) -> None:
        """Adds the frame at this position, unless it is a tag or breaks off at the end."""
        following = position + frame.num_bytes
        if tag:
            offset = frame.tag_offset
            self.tag = tag if tag[offset : offset + 4] in TAGS else b""
            self.stated = (
                int.from_bytes(tag[offset + 8 : offset + 12], "big") if self.tag and tag[offset + 7] & 1 else None
            )
        elif following > end:
            self.is_cut = True
        else:
            last = self.pieces[-1] if self.pieces else b""
            if isinstance(last, tuple) and last[1] == position:
                self.pieces[-1] = (last[0], following)
            else:
                self.pieces.append((position, following))
            self.count += 1

    def counted(self) -> list[Piece]:
        """The same after a Xing frame that gives the number of frames."""
        offset, count = self.first.tag_offset, self.count.to_bytes(4, "big")
        if self.tag:  # the rest of it says how many samples the encoder added
            flags, rest = self.tag[offset + 7], self.tag[offset + (12 if self.tag[offset + 7] & 1 else 8) :]
            return [self.tag[: offset + 7] + bytes([flags | 1]) + count + rest, *self.pieces]
        head = _header_of_tag(self.first)
        size = getattr(_frame(head), "num_bytes", 0)
        total = size + sum(map(size_of, self.pieces))
        tag = b"Xing" + (3).to_bytes(4, "big") + count + total.to_bytes(4, "big")
        return [(head + bytes(offset - 4) + tag).ljust(size, b"\0"), *self.pieces]


def is_mp3(content: Any, begin: int = 0) -> bool:
    """Whether these bytes begin with MP3 frames, after tags."""
    position = after_tags(content, begin)
    frame = _frame_at(content, position)
    return frame is not None and _is_confirmed(content, position, frame)


def is_adts(content: bytes) -> bool:
    """Whether these bytes begin with two frames of AAC in ADTS."""
    size = int.from_bytes(content[3:6], "big") >> 5 & 0x1FFF
    begins = [content[at : at + 2] for at in (0, size)]
    return size > 7 and all(len(begin) == 2 and begin[0] == 0xFF and begin[1] & 0xF6 == 0xF0 for begin in begins)


def parts(content: Any, begin: int = 0, end: int | None = None) -> list[Mp3]:
    """All frames of one MP3 file or several that were joined; a new part after each border and each damaged place."""
    end = len(content) if end is None else end
    found: list[Mp3] = []
    position, gap, at_border = begin, 0, True
    while position < end:
        if (after := after_tags(content, position)) > position:
            position, at_border = after, True
            continue
        frame = _frame_at(content, position)
        follows = found and not gap and not at_border
        if frame is None or not (
            (follows and frame.kind == found[-1].first.kind) or _is_confirmed(content, position, frame)
        ):
            following = content.find(b"\xff", position + 1, end)
            gap += (end if following < 0 else following) - position
            position = end if following < 0 else following
            continue
        tag = _tag_at(content, position, frame)
        lost = round(gap / found[-1].mean_bytes) if gap and found and not tag else 0
        if at_border or tag or lost or frame.kind != found[-1].first.kind:
            found.append(Mp3(frame, lost=lost))
        found[-1].take(content, position, frame, tag, end)
        position, gap, at_border = position + frame.num_bytes, 0, False
    if found and gap >= LOST_BYTES:
        found[-1].is_cut = True
    return [part for part in found if part.count]


def _frame_at(content: Any, position: int) -> Frame | None:
    return _frame(content[position : position + 4])


@cache
def _frame(head: bytes) -> Frame | None:
    """The frame that these four bytes begin; none for other bytes, and for frames without a bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, LAYERS.get(head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer is None or not 0 < bitrate < 15 or rate == 3:
        return None
    kilobits = BITRATES[1 if version == 3 else 2, layer][bitrate - 1]
    per_second = RATES[version][rate]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    padding = head[2] >> 1 & 1
    if layer == 1:
        size = (12000 * kilobits // per_second + padding) * 4
    else:
        size = samples // 8 * 1000 * kilobits // per_second + padding
    return Frame((version, layer, per_second, head[3] >> 6 == 3), samples, size)


def _header_of_tag(first: Frame) -> bytes:
    """The header of a frame of that kind which is long enough for a tag."""
    version, _, per_second, is_mono = first.kind
    rate = RATES[version].index(per_second)
    return bytes([0xFF, 0xE3 | version << 3, 0xA0 | rate << 2, 0xC0 if is_mono else 0])


def _is_confirmed(content: Any, position: int, frame: Frame) -> bool:
    """Whether frames of the same kind follow, or the file ends."""
    kind = frame.kind
    for _ in range(IN_A_ROW - 1):
        position += frame.num_bytes
        if position + 4 > len(content):
            return True
        following = _frame_at(content, position)
        if following is None or following.kind != kind:
            return after_tags(content, position) > position
        frame = following
    return True


def _tag_at(content: Any, position: int, frame: Frame) -> bytes:
    """The frame, if it holds a Xing or VBRI tag in place of sound, and all of that."""
    begin = position + frame.tag_offset
    has_tag = content[begin : begin + 4] in TAGS or content[position + 36 : position + 40] == b"VBRI"
    tag = bytes(content[position : position + frame.num_bytes]) if has_tag and frame.kind[1] == 3 else b""
    return tag if len(tag) == frame.num_bytes >= frame.tag_offset + 12 else b""


def after_tags(content: Any, position: int) -> int:
    """Where the tag that begins here ends, of ID3 (either version) or APE; the same place if none does."""
    head = content[position : position + 32]
    if head[:3] == b"ID3" and len(head) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return int(position + 10 + size + (10 if head[5] & 0x10 else 0))
    if head[:3] == b"TAG":
        return position + 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        has_header = head[23] & 0xA0 == 0xA0
        return int(position + 32 + (int.from_bytes(head[12:16], "little") if has_header else 0))
    return position
