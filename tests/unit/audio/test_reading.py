"""Reading sound: every format, rate and channel count, every source, and every way a file can be unusable."""

import contextlib
import io
import os
import subprocess
import sys
import threading
from math import floor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.audio import source as sources
from crnn_audio.errors import DataError

RATE = 16000

# Container, encoding, suffix, greatest difference from what was written (lossy ones: of a 440 Hz sine).
FORMATS = [
    ("WAV", "PCM_16", "wav", 2**-15),
    ("WAV", "PCM_24", "wav", 2**-23),
    ("WAV", "FLOAT", "wav", 1e-7),
    ("FLAC", "PCM_16", "flac", 2**-15),
    ("OGG", "VORBIS", "ogg", 0.05),
    ("OGG", "OPUS", "opus", 0.05),
    ("MP3", "MPEG_LAYER_III", "mp3", 0.05),
]


def sine(hz: float, rate: int, num_samples: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(num_samples) / rate)).astype(np.float32)


def wav_bytes(samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(("container", "encoding", "suffix", "tolerance"), FORMATS)
def test_every_format_gives_what_was_written(tmp_path, container, encoding, suffix, tolerance):
    written = sine(440, RATE, RATE)
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, written, RATE, format=container, subtype=encoding)
    waveform, rate = audio.read(path)
    assert (rate, waveform.dtype, waveform.shape) == (RATE, np.float32, written.shape)
    middle = slice(RATE // 10, -RATE // 10)
    assert np.abs(waveform - written)[middle].max() <= tolerance
    assert audio.inspect(path) == audio.AudioInfo(RATE, RATE, 1, f"{container} {encoding}")
    assert audio.inspect(path).seconds == 1.0


def test_24_channels_at_7_khz_are_averaged(tmp_path):
    channels = np.random.default_rng(0).uniform(-1, 1, size=(700, 24))
    soundfile.write(tmp_path / "array.wav", channels, 7000, subtype="FLOAT")
    waveform, rate = audio.read(tmp_path / "array.wav")
    assert rate == 7000
    np.testing.assert_allclose(waveform, channels.mean(axis=1), atol=1e-6)
    assert audio.inspect(tmp_path / "array.wav").num_channels == 24
    assert audio.read(tmp_path / "array.wav", RATE)[0].shape == (1600,)


def test_long_files_are_read_over_block_borders(tmp_path, monkeypatch):
    written = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2)).astype(np.float32)
    monkeypatch.setattr("crnn_audio.audio.sound.BLOCK", 7)
    waveform, _ = audio.read(wav_bytes(written))
    np.testing.assert_allclose(waveform, written.mean(axis=1), atol=1e-6)


def test_path_string_bytes_and_file_object_agree(tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(wav_bytes(np.random.default_rng(0).uniform(-1, 1, 500).astype(np.float32)))
    expected, _ = audio.read(path)
    with path.open("rb") as file:
        sources = [str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), file]
        for source in sources:
            np.testing.assert_array_equal(audio.read(source)[0], expected)


def test_standard_input_is_read_to_its_end():
    code = "from crnn_audio import audio; w, rate = audio.read('-'); print(w.size, rate, w.sum())"
    content = wav_bytes(np.full(30000, 0.5, np.float32), 8000)
    child = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
    assert child.stdout.decode().split() == ["30000", "8000", "15000.0"]


def test_a_named_pipe_is_read(tmp_path):
    pipe, content = tmp_path / "pipe", wav_bytes(np.ones(30000, np.float32))
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    assert audio.read(pipe)[0].sum() == 30000
    writer.join()


@pytest.mark.parametrize(("container", "encoding", "suffix", "tolerance"), FORMATS)
def test_a_span_is_that_piece_of_the_whole(tmp_path, container, encoding, suffix, tolerance):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, sine(440, RATE, RATE), RATE, format=container, subtype=encoding)
    whole, _ = audio.read(path)
    piece, _ = audio.read(path, start=0.3, duration=0.25)
    assert piece.shape == (4000,)
    np.testing.assert_allclose(piece, whole[4800:8800], atol=tolerance)
    assert audio.read(path, start=0.75)[0].shape == (4000,)


@pytest.mark.parametrize("span", [{"start": 1.0}, {"start": 0.5, "duration": 0.6}, {"duration": 0.0}, {"start": -0.1}])
def test_a_span_outside_the_file_is_refused(span):
    with pytest.raises(DataError, match="asked for"):
        audio.read(wav_bytes(np.zeros(RATE, np.float32)), **span)


def test_one_sample_reads_fine_at_every_rate():
    content = wav_bytes(np.array([0.25], np.float32), 48000)
    assert audio.read(content)[0].tolist() == [0.25]
    assert audio.read(content, RATE)[0].shape == (1,)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8000, 16000), (44100, 16000), (48000, 16000), (7000, 22050)])
def test_resampling_keeps_frequency_amplitude_and_length(from_rate, to_rate):
    resampled = audio.resample(sine(1000, from_rate, from_rate), from_rate, to_rate)
    assert resampled.shape == (to_rate,)
    middle = slice(to_rate // 10, -to_rate // 10)
    np.testing.assert_allclose(resampled[middle], sine(1000, to_rate, to_rate)[middle], atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 1000])
def test_pieces_of_any_length_joined_are_the_whole(rate: int, length: int):
    waveform = sine(1000, rate, length)
    for size in (1, 7, length):
        through = audio.resampler(rate, 16000)
        pieces = [waveform[at : at + size] for at in range(0, length, size)]
        found = [*(through(piece, False) for piece in pieces), through(waveform[:0], True)]
        np.testing.assert_allclose(np.concatenate(found), audio.resample(waveform, rate, 16000), atol=1e-6)


@pytest.mark.parametrize("rates", [(7000, 22050), (44100, 16000), (16000, 44100), (11025, 16000), (96000, 8000)])
def test_resampled_length_follows_its_law(rates):
    from_rate, to_rate = rates
    for length in [*range(1, 80), from_rate + 1]:
        expected = max(floor(length * to_rate / from_rate + 0.5), 1)
        assert len(audio.resample(np.ones(length, np.float32), from_rate, to_rate)) == expected


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "meeting.wav").touch()
    with pytest.raises(DataError, match=r"meting\.wav: no such file; did you mean 'meeting\.wav'\.$"):
        audio.read(tmp_path / "meting.wav")
    with pytest.raises(DataError, match=r"no such file\.$"):
        audio.read(tmp_path / "zzz")
    with pytest.raises(DataError, match="there is no folder"):
        audio.read(tmp_path / "nowhere" / "x.wav")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="a folder where an audio file is expected"):
        audio.read(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.wav").touch()
    for source, name in [(tmp_path / "empty.wav", r"empty\.wav"), (b"", "bytes"), (io.BytesIO(), "file object")]:
        with pytest.raises(DataError, match=rf"{name}: empty \(0 bytes\)"):
            audio.read(source)


@pytest.mark.parametrize("name", ["notes.txt", "song.wav", "sound.raw", "sound.mp3"])
def test_what_is_not_audio_is_refused_with_the_formats(tmp_path, name):
    (tmp_path / name).write_text("Dear diary, today I learnt nothing. " * 20)
    with pytest.raises(DataError, match=rf"{name}: not audio that can be read .* WAV, FLAC, Ogg"):
        audio.read(tmp_path / name)


@pytest.mark.parametrize(("container", "suffix"), [("WAV", "wav"), ("FLAC", "flac")])
def test_a_header_without_samples_is_refused(tmp_path, container, suffix):
    path = tmp_path / f"none.{suffix}"
    soundfile.write(path, np.zeros(0), RATE, format=container)
    for use in (audio.read, audio.inspect):
        with pytest.raises(DataError, match=rf"none\.{suffix}: "):
            use(path)


def test_non_finite_samples_are_counted_and_the_first_is_named():
    samples = np.zeros((100, 2), np.float32)
    samples[40, 1], samples[70, 0] = np.nan, np.inf
    with pytest.raises(DataError, match=r"2 of 100 .* NaN, infinite or beyond 1e\+10, the first at sample 40 \(nan\)"):
        audio.read(wav_bytes(samples))
    with pytest.raises(DataError, match=r"1 of 50 .* the first at sample 70 \(inf\)"):
        audio.read(wav_bytes(samples), start=50 / RATE)
    assert audio.read(wav_bytes(samples), duration=40 / RATE)[0].shape == (40,)


def test_samples_too_loud_for_a_spectrum_are_refused_and_those_of_integers_are_not():
    samples = np.full((100, 1), 2.0**31, np.float32)
    assert np.isfinite(audio.read(wav_bytes(samples))[0]).all()
    samples[30] = -1e38
    with pytest.raises(DataError, match=r"1 of 100 .* the first at sample 30 \(-1e\+38\)"):
        audio.read(wav_bytes(samples))


def test_a_damaged_flac_is_refused(tmp_path):
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, RATE), RATE)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"cut\.flac: damaged FLAC audio"):
        audio.read(path)


def test_a_flac_header_with_an_impossible_length_is_refused(tmp_path):
    path = tmp_path / "odd.flac"
    soundfile.write(path, np.zeros(RATE), RATE)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0 | 0xF]) + b"\xff" * 4  # STREAMINFO's 36 bits of total samples
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"odd\.flac: cut short: 1\.00 s of the 4294967\.\d* s that its header states"):
        audio.read(path)


def test_a_broken_disk_is_one_clear_line(tmp_path, monkeypatch):
    def broken(stream: object) -> float:
        raise OSError(5, "Input/output error")

    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(np.zeros(RATE, np.float32)))
    monkeypatch.setattr("crnn_audio.audio.opening.sections", broken)
    for use in (audio.read, audio.inspect):
        with pytest.raises(DataError, match=r"a\.wav: cannot be read \(Input/output error\)\.$"):
            use(path)


def test_an_unreadable_file_is_one_clear_line(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.wav"
    path.write_bytes(wav_bytes(np.zeros(10, np.float32)))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"secret\.wav: cannot be read \(Permission denied\)\.$"):
        audio.read(path)


@pytest.mark.parametrize("rate", [1, 50, 999])
def test_a_rate_that_no_sound_has_is_refused(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(2000, np.float32), rate)
    for use in (audio.read, audio.inspect, audio.blocks):
        with pytest.raises(DataError, match=rf"slow\.wav: {rate} samples a second, fewer than the 1000"):
            use(path)
    soundfile.write(path, np.zeros(2000, np.float32), 1000)
    assert audio.read(path)[1] == 1000


def test_a_link_to_nowhere_is_named_and_not_its_own_suggestion(tmp_path) -> None:
    (tmp_path / "call.wav").symlink_to("gone.wav")
    with pytest.raises(DataError, match=r"call\.wav: a link to gone\.wav, which does not exist\.$"):
        audio.read(tmp_path / "call.wav", 16000)


@pytest.mark.parametrize("read", [lambda path: audio.read(path, 16000), lambda path: list(audio.blocks(path))])
def test_a_device_and_a_pipe_without_a_writer_are_refused(tmp_path, monkeypatch, read) -> None:
    monkeypatch.setattr(sources, "WRITER_SECONDS", 0.2)
    monkeypatch.setattr(sources, "LARGEST_PIPE", 10_000)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(
        DataError, match=r"pipe\.wav: cannot be read \(a pipe into which nobody has written for 0\.2 s\)"
    ):
        read(tmp_path / "pipe.wav")
    with pytest.raises(DataError, match=r"/dev/zero: cannot be read \(a device, where a recording is expected\)"):
        read("/dev/zero")


def test_a_pipe_without_an_end_is_given_up(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sources, "LARGEST_PIPE", 10_000)
    os.mkfifo(tmp_path / "pipe.wav")
    writer = threading.Thread(target=lambda: _written(tmp_path / "pipe.wav"), daemon=True)
    writer.start()
    with pytest.raises(DataError, match=r"pipe\.wav: cannot be read \(it holds more than 0\.01 MB\)"):
        audio.read(tmp_path / "pipe.wav", 16000)
    writer.join(10)


def _written(pipe) -> None:
    with contextlib.suppress(BrokenPipeError), pipe.open("wb", 0) as file:
        while file.write(bytes(1000)):
            pass
