"""Words of long recordings at the times that they have in short ones: python -m tests.bench.alignment [MODEL ...].

The pieces of each chapter of mini_librispeech's longform, and of AN4's test, are joined to one recording and aligned
with their joined text; each piece is aligned by itself, too. Printed for each model and recording: the share of
words whose starts are within 40 ms of each other, and how far they are apart. The models know spelled letters, numbers
and dates; where none of the words of a chapter is sure, its ends are not either. Needs both corpora in
$CRNN_AUDIO_DATA.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from crnn_audio import audio
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import an4, mini_librispeech
from crnn_audio.inference.speech.alignment import align
from crnn_audio.problems.restore import load

MODELS = ("an4", "an4_streaming")
NEAR = 0.04
"""Seconds by which starts may differ."""


def main() -> None:
    """Prints a JSON line for each recording and model, and one of all chapters."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", nargs="*", default=MODELS)
    torch.set_num_threads(1)
    for model in arguments.parse_args().models:
        recognizer, of_chapters = load(model, "recognition"), list[np.ndarray]()
        for name, pieces in recordings():
            begin = time.process_time()
            apart, seconds = differences(recognizer, pieces)
            took = round(time.process_time() - begin, 1)
            if name != an4.NAME:
                of_chapters.append(apart)
            known = {"minutes": round(seconds / 60, 1), "processor seconds": took}
            print(json.dumps({"model": model, "recording": name} | known | summary(apart)), flush=True)
        print(json.dumps({"model": model, "recording": "chapters"} | summary(np.concatenate(of_chapters))), flush=True)


def recordings() -> Iterator[tuple[str, list[Cut]]]:
    """The pieces of each, in their order."""
    data = Path(os.environ["CRNN_AUDIO_DATA"])
    cuts = sorted(mini_librispeech.read_splits(data / mini_librispeech.NAME)["longform"], key=lambda cut: cut.id)
    for chapter, pieces in groupby(cuts, lambda cut: cut.id.rpartition("-")[0]):
        yield chapter, list(pieces)
    yield an4.NAME, an4.read_splits(data / an4.NAME)["test"]


def differences(recognizer: Any, pieces: list[Cut]) -> tuple[np.ndarray, float]:
    """The seconds between the starts of each word in the whole and in its piece, and the length of the whole."""
    rate, offset, alone, texts, waves = recognizer.sample_rate, 0.0, list[float](), list[str](), list[np.ndarray]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.wav"
        for cut in pieces:
            waves.append(audio.read(cut.recording.path, rate)[0])
            texts.append(cut.text.replace("'", ""))
            soundfile.write(path, waves[-1], rate, subtype="FLOAT")
            alone += [offset + word.start for word in align(recognizer, path, texts[-1]).words]
            offset += len(waves[-1]) / rate
        soundfile.write(path, np.concatenate(waves), rate, subtype="FLOAT")
        whole = align(recognizer, path, " ".join(texts))
    together = [word.start for word in whole.words]
    assert len(together) == len(alone)
    return np.abs(np.subtract(together, alone)), whole.seconds


def summary(apart: np.ndarray) -> dict[str, float]:
    """The share of words that are near, and quantiles of what lies between, in milliseconds."""
    near = round(100 * float((apart <= NEAR + 1e-6).mean()), 2)
    half, most, all_ = (round(1000 * float(one)) for one in np.quantile(apart, (0.5, 0.95, 1.0)))
    return {"words": len(apart), "% within 40 ms": near, "median ms": half, "95 % ms": most, "largest ms": all_}


if __name__ == "__main__":
    main()
