"""Files that decoders stop within, refuse or misread: joined ones, and headers that state too little."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.errors import DataError
from tests.shared_cases import case

RATE = 16000
SECONDS = 2.0


def tone(hz: float = 440.0, seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples: np.ndarray, container: str, encoding: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=encoding)
    return file.getvalue()


def read(content: bytes | Path) -> tuple[np.ndarray, list[audio.Loss]]:
    losses: list[audio.Loss] = []
    return audio.read(content, on_loss=losses.append)[0], losses


def pitch(samples: np.ndarray, rate: int = RATE) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax()) * rate / len(samples)


# ---------------------------------------------------------------------------------------- joined files

JOINED = [
    ("OGG", "OPUS"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
    ("FLAC", "PCM_16"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("RF64", "PCM_24"),
]


@pytest.mark.parametrize(("container", "encoding"), JOINED)
def test_joined_files_are_read_to_the_end_of_the_last(container: str, encoding: str) -> None:
    parts = [encoded(tone(hz), container, encoding) for hz in (440, 880, 1320)]
    lengths = [len(read(part)[0]) for part in parts]
    joined = b"".join(parts)
    found, losses = read(joined)
    assert losses == []
    assert len(found) == sum(lengths)
    assert audio.inspect(joined).num_samples == len(found)
    borders = np.cumsum([0, *lengths])
    for hz, begin in zip((440, 880, 1320), borders, strict=False):
        assert pitch(found[begin + 4000 : begin + 20000]) == pytest.approx(hz, abs=5)


def test_joined_files_of_different_rates_channels_and_codecs_follow_the_first() -> None:
    second = encoded(np.stack([tone(880, rate=48000)] * 2, axis=1), "OGG", "VORBIS", 48000)
    found, losses = read(encoded(tone(), "OGG", "OPUS") + second)
    assert losses == []
    assert len(found) == pytest.approx(2 * SECONDS * RATE, abs=1000)
    assert pitch(found[:16000]) == pytest.approx(440, abs=5)
    assert pitch(found[-16000:]) == pytest.approx(880, abs=5)


@pytest.mark.parametrize(("container", "encoding"), JOINED)
def test_a_joined_file_that_is_cut_short_says_so(container: str, encoding: str) -> None:
    one = encoded(tone(), container, encoding)
    found, losses = read(one + one[: len(one) * 2 // 3])
    assert len(losses) == 1
    assert SECONDS * RATE <= len(found) < 1.9 * SECONDS * RATE


def test_blocks_of_joined_files_and_a_second_pass_are_all_of_it() -> None:
    joined = encoded(tone(), "OGG", "OPUS") + encoded(tone(880), "OGG", "OPUS")
    with audio.opened(joined) as sound:
        for _ in range(2):
            np.testing.assert_array_equal(np.concatenate(list(sound.blocks(0.3))), read(joined)[0])


@pytest.mark.parametrize(("name", "file"), [("chained_opus", "c_chain_opus.opus"), ("concat_mp3", "b_concat.mp3")])
def test_the_cases_of_joined_files_have_twice_their_words(name: str, file: str) -> None:
    found, losses = read(case(f"sound_{name}") / file)
    assert (len(found), losses) == (round(7.2 * RATE), [])


# ---------------------------------------------------------------------------------------- WAV


def chunk(kind: bytes, body: bytes, *, padded: bool = True, claimed: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if claimed is None else claimed) + body + b"\0" * (len(body) % 2 * padded)


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
SAMPLES = (tone() * 32767).astype("<i2")
DATA = SAMPLES.tobytes()
RIFFS = {
    "size never written": FORMAT + chunk(b"data", DATA, claimed=0),
    "odd chunk without its pad byte": FORMAT + chunk(b"LIST", b"INFO odd!", padded=False) + chunk(b"data", DATA),
    "two of them": FORMAT + 2 * chunk(b"junk", b"12345", padded=False) + chunk(b"data", DATA),
    "format after the samples": chunk(b"data", DATA) + FORMAT,
    "samples in two chunks": FORMAT
    + chunk(b"data", DATA[:30000])
    + chunk(b"LIST", b"INFO")
    + chunk(b"data", DATA[30000:]),
    "an empty chunk of samples before them": FORMAT + chunk(b"data", b"") + chunk(b"data", DATA),
}


def riff(body: bytes, form: bytes = b"RIFF", claimed: int | None = None) -> bytes:
    return form + struct.pack("<I", len(body) + 4 if claimed is None else claimed) + b"WAVE" + body


@pytest.mark.parametrize("kind", RIFFS)
@pytest.mark.parametrize("claimed", [None, 0, 0xFFFFFFFF])
def test_a_wav_file_is_read_in_whatever_order_its_chunks_are(tmp_path: Path, kind: str, claimed: int | None) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(riff(RIFFS[kind], claimed=claimed))
    found, losses = read(path)
    assert losses == []
    np.testing.assert_allclose(found, SAMPLES / 32768, rtol=0, atol=1e-7)
    assert audio.inspect(path).num_samples == len(SAMPLES)
    np.testing.assert_array_equal(np.concatenate(list(audio.blocks(path, 0.1))), found)


def test_an_rf64_file_whose_sizes_were_never_written_is_read_to_its_end() -> None:
    content = riff(chunk(b"ds64", bytes(28)) + FORMAT + chunk(b"data", DATA, claimed=0xFFFFFFFF), b"RF64", 0xFFFFFFFF)
    found, losses = read(content)
    assert (len(found), losses) == (len(SAMPLES), [])


@pytest.mark.parametrize("body", [FORMAT + chunk(b"data", b""), FORMAT + chunk(b"data", b"") + chunk(b"LIST", b"INFO")])
def test_a_wav_file_without_samples_is_none_of_these(body: bytes) -> None:
    with pytest.raises(DataError, match="a header of WAV audio without a single sample"):
        audio.read(riff(body))


def test_a_wav_file_of_two_chunks_that_is_cut_short_says_so() -> None:
    content = riff(FORMAT + chunk(b"data", DATA[:30000]) + chunk(b"data", DATA[30000:]))
    found, losses = read(content[:-20000])
    assert len(found) == len(SAMPLES) - 10000
    assert losses[0].expected == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    ("container", "encoding"),
    [("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "NMS_ADPCM_16"), ("AU", "G723_24"), ("AIFF", "GSM610")],
)
def test_encodings_without_seeking_are_read(container: str, encoding: str) -> None:
    content = encoded(tone(rate=8000), container, encoding, 8000)
    found, losses = read(content)
    assert losses == []
    assert len(found) == pytest.approx(8000 * SECONDS, abs=320)
    assert pitch(found, 8000) == pytest.approx(440, abs=5)
    np.testing.assert_array_equal(audio.read(content, start=0.5, duration=0.5)[0], found[4000:8000])
    with audio.opened(content) as sound:
        for _ in range(2):  # from its beginning again
            np.testing.assert_array_equal(np.concatenate(list(sound.blocks(0.3))), found)


@pytest.mark.parametrize(
    ("name", "file", "seconds"),
    [
        ("data_size_0", "02_size_zero.wav", 3.6),
        ("flac_unknown_total", "d_flac_unknown_total.flac", 3.6),
        ("gsm610", "17_gsm.wav", 3.6),
        ("mp3_in_wav_ffmpeg", "a_mp3inwav.wav", 3.672),
        ("unpadded_chunk", "06_odd_chunk_unpadded.wav", 3.6),
    ],
)
def test_the_cases_of_refused_files_are_read_without_a_loss(name: str, file: str, seconds: float) -> None:
    found, losses = read(case(f"sound_{name}") / file)
    assert (len(found) / RATE, losses) == (seconds, [])


# ---------------------------------------------------------------------------------------- FLAC


@pytest.mark.parametrize("seconds", [0.01, 0.5, 5.03])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_flac_file_of_unknown_length_is_as_long_as_its_frames(seconds: float, channels: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels))
    content = bytearray(encoded(noise, "FLAC"))
    expected = read(bytes(content))[0]
    content[21:26] = bytes([content[21] & 0xF0]) + bytes(4)
    found, losses = read(bytes(content))
    np.testing.assert_array_equal(found, expected)
    assert losses == []
    if seconds > 0.1:
        cut, losses = read(bytes(content[: len(content) * 2 // 3]))
        assert len(cut) < len(expected)
        assert len(losses) == 1


# ---------------------------------------------------------------------------------------- MP3


def mp3(seconds: float = 6.0) -> bytes:
    """Of noise, so that frames have many bytes, with a tone that climbs a step each second."""
    time = np.arange(round(seconds * RATE)) / RATE
    steps = 0.4 * np.sin(2 * np.pi * 400 * (1 + np.floor(time)) * time)
    return encoded(steps + np.random.default_rng(0).normal(0, 0.02, len(time)), "MP3")


@pytest.mark.parametrize(("begin", "share"), [(0.4, 0.1), (0.3, 0.3), (0.6, 0.02)])
def test_damage_in_the_middle_of_an_mp3_is_a_hole_and_later_times_are_true(begin: float, share: float) -> None:
    content = bytearray(mp3())
    whole = read(bytes(content))[0]
    first, size = round(begin * len(content)), round(share * len(content))
    content[first : first + size] = bytes(size)
    found, losses = read(bytes(content))
    assert len(found) == pytest.approx(len(whole), abs=1200)
    assert len(losses) == 1
    assert losses[0].seconds == pytest.approx(6 * begin, abs=0.2)
    assert losses[0].hole == pytest.approx(6 * share, abs=0.2)
    assert " s on are lost, and silent here. Fetch it again." in str(losses[0])
    assert pitch(found[5 * RATE + 2000 : 6 * RATE - 2000]) == pytest.approx(2400, abs=5)
    with pytest.raises(DataError, match="damaged MP3 audio"):
        audio.read(bytes(content))


def test_the_decoder_of_mp3_writes_nothing_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(mp3())
    for begin in range(2000, len(content) - 3000, 900):
        content[begin : begin + 40] = bytes(range(40))
    read(bytes(content))
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_blocks_of_a_quiet_mp3_are_what_it_is_at_once() -> None:
    content = encoded(tone(), "MP3")  # whose frames borrow bits of each other
    with audio.opened(content) as sound:
        np.testing.assert_array_equal(np.concatenate(list(sound.blocks(0.05))), read(content)[0])


def test_tags_and_junk_around_the_frames_of_an_mp3_are_no_damage() -> None:
    content = mp3()
    whole = read(content)[0]
    tag = b"TAG" + bytes(125)
    np.testing.assert_array_equal(read(content + tag)[0], whole)
    found, losses = read(content + tag + content)
    assert (len(found), losses) == (2 * len(whole), [])
    assert read(content + b"some junk at the end")[1] == []


SEEDS = [*JOINED, ("WAV", "GSM610"), ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16")]


@pytest.mark.parametrize(("container", "encoding"), SEEDS)
def test_damaged_headers_are_read_or_refused_in_a_line(container: str, encoding: str) -> None:
    content = encoded(tone(seconds=0.3), container, encoding)
    content = content + content
    random = np.random.default_rng(0)
    for _ in range(80):
        mutated = bytearray(content)
        for place in random.integers(0, min(random.choice([64, 300, 2000]), len(content)), random.integers(1, 6)):
            mutated[place] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
        cut = bytes(mutated[: random.integers(1, len(mutated))]) if random.random() < 0.3 else bytes(mutated)
        for use in (read, audio.inspect):
            try:
                use(cut)
            except DataError as error:
                assert "\n" not in str(error)  # noqa: PT017
