"""`transcribe`: three forms of one result, order kept, standard input, and bad files that stop nobody else."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.batching import manifests


def recordings(tiny: Path, split: str = "train") -> dict[str, str]:
    """Paths and transcripts, shuffled so that neither names nor lengths are in order."""
    cuts = manifests.load(tiny / f"{split}.jsonl")
    order = np.random.default_rng(3).permutation(len(cuts))
    return {str(cuts[index].recording.path): cuts[index].text for index in order}


def test_several_files_keep_their_order_in_every_form(cli, tiny: Path) -> None:
    spoken = recordings(tiny)
    text = cli("transcribe", "run", *spoken)
    assert text.stderr == ""
    lines = [line.split("\t") for line in text.stdout.splitlines()]
    assert [path for path, _ in lines] == list(spoken)
    right = sum(transcript == spoken[path] for path, transcript in lines)
    assert right >= 12, f"only {right} of 16 utterances that were learned by heart come out right"

    items = [json.loads(line) for line in cli("transcribe", "run", *spoken, "--format", "jsonl").stdout.splitlines()]
    assert [[item["path"], item["text"]] for item in items] == lines
    for item in items:
        assert list(item) == ["path", "seconds", "text", "confidence", "words"]
        assert item["seconds"] == pytest.approx(soundfile.info(item["path"]).duration, abs=1e-4)
        assert " ".join(word["text"] for word in item["words"]) == item["text"]
        times = [moment for word in item["words"] for moment in (word["start"], word["end"])]
        assert times == sorted(times)
        assert all(list(word) == ["text", "start", "end", "confidence"] for word in item["words"])
        assert all(0 <= word["start"] < word["end"] <= item["seconds"] for word in item["words"])
        assert item["confidence"] == min(word["confidence"] for word in item["words"])
        assert 0 < item["confidence"] <= 1


def test_one_file_is_its_text_alone_and_any_container_says_the_same(cli, tiny: Path, tmp_path: Path) -> None:
    path, said = next(item for item in recordings(tiny).items() if " " in item[1])
    alone = cli("transcribe", "run", path).stdout
    assert len(alone.splitlines()) == 1
    waveform, rate = soundfile.read(path)
    assert len(said) > 3
    soundfile.write(tmp_path / "both.wav", np.stack([waveform, waveform], axis=1), rate, subtype="FLOAT")
    files = [tmp_path / "both.wav", "-"]
    items = json.loads(cli("transcribe", "run", *files, "--format", "json", stdin=Path(path).read_bytes()).stdout)
    assert [item["path"] for item in items] == [str(file) for file in files]
    assert [item["text"] for item in items] == [alone.strip()] * 2


def test_a_pipe_with_a_name_is_read_once(cli, tiny: Path, tmp_path: Path) -> None:
    """As `crnn-audio transcribe RUN <(sox ...)` gives it."""
    path = next(iter(recordings(tiny)))
    os.mkfifo(tmp_path / "pipe")
    feeder = subprocess.Popen(["cp", path, tmp_path / "pipe"])
    try:
        done = cli("transcribe", "run", tmp_path / "pipe", path)
    finally:
        feeder.kill()
        feeder.wait()
    piped, plain = (line.split("\t")[1] for line in done.stdout.splitlines())
    assert piped == plain != ""


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.wav": (lambda path: None, "no such file"),
    "empty.wav": (lambda path: path.touch(), "empty (0 bytes)"),
    "letter.wav": (lambda path: path.write_text("Dear Sir or Madam, this is no recording."), "not audio"),
    "header.wav": (lambda path: soundfile.write(path, np.zeros(0), 16000), "without a single sample"),
    "nan.wav": (lambda path: soundfile.write(path, np.full(8000, np.nan), 16000, subtype="FLOAT"), "8000 of 8000"),
    "one.wav": (lambda path: soundfile.write(path, np.ones(1) / 2, 16000), "too short"),
    "folder.wav": (lambda path: path.mkdir(), "no recordings in this folder, only 0 other files"),
}


def test_bad_files_are_named_one_line_each_and_the_good_ones_come(cli, tiny: Path, tmp_path: Path) -> None:
    good = list(recordings(tiny, "test"))[:2]
    for name, (make, _) in BAD.items():
        make(tmp_path / name)
    mixed = [*(tmp_path / name for name in BAD)]
    mixed[2:2], mixed[6:6] = good[:1], good[1:]
    done = cli("transcribe", "run", *mixed, exit_code=4)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == good
    said = done.stderr.splitlines()
    assert len(said) == len(BAD)
    in_order = [*list(BAD.items())[-1:], *list(BAD.items())[:-1]]  # folders are walked before any file is read
    for line, (name, (_, reason)) in zip(said, in_order, strict=True):
        assert line.startswith(f"{tmp_path / name}: "), "not in the order of the files"
        assert reason in line


def test_bad_files_alone_give_an_empty_list(cli, tmp_path: Path) -> None:
    done = cli("transcribe", "run", tmp_path / "missing.wav", "-", "--format", "json", stdin=b"", exit_code=4)
    assert done.stdout == "[]\n"
    assert done.stderr == f"{tmp_path / 'missing.wav'}: no such file.\nstandard input: empty (0 bytes).\n"


def test_an_unfinished_run_is_used_and_said(cli, workshop: Path, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop / "run", tmp_path / "run")
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**header, "state": "training"}))
    path = next(iter(recordings(tiny)))
    done = cli("transcribe", tmp_path / "run", path)
    assert done.stderr == f"{tmp_path / 'run'}: this run is not finished; these are its best weights so far.\n"
    assert len(done.stdout) > 1


def test_no_such_model_is_exit_code_5(cli) -> None:
    done = cli("transcribe", "an4x", "a.wav", exit_code=5)
    assert done.stderr.startswith("an4x: no such run directory, and no model of that name.")
    assert done.stdout == ""


def test_no_such_device(cli) -> None:
    done = cli("transcribe", "run", "a.wav", "--device", "tpu", exit_code=3)
    assert "should be 'auto', 'cpu' or 'cuda' (found 'tpu')" in done.stderr


def test_each_channel_is_a_line_and_what_was_adjusted_is_said(cli, tiny: Path, tmp_path: Path) -> None:
    path = next(iter(recordings(tiny)))
    samples, rate = soundfile.read(path)
    soundfile.write(tmp_path / "call.wav", np.stack([samples, -0.9 * samples], axis=1), rate, subtype="FLOAT")
    soundfile.write(tmp_path / "quiet.wav", samples * 0.001, rate, subtype="FLOAT")
    said = cli("transcribe", "run", path).stdout.strip()
    mixed = cli("transcribe", "run", tmp_path / "call.wav", tmp_path / "quiet.wav")
    assert mixed.stdout == f"{tmp_path}/call.wav\t{said}\n{tmp_path}/quiet.wav\t{said}\n"
    first, second = mixed.stderr.splitlines()
    assert first == f"{tmp_path}/call.wav: the channels cancel each other; channel 1, the strongest, is used."
    assert second.startswith(f"{tmp_path}/quiet.wav: very quiet (peak -")
    each = cli("transcribe", "run", tmp_path / "call.wav", "--channels", "each", "--out", tmp_path / "out")
    assert "1 transcribed" in each.stderr
    assert (tmp_path / "out" / "call.txt").read_text() == f"channel 1\t{said}\nchannel 2\t{said}\n"
    again = cli("transcribe", "run", tmp_path / "call.wav", "--channels", "left", "--out", tmp_path / "out")
    assert "were done by another model or with other channels" in again.stderr
    assert (tmp_path / "out" / "call.txt").read_text() == f"{said}\n"
    cli("transcribe", "run", path, "--channels", "each", "--plot", tmp_path / "pictures", exit_code=2)


def test_a_stream_of_a_quiet_recording_warns(cli, live: Path, tiny: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(next(iter(recordings(tiny))))
    soundfile.write(tmp_path / "quiet.wav", samples * 0.001, rate, subtype="FLOAT")
    warned = cli("stream", live, tmp_path / "quiet.wav").stderr
    assert warned.startswith(f"{tmp_path}/quiet.wav: very quiet (peak -")
    assert "a stream is not raised here" in warned
