"""Recordings that were cut short or damaged: what is there is given and the loss reported, or all of it is refused."""

import io
import re
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.batching import checks
from crnn_audio.batching.manifests import Recording, whole
from crnn_audio.errors import DataError

RATE = 16000
# Container, encoding, what lossy decoders may differ by at the cut, samples that the last block may cost.
FORMATS = [
    ("WAV", "PCM_16", 0.0, 32),
    ("WAV", "FLOAT", 0.0, 64),
    ("WAV", "MS_ADPCM", 0.0, 2500),
    ("WAVEX", "PCM_24", 0.0, 64),
    ("RF64", "PCM_16", 0.0, 64),
    ("AIFF", "PCM_16", 0.0, 64),
    ("FLAC", "PCM_16", 0.0, 4096),
    ("OGG", "VORBIS", 0.05, 24000),
    ("OGG", "OPUS", 0.05, 24000),
    ("MP3", "MPEG_LAYER_III", 0.05, 8000),
]


@cache
def made(container: str, encoding: str, seconds: float = 6.0, channels: int = 1, rate: int = RATE) -> bytes:
    """A sweep in noise: no two places are alike, and no codec makes much less of it."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, len(time))
    tone = 0.4 * np.sin(2 * np.pi * (200 + 50 * time) * time) + noise
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone] * channels, axis=1), rate, format=container, subtype=encoding)
    return file.getvalue()


def there(content: bytes | Path) -> tuple[np.ndarray, list[audio.Loss]]:
    losses: list[audio.Loss] = []
    return audio.read(content, on_loss=losses.append)[0], losses


@pytest.mark.parametrize("share", [0.45, 0.8, 0.97])
@pytest.mark.parametrize(("container", "encoding", "tolerance", "block"), FORMATS)
def test_what_is_there_of_a_cut_file_is_given_and_the_loss_reported(
    container: str, encoding: str, tolerance: float, block: int, share: float
) -> None:
    content = made(container, encoding)
    all_of_it, losses = there(content)
    assert losses == []
    cut = content[: round(share * len(content))]
    found, losses = there(cut)
    assert share * len(all_of_it) - block <= len(found) <= share * len(all_of_it) + block
    margin = 200 if tolerance else 0
    np.testing.assert_allclose(found[: len(found) - margin], all_of_it[: len(found) - margin], rtol=0, atol=tolerance)
    (loss,) = losses
    assert (loss.name, loss.seconds) == ("bytes", len(found) / RATE)
    if container == "OGG":
        assert loss.expected is None, "it promises no length"
    else:
        assert loss.expected == pytest.approx(6.0, abs=0.1 if encoding == "MS_ADPCM" else 1e-3)
    with pytest.raises(DataError, match=r"^bytes: (cut short|damaged FLAC audio .*): .* Fetch it again\.$") as raised:
        audio.read(cut)
    assert str(raised.value) == str(loss)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # in what a decoder calls back
@pytest.mark.parametrize(("container", "encoding"), [one[:2] for one in FORMATS])
def test_no_cut_is_silent_and_none_a_crash(container: str, encoding: str) -> None:
    content = made(container, encoding, 3.0, rate=8000)
    length = len(there(content)[0])
    reported = 0
    sizes = {*range(1, 100, 7), *range(100, len(content), len(content) // 60), *range(len(content) - 40, len(content))}
    for size in sorted(sizes):
        try:
            found, losses = there(content[:size])
        except DataError:
            continue
        assert losses or len(found) == length, f"{length - len(found)} samples lost at byte {size} without a word"
        reported += len(losses)
    assert reported >= 5


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


@pytest.mark.parametrize("missing", [1, 2, 5, 11])
def test_what_stands_behind_the_samples_may_be_cut_off(missing: int) -> None:
    content = made("WAV", "PCM_16") + chunk(b"LIST", b"INFOISFT\x06\0\0\0Lavf60")
    assert there(content[:-missing])[1] == []


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36])
def test_a_header_that_stands_for_unknown_promises_nothing(claimed: int) -> None:
    content = bytearray(made("WAV", "PCM_16"))
    begin = content.index(b"data") + 4
    content[begin : begin + 4] = struct.pack("<I", claimed)
    found, losses = there(bytes(content))
    assert (len(found), losses) == (6 * RATE, [])


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_an_ogg_file_of_whole_pages_but_the_last_is_cut_short(encoding: str) -> None:
    content = made("OGG", encoding)
    pages = [match.start() for match in re.finditer(b"OggS", content)]
    assert len(pages) >= 5
    for end in pages[4:]:
        assert there(content[:end])[1][0].expected is None


def test_two_ogg_files_in_one_end_where_the_second_ends() -> None:
    twice = made("OGG", "VORBIS", 1.0) + made("OGG", "VORBIS", 1.0)
    assert there(twice)[1] == []
    assert len(there(twice[:-3])[1]) == 1


def test_a_span_before_the_cut_is_whole(tmp_path: Path) -> None:
    for container, encoding in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        content = made(container, encoding)
        expected, _ = audio.read(content, start=1.0, duration=1.0)
        cut = content[: round(0.7 * len(content))]
        np.testing.assert_array_equal(audio.read(cut, start=1.0, duration=1.0)[0], expected)
        with pytest.raises(DataError, match="bytes: "):
            audio.read(cut, start=1.0, duration=4.5)


def test_damage_in_the_middle_ends_what_is_there() -> None:
    content = bytearray(made("FLAC", "PCM_16"))
    all_of_it, _ = audio.read(bytes(content))
    begin = len(content) // 2
    content[begin : begin + 3000] = bytes(3000)
    found, losses = there(bytes(content))
    assert 0.4 * len(all_of_it) < len(found) < 0.55 * len(all_of_it)
    np.testing.assert_array_equal(found, all_of_it[: len(found)])
    assert losses[0].expected == 6.0
    assert losses[0].damage.startswith("damaged FLAC audio")


@pytest.mark.parametrize(("container", "encoding"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_blocks_of_a_cut_file_are_what_is_there_and_then_the_loss_is_reported(
    tmp_path: Path, container: str, encoding: str
) -> None:
    path = tmp_path / "cut.audio"
    path.write_bytes(made(container, encoding)[:-20_000])
    found, losses = there(path)
    reported: list[audio.Loss] = []
    np.testing.assert_array_equal(np.concatenate(list(audio.blocks(path, 0.3, on_loss=reported.append))), found)
    assert reported == losses
    pieces = []
    with pytest.raises(DataError, match=r"cut\.audio: (cut short|damaged)"):
        pieces.extend(iter(audio.blocks(path, 0.3)))
    assert np.concatenate(pieces).size >= len(found) - round(0.3 * RATE)


@pytest.mark.parametrize("channels", [1, 24])
@pytest.mark.parametrize("rate", [7000, 16000, 44100])
def test_blocks_at_another_rate_joined_are_the_resampled_whole(channels: int, rate: int, monkeypatch) -> None:
    monkeypatch.setattr("crnn_audio.audio.sound.BLOCK", 10_000)
    content = made("WAV", "PCM_16", 3.01, channels, rate)
    expected, _ = audio.read(content, RATE)
    with audio.opened(content) as sound:
        for _ in range(2):  # from its beginning again
            pieces = list(sound.blocks(0.4, RATE))
            assert {len(piece) for piece in pieces[:-1]} == {6400}
            np.testing.assert_array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_next_to_nothing_in_blocks_is_what_it_is_at_once(samples: int) -> None:
    content = made("WAV", "PCM_16", samples / 48000, rate=48000)
    with audio.opened(content) as sound:
        np.testing.assert_array_equal(np.concatenate(list(sound.blocks(1.0, 8000))), audio.read(content, 8000)[0])


@pytest.mark.parametrize(
    ("container", "encoding", "name"),
    [
        ("WAV", "PCM_16", "a.flac"),
        ("FLAC", "PCM_16", "a.wav"),
        ("OGG", "OPUS", "a.mp3"),
        ("MP3", "MPEG_LAYER_III", "a.raw"),
        ("OGG", "VORBIS", "a"),
    ],
)
def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path, container: str, encoding: str, name: str) -> None:
    content = made(container, encoding, 1.0)
    (tmp_path / name).write_bytes(content)
    np.testing.assert_array_equal(audio.read(tmp_path / name)[0], audio.read(content)[0])
    assert audio.inspect(tmp_path / name).format == f"{container} {encoding}"


@pytest.mark.parametrize(("container", "encoding"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_the_checks_before_training_find_a_cut_file(tmp_path: Path, container: str, encoding: str) -> None:
    path = tmp_path / "one.audio"
    path.write_bytes(made(container, encoding))
    cut = whole(Recording("one", path, RATE, 6 * RATE), "some words")
    assert checks.unreadable([cut]) == []
    path.write_bytes(made(container, encoding)[:-20_000])
    (finding,) = checks.unreadable([whole(Recording("one", path, RATE, audio.inspect(path).num_samples), "some words")])
    assert str(path) in str(finding)
    assert "Fetch it again" in str(finding)
