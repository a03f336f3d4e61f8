"""Formats of phones and browsers, by PyAV: whole, cut short, damaged, joined, through pipes, and without PyAV."""

import io
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.errors import DataError
from tests.media import RATE, encoded

FORMATS = [
    ("ipod", "aac", 44100, "M4A AAC"),
    ("mp4", "aac", 16000, "MP4 AAC"),
    ("mov", "pcm_s16le", 48000, "QuickTime PCM_S16LE"),
    ("webm", "libopus", 48000, "WebM OPUS"),
    ("matroska", "aac", 22050, "Matroska AAC"),
    ("adts", "aac", 32000, "AAC AAC"),
    ("amr", "libopencore_amrnb", 8000, "AMR AMRNB"),
    ("3gp", "aac", 16000, "3GP AAC"),
]
SECONDS = 3.0


def tone(hz: float = 440.0, seconds: float = SECONDS, channels: int = 1) -> np.ndarray:
    """A tone in some noise, (S, channels)."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.02, len(time))
    return np.stack([0.3 * np.sin(2 * np.pi * hz * time) + noise] * channels, axis=1).astype(np.float32)


def read(content: bytes | Path) -> tuple[np.ndarray, int, list[audio.Loss]]:
    losses: list[audio.Loss] = []
    return *audio.read(content, on_loss=losses.append), losses


def pitch(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax()) * rate / len(samples)


@pytest.mark.parametrize(("container", "codec", "rate", "format"), FORMATS)
def test_every_format_is_read_whole(container: str, codec: str, rate: int, format: str) -> None:
    channels = 1 if container == "amr" else 2
    content = encoded(tone(channels=channels), container, codec, rate)
    found, found_rate, losses = read(content)
    assert (found_rate, losses) == (rate, [])
    assert len(found) / rate == pytest.approx(SECONDS, abs=0.08)
    assert pitch(found[rate : 2 * rate], rate) == pytest.approx(440, abs=3)
    info = audio.inspect(content)
    assert (info.num_channels, info.num_samples, info.format) == (channels, len(found), format)
    assert audio.estimated_seconds(content) == pytest.approx(SECONDS, abs=0.15)
    piece, _ = audio.read(content, start=1.0, duration=0.5)
    np.testing.assert_array_equal(piece, found[rate : rate + rate // 2])


def test_blocks_of_a_file_and_of_a_pipe_are_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(tone(), "webm", "libopus", 48000)
    path, pipe = tmp_path / "a.webm", tmp_path / "pipe"
    path.write_bytes(content)
    expected = read(content)[0]
    np.testing.assert_array_equal(np.concatenate(list(audio.blocks(path, 0.1))), expected)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    np.testing.assert_array_equal(np.concatenate(list(audio.blocks(pipe, 0.1))), expected)
    writer.join()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert audio.read("-")[0].tobytes() == expected.tobytes()


@pytest.mark.parametrize(("container", "encoding"), [("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16"), ("OGG", "OPUS")])
def test_a_pipe_of_what_files_hold_is_decoded_and_never_taken_for_pcm(
    monkeypatch: pytest.MonkeyPatch, container: str, encoding: str
) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(), RATE, format=container, subtype=encoding)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.getvalue())))
    found = audio.blocks("-", 0.1)
    samples = np.concatenate(list(found))
    assert len(samples) / found.sample_rate == pytest.approx(SECONDS, abs=0.1)
    assert pitch(samples[8000:40000], found.sample_rate) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(("container", "codec", "rate"), [one[:3] for one in FORMATS if one[0] != "amr"])
def test_a_file_that_is_cut_short_says_so_or_cannot_be_read(container: str, codec: str, rate: int) -> None:
    content = encoded(tone(), container, codec, rate)
    try:
        found, _, losses = read(content[: len(content) * 2 // 3])
    except DataError as error:
        assert "damaged" in str(error)  # noqa: PT017 - the index of MP4 is at its end
    else:
        assert len(found) < 0.75 * SECONDS * rate
        assert losses or container == "adts", "a raw stream has no length"


def test_packets_that_are_damaged_are_a_hole_and_later_times_are_true() -> None:
    steps = np.concatenate([tone(hz, 1.0) for hz in (400, 600, 800, 1000, 1200, 1400)])
    content = bytearray(encoded(steps, "matroska", "flac", RATE))
    begin = len(content) // 3
    content[begin : begin + len(content) // 10] = bytes(len(content) // 10)
    found, rate, losses = read(bytes(content))
    assert losses
    assert len(found) / rate == pytest.approx(6.0, abs=0.2)
    assert pitch(found[round(5.2 * rate) : round(5.9 * rate)], rate) == pytest.approx(1400, abs=5)


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("webm", "libopus", 48000), ("amr", "libopencore_amrnb", 8000)]
)
def test_joined_files_are_read_to_the_end_of_the_last(container: str, codec: str, rate: int) -> None:
    joined = encoded(tone(), container, codec, rate) + encoded(tone(880), container, codec, rate)
    found, _, losses = read(joined)
    assert losses == []
    assert len(found) / rate == pytest.approx(2 * SECONDS, abs=0.1)
    assert pitch(found[-2 * rate : -rate], rate) == pytest.approx(880, abs=3)


def test_sound_that_begins_after_the_pictures_is_at_its_time() -> None:
    content = encoded(tone(), "matroska", "aac", RATE, video=True, delay=1.0)
    found, rate, losses = read(content)
    assert losses == []
    assert len(found) / rate == pytest.approx(1 + SECONDS, abs=0.1)
    assert not found[: round(0.9 * rate)].any()


def test_pictures_without_sound_are_named() -> None:
    with pytest.raises(DataError, match=r"^bytes: Matroska without sound\.$"):
        audio.read(encoded(None, "matroska", "aac", RATE, video=True))


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "MP4"),
        (b"\0\0\0\x20ftyp3gp4\0\0\0\0", "3GP"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "QuickTime"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x84webm", "WebM"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x88matroska", "Matroska"),
        (b"#!AMR\n\x3c", "AMR"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc", "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "WMA (ASF)"),
        (b"OggS\0\x02" + bytes(20) + b"\x01\x1eSpeex   ", "Ogg Speex"),
    ],
)
def test_without_the_extra_one_line_names_format_and_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: bytes, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "recording"
    path.write_bytes(begin + bytes(200))
    for use in (audio.read, audio.inspect, audio.blocks):
        with pytest.raises(DataError) as raised:
            use(path)
        message = str(raised.value)
        assert message.startswith(f"{path}: {name}, which is read with the extra `media` (PyAV): pip install")
        assert "\n" not in message
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    if name != "AAC":  # a pipe of one frame could be PCM
        with pytest.raises(DataError, match=r"^standard input: .* `media` .* A pipe must hold 16-bit WAV or PCM"):
            audio.blocks("-")


@pytest.mark.parametrize(
    "begin", [b"%PDF-1.7", b"PK\x03\x04", b"MThd\0\0\0\6", b"#EXTM3U\nhttp://127.0.0.1/", b"ffconcat"]
)
def test_what_holds_no_sound_is_refused_and_no_address_in_it_followed(begin: bytes) -> None:
    with pytest.raises(DataError, match="not audio that can be read"):
        audio.read(begin + bytes(300))
