"""What other formats, levels and channels of the same recordings do to the words that are recognised.

`python -m tests.bench.sound [--model an4] [--files 130]`

The test split of the model's corpus as it is; as M4A and as WebM with Opus of 48 kbit/s, which PyAV encodes and the
extra `media` reads; at a peak of -50 dB, as float samples and as 16 bits; in the range of 16-bit integers; in opposite
phase on two channels; and with another recording on the second channel, each channel transcribed by itself
and compared with a file of it alone.
"""

import argparse
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jiwer
import numpy as np
import soundfile

from crnn_audio.evaluation.evaluate import required
from crnn_audio.problems import recognition
from crnn_audio.problems.restore import load, restore
from crnn_audio.runs import open_run
from tests.media import encoded

Encode = Callable[[np.ndarray, int], bytes]


def wav(samples: np.ndarray, rate: int, encoding: str = "FLOAT") -> bytes:
    """Samples (S,) or (S, C) as a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=encoding)
    return file.getvalue()


def at_peak(samples: np.ndarray, decibels: float) -> np.ndarray:
    """The same, with its peak at so many decibels of full scale."""
    return samples * (10 ** (decibels / 20) / max(float(np.abs(samples).max()), 1e-9))


def media(container: str, codec: str, rate: int, bit_rate: int, **options: str) -> Encode:
    """An encoder of a format of phones and browsers."""
    return lambda samples, source_rate: encoded(
        samples[:, None], container, codec, rate, bit_rate=bit_rate, source_rate=source_rate, options=options
    )


FORMS: dict[str, Encode] = {
    "as it is": lambda samples, rate: wav(samples, rate),
    "M4A, AAC of 64 kbit/s": media("ipod", "aac", 16000, 64_000),
    "WebM, Opus of 48 kbit/s": media("webm", "libopus", 48000, 48_000),
    "WebM, Opus of 48 kbit/s, low delay": media("webm", "libopus", 48000, 48_000, application="lowdelay"),
    "float, peak at -50 dB": lambda samples, rate: wav(at_peak(samples, -50), rate),
    "16 bit, peak at -50 dB": lambda samples, rate: wav(at_peak(samples, -50), rate, "PCM_16"),
    "float, scale of 32768": lambda samples, rate: wav(samples * 32768, rate),
    "opposite phase": lambda samples, rate: wav(np.stack([samples, -samples], axis=1), rate),
}


@dataclass(frozen=True)
class Row:
    """One form of all recordings: word error rate, and the fraction with the words that they have as they are."""

    name: str
    error_rate: float
    same: float


def rows(model: str, num_files: int | None = None, forms: dict[str, Encode] = FORMS) -> Iterator[Row]:
    """A row for each form, and one for two recordings on two channels.

    Args:
        num_files: recordings of the test split; all by default.
    """
    recipe = restore(open_run(model)).recipe
    cuts = required(recognition.data(recipe).items, "test", recipe.data.name)[:num_files]
    references = [cut.text for cut in cuts]
    sounds = [soundfile.read(cut.recording.path, dtype="float32") for cut in cuts]
    recognizer = load(model)
    plain: list[str] = []
    for name, encode in forms.items():
        found = [one.text for one in recognizer.transcribe([encode(*sound) for sound in sounds])]
        plain = plain or found
        yield _row(name, references, found, plain)
    length = max(len(samples) for samples, _ in sounds)  # of every file, so that a channel alone is as long
    padded = [(np.pad(samples, (0, length - len(samples))), rate) for samples, rate in sounds]
    alone = [one.text for one in recognizer.transcribe([wav(*sound) for sound in padded])]
    pairs = [np.stack([sound[0], padded[index - 1][0]], axis=1) for index, sound in enumerate(padded)]
    both = recognizer.transcribe([wav(pair, padded[0][1]) for pair in pairs], "each")
    order = [other for index in range(len(sounds)) for other in (index, index - 1)]
    yield _row(
        "another on each channel",
        [references[index] for index in order],
        [channel.text for one in both for channel in one.channels],
        [alone[index] for index in order],
    )


def _row(name: str, references: list[str], found: list[str], plain: list[str]) -> Row:
    same = [one == other for one, other in zip(found, plain, strict=True)]
    return Row(name, float(jiwer.wer(references, found)), sum(same) / len(same))


def main() -> None:
    """Prints a table in Markdown, in per cent."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sound", description=__doc__)
    parser.add_argument("--model", default="an4", help="a run directory or a zoo name (%(default)s)")
    parser.add_argument("--files", type=int, help="of the test split (all)")
    options = parser.parse_args()
    print("| recordings | WER | same words |\n|---|--:|--:|")
    for row in rows(options.model, options.files):
        print(f"| {row.name} | {100 * row.error_rate:.2f} | {100 * row.same:.1f} |", flush=True)


if __name__ == "__main__":
    main()
