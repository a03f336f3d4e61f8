"""Finds what decodes a file: libsndfile, or else PyAV; and says what a file is that neither does."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from crnn_audio.audio import mpeg
from crnn_audio.audio.chain import Chain
from crnn_audio.audio.decoders import Decoder, SoundFile, reason
from crnn_audio.audio.kinds import HEAD, Kind, kind_of
from crnn_audio.audio.media import Media
from crnn_audio.audio.sections import joined, sections
from crnn_audio.audio.source import Binary
from crnn_audio.audio.splice import Spliced, mapped
from crnn_audio.audio.truncation import breaks_off
from crnn_audio.errors import DataError

FORMATS = "WAV, FLAC, Ogg (Vorbis or Opus) and MP3"
"""What errors offer; soundfile reads more."""
UNKNOWN_LENGTH = (1 << 63) - 1


def decoder_of(stream: Binary, name: str) -> Decoder:
    """What decodes this file.

    Raises:
        DataError: it cannot be read, is not audio, or has no samples.
    """
    import soundfile

    try:
        parts = sections(stream)
    except OSError as error:  # of a disk
        raise DataError(f"{name}: cannot be read ({error.strerror or error}).") from None
    decoders: list[SoundFile] = []
    try:
        for part in parts:
            decoders.append(SoundFile(part))
            _refuse_length(decoders[-1], name)
    except soundfile.LibsndfileError as error:
        if not decoders:
            return _media(stream, name, reason(error))
    except DataError:
        if len(decoders) == 1:
            raise
        decoders.pop()
    gaps = [part.lost for part in parts]
    if len(parts) == 1 and not any(gaps):
        return decoders[0]
    return Chain(decoders, gaps[: len(decoders)], breaks_off=len(decoders) < len(parts))


def _refuse_length(decoder: SoundFile, name: str) -> None:
    container = decoder.format.partition(" ")[0]
    if decoder.num_samples() == 0:
        raise DataError(f"{name}: a header of {container} audio without a single sample.")
    if decoder.num_samples() == UNKNOWN_LENGTH:
        raise DataError(f"{name}: its {container} header gives no length, and no frame of it is whole.")


def _media(stream: Binary, name: str, why: str) -> Decoder:
    """FFmpeg's decoder of what libsndfile refuses."""
    kind = kind_in(stream)
    if kind is None or kind.demuxer is None:
        what = f"{kind.name}, " if kind else ""
        raise DataError(f"{name}: {what}not audio that can be read ({why}). Read are {FORMATS}.")
    if kind.is_native and "encoding" not in why and "decoder" not in why:
        raise DataError(f"{name}: damaged {kind.name}: not audio that can be read ({why}). Read are {FORMATS}.")
    with mapped(stream) as content:
        borders, is_cut = joined(content, kind), breaks_off(content) if kind.demuxer in ("mov", "matroska") else False
    targets: Sequence[Any] = [stream]
    if len(borders) > 2:
        targets = [Spliced(stream, [span]) for span in pairwise(borders)]
    decoders = [Media(target, name, kind, breaks_off=is_cut and target is targets[-1]) for target in targets]
    return decoders[0] if len(decoders) == 1 else Chain(decoders, [0] * len(decoders))


def kind_in(stream: Binary) -> Kind | None:
    """The kind of a file, after ID3 tags."""
    with mapped(stream) as content:
        begin = mpeg.after_tags(content, 0)
        return kind_of(bytes(content[begin : begin + HEAD]))
