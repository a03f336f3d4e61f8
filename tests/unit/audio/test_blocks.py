"""Sound in blocks: the same as `audio.read` gives at once, from every kind of file and through pipes."""

import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.errors import DataError

RATE = 16000
FILES = [
    ("WAV", "PCM_16", "wav", 1, RATE),
    ("WAV", "PCM_24", "wav", 2, 44100),
    ("WAV", "FLOAT", "wav", 3, 7000),
    ("FLAC", "PCM_16", "flac", 2, RATE),
    ("OGG", "VORBIS", "ogg", 1, 22050),
    ("OGG", "OPUS", "opus", 2, 48000),
    ("MP3", "MPEG_LAYER_III", "mp3", 1, 44100),
]


class Pipe(io.BytesIO):
    """Standard input, which cannot be rewound."""

    def seek(self, *_: object) -> int:
        raise OSError(29, "Illegal seek")


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch):
    """`piped(content, seconds=0.1)`: the rate and the blocks of what comes through standard input."""

    def through(content: bytes, seconds: float = 0.1, **options: object) -> tuple[int, list[np.ndarray]]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Pipe(content)))
        found = audio.blocks("-", seconds, **options)
        return found.sample_rate, list(found)

    return through


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """16-bit samples, the extremes among them."""
    values = np.random.default_rng(seed).integers(-32768, 32768, (samples, channels), dtype=np.int16)
    values[: min(samples, 2)] = [[-32768] * channels, [32767] * channels][:samples]
    return values


def wav(samples: np.ndarray, *, before: bytes = b"", after: bytes = b"", claimed: int | None = None) -> bytes:
    """A WAV file with other chunks before and after its samples."""
    channels, data = samples.shape[1], samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, RATE, RATE * 2 * channels, 2 * channels, 16)
    size = struct.pack("<I", len(data) if claimed is None else claimed)
    body = b"WAVEfmt \x10\0\0\0" + form + before + b"data" + size + data + after
    return b"RIFF" + struct.pack("<I", min(len(body), 2**32 - 1)) + body


def at_once(content: bytes) -> np.ndarray:
    return audio.read(content)[0]


# ---------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(("container", "encoding", "suffix", "channels", "rate"), FILES)
@pytest.mark.parametrize("seconds", [0.32, 0.0501, 60.0])
def test_blocks_of_a_file_joined_are_the_file(
    tmp_path: Path, container: str, encoding: str, suffix: str, channels: int, rate: int, seconds: float
) -> None:
    path = tmp_path / f"noise.{suffix}"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, size=(rate + 17, channels))
    soundfile.write(path, samples, rate, format=container, subtype=encoding)
    whole, _ = audio.read(path)
    found = audio.blocks(path, seconds)
    pieces = list(found)
    assert found.sample_rate == rate
    assert all(piece.dtype == np.float32 and piece.ndim == 1 for piece in pieces)
    assert {len(piece) for piece in pieces[:-1]} <= {round(seconds * rate)}
    assert len(pieces) == -(-len(whole) // round(seconds * rate))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_block_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(10 * RATE), RATE)
    pieces = iter(audio.blocks(str(tmp_path / "long.wav"), 1.0))
    assert len(next(pieces)) == RATE
    with (tmp_path / "long.wav").open("r+b") as file:
        file.seek(44 + 2 * 9 * RATE)
        file.write(b"\xff\x7f" * RATE)
    assert [float(piece.mean()) for piece in pieces] == [0.0] * 8 + [pytest.approx(1.0, abs=1e-4)]


def test_even_the_shortest_block_is_a_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(5), RATE)
    assert [len(piece) for piece in audio.blocks(tmp_path / "short.wav", 1e-9)] == [1] * 5


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.wav", "no such file"), ("empty.wav", "empty"), ("letter.wav", "not audio"), (".", "a folder")],
)
def test_an_unusable_file_is_refused_at_once(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam, this is no recording.")
    with pytest.raises(DataError, match=message):
        audio.blocks(tmp_path / name)


def test_damage_is_named_after_the_blocks_before_it(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 2 * RATE), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    pieces = iter(audio.blocks(path, 0.1))
    assert sum(len(next(pieces)) for _ in range(8)) == 8 * RATE // 10
    with pytest.raises(DataError, match=r"cut\.flac: damaged FLAC audio"):
        list(pieces)


def test_samples_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    samples = np.zeros(RATE)
    samples[5000] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"nan\.wav: .* the first at sample 5000"):
        list(audio.blocks(tmp_path / "nan.wav", 0.1))


# ---------------------------------------------------------------------------------------- pipes


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("seconds", [0.1, 0.0333, 1e-4, 9.0])
def test_a_wav_pipe_joined_is_the_file(piped, channels: int, seconds: float) -> None:
    content = wav(noise(4001, channels))
    rate, pieces = piped(content, seconds)
    assert rate == RATE
    assert {len(piece) for piece in pieces[:-1]} <= {max(round(seconds * RATE), 1)}
    assert all(piece.dtype == np.float32 and len(piece) for piece in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces), at_once(content))


@pytest.mark.parametrize("writer", ["WAV", "WAVEX"])
def test_a_wav_pipe_of_another_programs_making(piped, writer: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, noise(3000, 2), 8000, format=writer, subtype="PCM_16")
    rate, pieces = piped(file.getvalue())
    assert rate == 8000
    np.testing.assert_array_equal(np.concatenate(pieces), at_once(file.getvalue()))


def test_other_chunks_are_no_samples(piped) -> None:
    listed = b"LIST" + struct.pack("<I", 26) + b"INFOISFT\x0e\0\0\0Lavf60.16.100\0"
    odd = b"note" + struct.pack("<I", 5) + b"12345\0"
    content = wav(noise(2500), before=listed + odd, after=listed)
    np.testing.assert_array_equal(np.concatenate(piped(content)[1]), at_once(wav(noise(2500))))


@pytest.mark.parametrize("claimed", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36])
def test_a_wav_pipe_of_unknown_length_is_read_to_its_end(piped, claimed: int) -> None:
    _, pieces = piped(wav(noise(2500, 2), claimed=claimed))
    np.testing.assert_array_equal(np.concatenate(pieces), at_once(wav(noise(2500, 2))))


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 777, 4000])
def test_a_wav_pipe_that_is_cut_short_gives_what_came_and_says_so(piped, missing: int) -> None:
    losses: list[audio.Loss] = []
    there = 1500 - -(-missing // 4)
    _, pieces = piped(wav(noise(1500, 2))[:-missing], on_loss=losses.append)
    np.testing.assert_array_equal(np.concatenate(pieces), at_once(wav(noise(1500, 2)[:there])))
    assert losses == [audio.Loss("standard input", there / RATE, 1500 / RATE)]
    with pytest.raises(DataError, match=r"standard input: cut short: 0.* of the 0.09 s that its header states"):
        piped(wav(noise(1500, 2))[:-missing])


@pytest.mark.parametrize("samples", [1, 5, 6, 7, 100, 3001])
@pytest.mark.parametrize("odd", [0, 1])
def test_samples_without_a_header(piped, samples: int, odd: int) -> None:
    content = noise(samples).tobytes() + b"x" * odd
    for rate, seconds in ((8000, 0.1), (44100, 1e-9)):
        found, pieces = piped(content, seconds, raw_rate=rate)
        assert found == rate
        assert all(len(piece) for piece in pieces)
        np.testing.assert_array_equal(np.concatenate(pieces), noise(samples)[:, 0] / np.float32(32768))
    assert piped(content)[0] == RATE


def test_half_a_sample_is_none(piped) -> None:
    assert piped(b"x")[1] == []


def test_a_pipe_with_a_name_is_read_once_and_as_it_comes(tmp_path: Path) -> None:
    pipe, content, go_on = tmp_path / "pipe", wav(noise(6400)), threading.Event()
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(content[: 44 + 3200])
            file.flush()
            assert go_on.wait(10)
            file.write(content[44 + 3200 :])

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    pieces = iter(audio.blocks(pipe, 0.1))
    first = next(pieces)
    go_on.set()
    np.testing.assert_array_equal(np.concatenate([first, *pieces]), at_once(content))
    writer.join()


def broken(begin: int, value: bytes) -> bytes:
    content = bytearray(wav(noise(100)))
    content[begin : begin + len(value)] = value
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty \(0 bytes\)"),
        (broken(20, b"\x03\0"), r"must hold 16-bit PCM \(found format 3, 16 bits"),
        (broken(34, b"\x18\0"), "found format 1, 24 bits"),
        (broken(22, b"\0\0"), "0 x 16000 Hz"),
        (broken(24, b"\0\0\0\0"), "1 x 0 Hz"),
        (broken(16, b"\x04\0\0\0"), "found format 1, 0 bits"),
        (broken(12, b"junk"), "a WAV header without samples"),
        (wav(noise(100))[:36], "a WAV header without samples"),
        (wav(noise(100))[:42], "a WAV header without samples"),
        (wav(noise(100))[:14], "a WAV header without samples"),
        (broken(8, b"AVI "), "damaged AVI .* A pipe must hold 16-bit WAV or PCM; give other formats as files"),
        (broken(0, b"RIFX"), "begins with b'RIFX'"),
        (broken(8, b"WEBP"), "begins with b'RIFF'. A pipe must hold 16-bit WAV or PCM; give other formats as files"),
        (b"fLaC" + bytes(100), "damaged FLAC"),
        (b"OggS" + bytes(100), "damaged Ogg"),
        (b"ID3\x04" + bytes(100), "damaged MP3"),
        (b"\0\0\0\x18ftypM4A " + bytes(100), "damaged M4A"),
    ],
)
def test_a_pipe_with_something_else_says_so_at_once(piped, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^standard input: .*{message}"):
        piped(content)
