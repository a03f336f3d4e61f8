"""Odd and damaged recordings: what is there is transcribed and the loss said; odd ones are good ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.inference.speech.transcription import SHORT

CONTAINERS = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS"}


@pytest.fixture(scope="module")
def spoken(tiny: Path) -> np.ndarray:
    """Digits, one after the other."""
    return np.concatenate([audio.read(cut.recording.path, 16000)[0] for cut in manifests.load(tiny / "train.jsonl")])


@pytest.fixture
def cut(tmp_path: Path, spoken: np.ndarray) -> dict[str, Path]:
    """The same recording in several containers, all without their ends; the WAV is called an MP3."""
    paths = {name: tmp_path / f"{name.lower()}.{'mp3' if name == 'WAV' else name.lower()}" for name in CONTAINERS}
    for name, path in paths.items():
        soundfile.write(path, spoken, 16000, format=name, subtype=CONTAINERS[name])
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
    return paths


def test_what_is_there_is_transcribed_and_the_loss_said(cli, cut: dict[str, Path], spoken: np.ndarray) -> None:
    done = cli("transcribe", "run", *cut.values(), "--format", "jsonl")
    items = [json.loads(line) for line in done.stdout.splitlines()]
    said = done.stderr.splitlines()
    seconds = len(spoken) / 16000
    assert [item["path"] for item in items] == [str(path) for path in cut.values()]
    for item, line, name in zip(items, said, cut, strict=True):
        assert list(item) == ["path", "seconds", "text", "confidence", "words"]
        assert item["text"]
        assert 0.4 * seconds < item["seconds"] < 0.7 * seconds
        expected = "breaks off after" if name == "OGG" else f"of the {seconds:.2f} s that its header states"
        assert line.startswith(f"{cut[name]}: {'damaged FLAC audio' if name == 'FLAC' else 'cut short'}")
        assert f"{item['seconds']:.2f} s" in line
        assert expected in line
    one = cli("transcribe", "run", "-", "--format", "json", stdin=cut["WAV"].read_bytes())
    assert json.loads(one.stdout)[0]["text"] == items[0]["text"]
    assert one.stderr.startswith("standard input: cut short: ")


def test_in_a_folder_of_results_it_is_done_and_counted(cli, cut: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["transcribe", "run", *cut.values(), "--out", out, "--format", "srt", "--plot", out]
    done = cli(*arguments)
    *said, summary = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in said] == [str(path) for path in cut.values()]
    assert summary.startswith(f"{out}: 3 transcribed (")
    assert summary.endswith(", 3 of them incomplete")
    for path in cut.values():
        assert (out / f"{path.stem}.srt").read_text().startswith("1\n")
        assert (out / f"{path.stem}.png").read_bytes().startswith(b"\x89PNG")
    assert cli(*arguments).stderr == f"{out}: 3 done before\n"


def test_a_stream_says_its_last_words_and_then_the_loss(cli, live: Path, cut: dict[str, Path]) -> None:
    for path in (cut["WAV"], cut["FLAC"]):
        done = cli("stream", live, path, "--json")
        finals = [json.loads(line) for line in done.stdout.splitlines() if '"final"' in line]
        samples = audio.read(path, 16000, on_loss=lambda loss: None)[0]
        assert finals[-1]["seconds"] >= len(samples) / 16000 - 1.5
        assert done.stderr.count("\n") == 1
        assert f"{path}: " in done.stderr


def test_24_channels_and_7_khz_are_as_good_as_any(cli, spoken: np.ndarray, tmp_path: Path) -> None:
    few = spoken[: 16000 * 4]
    slow = audio.resample(few, 16000, 7000)
    soundfile.write(tmp_path / "one.wav", slow, 7000, subtype="FLOAT")
    soundfile.write(tmp_path / "many.flac", np.stack([few] * 2, axis=1), 16000)
    soundfile.write(tmp_path / "array.wav", np.stack([slow] * 24, axis=1), 7000, subtype="FLOAT")
    done = cli("transcribe", "run", tmp_path / "one.wav", tmp_path / "array.wav", tmp_path / "many.flac")
    texts = [line.split("\t")[1] for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert texts[0] == texts[1] != ""
    assert texts[2] != ""


def test_a_long_file_is_transcribed_like_a_short_one(cli, spoken: np.ndarray, tmp_path: Path) -> None:
    """Longer than what shares a batch, so that it takes another way."""
    soundfile.write(tmp_path / "short.wav", spoken, 16000)
    soundfile.write(tmp_path / "long.wav", np.tile(spoken, 4), 16000)
    done = cli("transcribe", "run", tmp_path / "short.wav", tmp_path / "long.wav", "--format", "jsonl")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["seconds"] < SHORT < second["seconds"]
    same = [word["text"] for word in first["words"][:5]]
    assert same == [word["text"] for word in second["words"][:5]]
    assert len(second["words"]) > len(first["words"])
