"""What a file is, by how it begins; the names are those that people know, and FFmpeg's of what can read it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A format's name, and FFmpeg's demuxer for it; None where it holds no sound, or nothing reads it."""

    name: str
    demuxer: str | None = None

    @property
    def is_native(self) -> bool:
        """Whether libsndfile reads the container, though not everything that may be in it."""
        return self.demuxer in ("wav", "aiff", "au", "caf", "flac")


BEGINNINGS = (
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA (ASF)", "asf"),
    (b"#!AMR", "AMR", "amr"),
    (b"MAC ", "Monkey's Audio", "ape"),
    (b"wvpk", "WavPack", "wv"),
    (b"TTA1", "True Audio", "tta"),
    (b"FLV\x01", "Flash video", "flv"),
    (b"\x00\x00\x01\xba", "MPEG video", "mpeg"),
    (b"\x0b\x77", "AC-3", "ac3"),
    (b".RMF", "RealMedia", "rm"),
    (b"caff", "CAF", "caf"),
    (b"FORM", "AIFF", "aiff"),
    (b".snd", "AU", "au"),
    (b"fLaC", "FLAC", "flac"),
    (b"OggS", "Ogg", "ogg"),
    (b"DSD ", "DSD", "dsf"),
    (b"#!SILK_V3", "SILK", None),
    (b"\x02#!SILK_V3", "SILK", None),
    (b"MThd", "MIDI (notes without sound)", None),
    (b"%PDF", "PDF", None),
    (b"PK\x03\x04", "a ZIP archive", None),
    (b"\x1f\x8b", "gzip", None),
)
OGG_CODECS = ((b"\x7fFLAC", "FLAC"), (b"Speex", "Speex"), (b"OpusHead", "Opus"), (b"\x01vorbis", "Vorbis"))
HEAD = 512
"""Bytes that are enough to know a kind."""


def kind_of(head: bytes) -> Kind | None:
    """The format of a file that begins with these bytes, of which `HEAD` are enough; None for other content."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free"):
        return Kind(_iso(head[8:12]) if head[4:8] == b"ftyp" else "QuickTime", "mov")
    if head[:4] == b"\x1aE\xdf\xa3":
        return Kind("WebM" if b"webm" in head[:64] else "Matroska", "matroska")
    if head[:4] == b"RIFF" and head[8:12] in (b"WAVE", b"AVI "):
        return Kind("WAV", "wav") if head[8:12] == b"WAVE" else Kind("AVI", "avi")
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0:
        return Kind("AAC", "aac")
    if head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return Kind("MPEG transport stream", "mpegts")
    for begin, name, demuxer in BEGINNINGS:
        if head.startswith(begin):
            codec = next((codec for mark, codec in OGG_CODECS if mark in head[:64]), None)
            return Kind(f"Ogg {codec}" if name == "Ogg" and codec else name, demuxer)
    return None


def _iso(brand: bytes) -> str:
    if brand.startswith((b"M4A", b"M4B")):
        return "M4A"
    if brand.startswith((b"3g", b"3G")):
        return "3GP"
    return "QuickTime" if brand == b"qt  " else "MP4"
