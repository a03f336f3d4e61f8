"""Detects truncated files: libsndfile reads WAV and Ogg files that were cut short as if they were whole."""

from typing import Literal

from crnn_audio.audio.source import Binary

SOUND_CHUNKS = (b"data", b"SSND")  # of WAV and AIFF
LONGEST_PAGE = 27 + 255 + 255 * 255  # of Ogg, in bytes
LAST_PAGE = 4  # Ogg's flag of it


def is_unknown_size(size: int) -> bool:
    """Whether a WAV header's count of bytes stands for "nobody knows", as programs that write to a pipe put it."""
    return size == 0 or 0x7FFF0000 <= size < 0x80010000 or size >= 0xFFFF0000


def fraction_present(stream: Binary) -> float:
    """The fraction of the sound stated by the header that is present; 1 for formats whose decoders report truncation.

    An Ogg file states no length but marks its last page: without that page the fraction is 0.
    """
    begin = stream.read(12)
    if begin[:4] in (b"RIFF", b"RF64"):
        fraction = _of_chunks(stream, "little")
    elif begin[:4] in (b"RIFX", b"FORM"):
        fraction = _of_chunks(stream, "big")
    else:
        fraction = float(begin[:4] != b"OggS" or _has_last_page(stream))
    stream.seek(0)
    return fraction


def _of_chunks(stream: Binary, order: Literal["little", "big"]) -> float:
    """What is there of the chunk with the samples, by its size; RF64 has the size of that in a chunk before it."""
    end = stream.seek(0, 2)
    position, long_size = 12, 0
    while position + 8 <= end:
        stream.seek(position)
        kind, size = stream.read(4), int.from_bytes(stream.read(4), order)
        if kind == b"ds64":
            long_size = int.from_bytes(stream.read(16)[8:], order)
        position += 8
        if kind in SOUND_CHUNKS:
            size = long_size if long_size and size == 0xFFFFFFFF else 0 if is_unknown_size(size) else size
            return min((end - position) / size, 1.0) if size else 1.0
        position += size + size % 2
    return 1.0


def _has_last_page(stream: Binary) -> bool:
    stream.seek(max(stream.seek(0, 2) - LONGEST_PAGE, 0))
    tail = stream.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return bool(page[5] & LAST_PAGE) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
