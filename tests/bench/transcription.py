"""How fast files are transcribed, in multiples of real time, and in how much memory.

Two loads, each in a process of its own: the test split of the model's corpus, file by file in batches as `transcribe`
makes them, and one long file of the same recordings, over and over. Times count reading and decoding, not the start;
`cpu` is by the time that the process spent computing, which a busy machine leaves alone.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from pathlib import Path

import soundfile

from crnn_audio import audio, runs
from crnn_audio.evaluation.evaluate import required
from crnn_audio.problems import recognition
from crnn_audio.problems.restore import load, restore

SHIPPED = "an4"
NO_MODEL = f"transcription: no {SHIPPED} ships with this version, so this part needs --model with a run of speech."
RATE = 16000


def shipped() -> str | None:
    """The zoo's model for files, if there is one."""
    return SHIPPED if (runs.ZOO / SHIPPED).is_dir() else None


def figures(model: str, threads: int, minutes: float, files: int | None = None) -> dict:
    """Of both loads, what `measured` gives.

    Args:
        minutes: length of the long file.
        files: how many files of the split; all by default.
    """
    recipe = restore(runs.open_run(model)).recipe
    cuts = required(recognition.data(recipe).items, "test", recipe.data.name)
    paths = list(dict.fromkeys(str(cut.recording.path) for cut in cuts))[:files]
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.wav"
        write_long(long, paths, minutes * 60)
        loads = {"files": paths, "long": [str(long)]}
        found = {name: _apart(model, threads, sources) for name, sources in loads.items()}
    return {"model": model, "threads": threads, **found}


def write_long(path: Path, recordings: Sequence[str], seconds: float) -> None:
    """One file of so many seconds, of these recordings in turn."""
    left = round(seconds * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for recording in cycle(recordings):
            waveform, _ = audio.read(recording, RATE)
            file.write(waveform[:left])
            left -= len(waveform)
            if left <= 0:
                return


def _apart(model: str, threads: int, paths: list[str]) -> dict:
    """`measured` in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, model, threads, paths).result()


def measured(model: str, threads: int, paths: list[str]) -> dict:
    """Speed of transcribing these files, and the most memory that the process ever held."""
    import torch

    torch.set_num_threads(threads)
    recognizer = load(model, device="cpu")
    recognizer.transcribe(paths[:1] if len(paths) > 1 else [_first_second(paths[0])])  # first calls are slow
    started, computed = time.perf_counter(), time.process_time()
    hypotheses = recognizer.transcribe(list(paths))
    spent, computed = time.perf_counter() - started, time.process_time() - computed
    seconds = sum(one.seconds for one in hypotheses)
    return {
        "files": len(paths),
        "seconds": seconds,
        "words": sum(len(one.words) for one in hypotheses),
        "real_time": seconds / spent,
        "cpu": seconds / computed,
        "peak_bytes": peak_bytes(),
    }


def _first_second(path: str) -> bytes:
    waveform, rate = audio.read(path, duration=1.0)
    with tempfile.TemporaryFile() as file:
        soundfile.write(file, waveform, rate, format="WAV")
        file.seek(0)
        return file.read()


def peak_bytes() -> int | None:
    """The most memory that this process has had resident, where the system tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def lines(found: dict) -> Iterator[str]:
    """For people."""
    yield f"transcription, {found['model']}, {found['threads']} threads"
    for name in ("files", "long"):
        one = found[name]
        memory = "" if one["peak_bytes"] is None else f", {one['peak_bytes'] / 2**20:.0f} MiB resident at most"
        yield (
            f"  {one['seconds'] / 60:5.1f} minutes in {one['files']:4} files: {one['real_time']:4.0f} x real time "
            f"({one['cpu']:.0f} x by CPU time){memory}"
        )
