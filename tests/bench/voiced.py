"""A long recording of speech and noise, with voice activity and without: `python -m tests.bench.voiced MODEL VAD`.

Utterances of a corpus's test split lie in noise with pauses of ten seconds on average; words are counted against all of
their transcripts in order.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch

from crnn_audio import audio
from crnn_audio.corpora import CORPORA, home
from crnn_audio.features.distort import excerpt
from crnn_audio.inference.speech.voiced import VoicedTranscriber
from crnn_audio.metrics.error_rate import word_errors
from crnn_audio.problems.restore import load
from crnn_audio.text.normalize import normalize

RATE = 16000


def mix(path: Path, corpus: str, noise: str, minutes: float, snr: float) -> str:
    """Writes the recording; the words in it."""
    generator = np.random.default_rng(1)
    noises = home.sounds(noise, RATE)
    cuts = CORPORA[corpus].read_splits(home.locate(CORPORA[corpus]))["test"]
    sound, place, texts, levels = np.zeros(round(60 * minutes * RATE), dtype=np.float32), 0, list[str](), list[float]()
    for number in generator.permutation(len(cuts)).tolist():
        place += round(float(generator.uniform(2, 18)) * RATE)
        speech, _ = audio.read(cuts[number].recording.path, RATE)
        if place + len(speech) > len(sound) - RATE:
            break
        sound[place : place + len(speech)] = speech
        place += len(speech)
        texts.append(cuts[number].text)
        levels.append(float(np.mean(speech**2)))
    background = np.concatenate(
        [excerpt(generator, noises[n % len(noises)], 30 * RATE) for n in range(int(2 * minutes) + 1)]
    )
    background = background[: len(sound)] * np.sqrt(np.mean(levels) / np.mean(background**2)) * 10 ** (-snr / 20)
    mixed = sound + background.astype(np.float32)
    soundfile.write(path, mixed / max(1.0, float(np.abs(mixed).max()) / 0.95), RATE, subtype="PCM_16")
    return " ".join(texts)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model")
    arguments.add_argument("vad")
    arguments.add_argument("--corpus", default="an4")
    arguments.add_argument("--noise", default="noise_rir/noise")
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--snr", type=float, default=10.0)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    recognizer, labeller = load(chosen.model, device="cpu"), load(chosen.vad, device="cpu")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mix.wav"
        words = normalize(
            mix(path, chosen.corpus, chosen.noise, chosen.minutes, chosen.snr), case="lower", punctuation="keep"
        )
        ways = {"without": recognizer, "with": VoicedTranscriber(recognizer, labeller)}
        for name, way in ways.items():
            begun = time.process_time()
            ((_, found),) = way.as_completed([str(path)], None, "mix")
            seconds = time.process_time() - begun
            errors = word_errors(words, normalize(found.text, case="lower", punctuation="keep"))
            print(
                f"{name:8} {errors.errors} errors in {errors.reference} words: {errors.insertions} inserted, "
                f"{errors.deletions} left out, {errors.substitutions} others; {seconds:.1f} CPU s"
            )


if __name__ == "__main__":
    main()
