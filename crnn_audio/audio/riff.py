"""WAV files as people have them: what libsndfile refuses or stops within is given to it with a clean header.

Sizes that were never written or stand for "unknown", odd chunks without their pad byte, `fmt ` after the samples,
several chunks of samples, and several files in one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from crnn_audio.audio.splice import Piece

FORMS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
KNOWN = frozenset(
    b"fmt ,data,fact,LIST,PEAK,cue ,plst,smpl,inst,bext,iXML,cart,junk,JUNK,PAD ,FLLR,ds64,id3 ,ID3 ,DISP,levl,axml,"
    b"chna,afsp,minf,elm1,regn,umid,_PMX,LGWV,RIFF,RF64".split(b",")
)
MP3 = 0x55
"""The code of MP3 in WAV."""
Order: TypeAlias = Literal["little", "big"]


def is_unknown_size(size: int) -> bool:
    """Whether a WAV header's count of bytes stands for "nobody knows", as programs that write to a pipe put it."""
    return size == 0 or 0x7FFF0000 <= size < 0x80010000 or size >= 0xFFFF0000


@dataclass
class Wav:
    """One WAV file: its format chunk, where its samples are, and how many bytes of them the header states.

    `stated` is 0 where the header does not know; `end` is where the file ends, or the next one begins. A `regular` one
    is read by libsndfile as it is.
    """

    begin: int
    order: Order
    format: bytes = b""
    fact: bytes = b""
    samples: list[tuple[int, int]] = field(default_factory=list)
    stated: int = 0
    end: int = 0
    regular: bool = True

    @property
    def coding(self) -> int:
        """The format's code, such as 1 for PCM."""
        return int.from_bytes(self.format[:2], self.order)

    @property
    def present(self) -> int:
        """Bytes of samples that are there."""
        return sum(end - begin for begin, end in self.samples)

    def rewritten(self) -> list[Piece]:
        """The same samples after a clean header."""
        size = min(self.present, 0xFFFFFFFF)
        fact = _chunk(b"fact", self.fact, self.order) if self.fact and len(self.samples) == 1 else b""
        head = b"WAVE" + _chunk(b"fmt ", self.format, self.order) + fact
        form = b"RIFF" if self.order == "little" else b"RIFX"
        total = min(len(head) + 8 + size, 0xFFFFFFFF).to_bytes(4, self.order)
        return [form + total + head + b"data" + size.to_bytes(4, self.order), *self.samples]


def files_in(content: Any) -> Iterator[Wav]:
    """Each WAV file of one or several that were joined; nothing for other content."""
    begin = 0
    while content[begin : begin + 4] in FORMS and content[begin + 8 : begin + 12] == b"WAVE":
        wav = _parsed(content, begin)
        yield wav
        begin = wav.end


def _parsed(content: Any, begin: int) -> Wav:
    wav = Wav(begin, "big" if content[begin : begin + 4] == b"RIFX" else "little")
    position, long_size, end = begin + 12, 0, len(content)
    while position + 8 <= end:
        kind = content[position : position + 4]
        size = int.from_bytes(content[position + 4 : position + 8], wav.order)
        position += 8
        if kind in FORMS and content[position : position + 4] == b"WAVE":
            position -= 8
            break
        if kind == b"data":
            stated = long_size if size == 0xFFFFFFFF else size
            size = _size_of_samples(wav, content, position, stated)
        elif kind == b"ds64":
            long_size = int.from_bytes(content[position + 8 : position + 16], "little")
        elif kind == b"fmt " and not wav.format:
            wav.format = content[position : position + size]
            wav.regular = wav.regular and not wav.samples
        elif kind == b"fact":
            wav.fact = content[position : position + size]
        following = _after(content, position + size, size)
        wav.regular = wav.regular and (following == position + size + size % 2 or bool(wav.samples))
        position = following
    wav.end = min(position, end)
    return wav


def _size_of_samples(wav: Wav, content: Any, position: int, size: int) -> int:
    """The bytes of samples at this position that are there; notes them."""
    left = len(content) - position
    if size == 0 and (left < 8 or content[position : position + 4] in KNOWN):
        wav.regular = False  # others may follow
        return 0
    unknown = is_unknown_size(size) and (size == 0 or size > left)
    there = left if unknown else min(size, left)
    wav.regular = wav.regular and not wav.samples and size > 0
    wav.samples.append((position, position + there))
    wav.stated += 0 if unknown else size
    return there


def _after(content: Any, end: int, size: int) -> int:
    """Where the next chunk begins: after a pad byte, unless it was forgotten."""
    padded = end + size % 2
    if padded == end or content[padded : padded + 4] in KNOWN or content[end : end + 4] not in KNOWN:
        return padded
    return end


def _chunk(kind: bytes, body: bytes, order: Order) -> bytes:
    return kind + len(body).to_bytes(4, order) + body + b"\0" * (len(body) % 2)
