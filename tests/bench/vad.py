"""Voice activity beside silero-vad on the same mixes: `python -m tests.bench.vad runs/vad --silero FOLDER`.

FOLDER is where `pip install --target FOLDER --no-deps silero-vad` put it; onnxruntime runs it. Its threshold, padding
and so on are tuned on the dev split, with the noise and reverberation that our own are chosen with; the test split is
mixed with noise that training never used. Frames of 10 ms are compared.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import PlannedCut
from crnn_audio.corpora import home
from crnn_audio.features.distort import Distortion
from crnn_audio.metrics.labelling import Counts, frames, total
from crnn_audio.problems import recordings
from crnn_audio.problems.restore import load, restore
from crnn_audio.tasks.event_choice import active

RATE, CHUNK, CONTEXT = 16000, 512, 64
FRAME = 0.01
Spans = list[tuple[float, float]]


def mixes(recipe: Any, cuts: Sequence[Cut], distortion: Distortion | None) -> Iterator[tuple[Cut, np.ndarray]]:
    """The recordings as `evaluate` mixes them."""
    ready = recordings.ready(recipe, cuts, [[] for _ in cuts], distortion)
    for index, cut in enumerate(cuts):
        yield cut, ready._waveform(0, PlannedCut(index, 1.0, cut.duration)).astype(np.float32)


def counts(cut: Cut, found: Spans) -> Counts:
    """Frames that agree."""
    size = round(cut.duration / FRAME)
    true = active([(one.start, one.end) for one in cut.segments], size, FRAME)
    return frames(true, active(found, size, FRAME))


class Silero:
    """Its ONNX model, 32 ms at a time, and its own decoding of probabilities."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(folder / "silero_vad" / "data" / "silero_vad.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def probs(self, sound: np.ndarray) -> list[float]:
        state, context = np.zeros((2, 1, 128), dtype=np.float32), np.zeros((1, CONTEXT), dtype=np.float32)
        padded = np.pad(sound, (0, -len(sound) % CHUNK))
        found = []
        for at in range(0, len(padded), CHUNK):
            block = np.concatenate([context, padded[None, at : at + CHUNK]], axis=1)
            out, state = self.session.run(None, {"input": block, "state": state, "sr": np.array(RATE)})
            context = block[:, -CONTEXT:]
            found.append(float(out[0, 0]))
        return found

    @staticmethod
    def spans(probs: list[float], threshold: float, silence: int, shortest: int, pad: int) -> Spans:
        from silero_vad.utils_vad import get_speech_timestamps_from_probs

        found = get_speech_timestamps_from_probs(
            probs, RATE, threshold, min_speech_duration_ms=shortest, min_silence_duration_ms=silence, speech_pad_ms=pad
        )
        return [(one["start"] / RATE, one["end"] / RATE) for one in found]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("run")
    arguments.add_argument("--silero", type=Path)
    arguments.add_argument("--noise", default="noise_rir/noise")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    ours = load(chosen.run)
    restored = restore(ours.run)
    recipe = restored.recipe
    items = restored.problem.data(recipe).items
    silero = Silero(chosen.silero) if chosen.silero else None
    options = (0.5, 100, 250, 30)
    if silero:
        dev = [(cut, silero.probs(sound)) for cut, sound in mixes(recipe, items["dev"], recordings.distortion(recipe))]
        grid = product((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), (50, 100, 200, 400), (50, 100, 250), (0, 30, 60, 100, 150))

        def value(one: tuple[float, int, int, int]) -> float:
            return total(counts(cut, silero.spans(probs, *one)) for cut, probs in dev).f1

        options = max(grid, key=value)
        print(f"silero-vad on dev: threshold, silence, shortest, padding {options}: F1 {100 * value(options):.2f} %")
    noises = home.sounds(chosen.noise, RATE)
    for snr in (None, 10.0, 0.0):
        distortion = snr if snr is None else Distortion(RATE, noise_probability=1, snr_db=(snr, snr), noises=noises)
        found: dict[str, list[Counts]] = {"ours": [], "silero-vad": []}
        seconds = dict.fromkeys(found, 0.0)

        def add(name: str, cut: Cut, label: Callable[[], Spans], found=found, seconds=seconds) -> None:
            begun = time.process_time()
            spans = label()
            seconds[name] += time.process_time() - begun
            found[name].append(counts(cut, spans))

        for cut, sound in mixes(recipe, items["test"], distortion):
            add("ours", cut, lambda sound=sound: spans_of(ours, sound))
            if silero:
                add("silero-vad", cut, lambda sound=sound: silero.spans(silero.probs(sound), *options))
        length = sum(cut.duration for cut in items["test"])
        for name, all_counts in found.items():
            if all_counts:
                one = total(all_counts)
                print(
                    f"{'clean' if snr is None else f'{snr:g} dB':6} {name:10} frame F1 {100 * one.f1:.2f} %  precision "
                    f"{100 * one.precision:.2f}  recall {100 * one.recall:.2f}  errors {one.wrong + one.missed}  "
                    f"{seconds[name] / length:.4f} CPU s a second"
                )


def spans_of(ours: Any, sound: np.ndarray) -> Spans:
    """As `stream` labels it, in blocks of a third of a second."""
    with ours.stream(RATE) as stream:
        found = [one for at in range(0, len(sound), 5120) for one in stream.feed(sound[at : at + 5120]).finals]
        found += stream.flush().finals
    return [(one.start, one.end) for one in found]


if __name__ == "__main__":
    main()
