"""`python -m tests.bench.exported`: exported models beside their runs: speed, error rate, live streams, sherpa-onnx.

One thread, AN4's test split, rounds of all rivals in turn. Times are those of the CPU, which a busy machine leaves
alone, medians over the rounds. `--sherpa PYTHON` names a Python that has sherpa-onnx, which is no dependency of ours;
its tokens and times are then compared with ours, recording by recording.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.evaluation.evaluate import required
from crnn_audio.metrics.error_rate import word_errors
from crnn_audio.problems import recognition
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from crnn_audio.problems.restore import restore

CHUNK = 0.32
"""Seconds of the chunks that sherpa-onnx decodes."""
PADDING = 1.0
"""Seconds of silence after a recording that sherpa-onnx streams, and that we then read too."""


def main() -> None:
    """Measures what is asked for and prints it as JSON, a line for each model."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exported", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", nargs="+", default=["an4", "an4_streaming"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, help="of the test split; all by default")
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 20, 100])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each live stream")
    parser.add_argument("--sherpa", metavar="PYTHON", help="one that has sherpa-onnx")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for model in chosen.models:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"model": model, **figures(model, Path(folder), chosen)}), flush=True)


def figures(model: str, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """All of one model."""
    opened = load(model, device="cpu")
    recipe = restore(opened.run).recipe
    cuts = required(recognition.data(recipe).items, "test", recipe.data.name)[: chosen.files]
    paths, texts = [str(cut.recording.path) for cut in cuts], [cut.text for cut in cuts]
    light = load(export(model, folder / "float")[0])
    small = load(export(model, folder / "small", int8=True)[0])
    rivals: dict[str, Callable[[], object]] = {
        "torch": lambda: opened.transcribe(list(paths)),
        "exported": lambda: light.transcribe(list(paths)),
        "int8": lambda: small.transcribe(list(paths)),
    }
    if chosen.sherpa:
        live = "offline" if light.pieces is None else str(PADDING)
        for_sherpa = export(model, folder / "sherpa", to="sherpa")[0]
        rivals["sherpa"] = lambda: _sherpa(chosen.sherpa, for_sherpa, live, paths)
        if light.pieces is not None:
            rivals["exported, live as sherpa"] = lambda: _streamed(light, paths)
    sizes = [one.exported.path.joinpath("model.onnx").stat().st_size for one in (light, small)]
    found: dict[str, Any] = {
        "files": len(paths),
        "cpu_seconds": _timed(rivals, chosen.rounds),
        "wer": {name: _wer(one, paths, texts) for name, one in (("torch", opened), ("float", light), ("int8", small))},
        "int8_size": sizes[1] / sizes[0],
    }
    if light.pieces is not None:
        found["streams"] = {
            name: [_streams(one, count, chosen.seconds, paths) for count in chosen.streams]
            for name, one in (("float", light), ("int8", small))
        }
    if chosen.sherpa:
        found["sherpa"] = _compared(opened, _sherpa(chosen.sherpa, for_sherpa, live, paths), live, paths)
    return found


def _timed(rivals: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds + 1):  # the first of which warms up
        for name, rival in rivals.items():
            began = time.process_time()
            result = rival()
            spent = result["cpu"] if isinstance(result, dict) else time.process_time() - began
            if number:
                times[name].append(spent)
    return {name: statistics.median(found) for name, found in times.items()}


def _wer(model: Any, paths: Sequence[str], texts: Sequence[str]) -> float:
    found = [word_errors(text, one.text) for text, one in zip(texts, model.transcribe(list(paths)), strict=True)]
    errors = sum(one.substitutions + one.deletions + one.insertions for one in found)
    return errors / sum(len(text.split()) for text in texts)


def _streamed(model: Any, paths: Sequence[str]) -> None:
    """Block by block, with the silence, stepped by chunks as long as those of sherpa-onnx."""
    for path in paths:
        sound = np.pad(audio.read(path, model.sample_rate)[0], (0, round(PADDING * model.sample_rate)))
        stream = model.streams(wait=CHUNK).open(model.sample_rate)
        for begin in range(0, len(sound), 1600):
            stream.feed(sound[begin : begin + 1600])
        stream.flush()


def _streams(model: Any, count: int, seconds: float, paths: Sequence[str]) -> dict[str, float]:
    """So many live streams with blocks of 100 ms: seconds of CPU a second of them, and how many one core carries."""
    block = model.sample_rate // 10
    sound = np.concatenate([audio.read(path, model.sample_rate)[0] for path in paths[:40]])
    streams = model.streams()
    opened = [streams.open(model.sample_rate) for _ in range(count)]
    began = 0.0
    warm = 5
    for index in range(round(seconds * 10) + warm):
        if index == warm:
            began = time.process_time()
        at = [(index + 31 * number) * block % (len(sound) - block) for number in range(count)]
        streams.feed({stream: sound[begin : begin + block] for stream, begin in zip(opened, at, strict=True)})
    load_ = (time.process_time() - began) / seconds
    return {"streams": count, "load": load_, "carried": count / load_}


def _sherpa(python: str, folder: Path, padding: str, paths: Sequence[str]) -> dict[str, Any]:
    script = Path(__file__).with_name("sherpa.py")
    done = subprocess.run(
        [python, str(script), str(folder), padding],
        input="\n".join(paths),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _compared(model: Any, theirs: dict[str, Any], padding: str, paths: Sequence[str]) -> dict[str, Any]:
    """Recordings of which tokens and times are equal."""
    tokens, silence = model.task.vocabulary.tokens, 0.0 if padding == "offline" else float(padding)
    equal = 0
    for path, (found, times) in zip(paths, theirs["found"], strict=True):
        sound = np.pad(audio.read(path, model.sample_rate)[0], (0, round(silence * model.sample_rate)))
        (ours,) = model.decode([sound])
        equal += [one.replace("\u2581", " ") for one in found] == [tokens[one] for one in ours.tokens] and np.allclose(
            times, [model.frame_seconds * one for one in ours.starts], atol=1e-4
        )
    return {"version": theirs["version"], "equal": int(equal), "of": len(paths)}


if __name__ == "__main__":
    sys.exit(main())
