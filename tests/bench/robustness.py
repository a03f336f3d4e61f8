"""What noise and reverberation leave of a recogniser.

`python -m tests.bench.robustness MODEL ... --noise DIR --reverberation DIR`

The test split of the models' corpus, as it is, with noise at several ratios, with reverberation, and with both; the
same noise and the same response for a cut in every model. A table in Markdown, word error rates in per cent.
"""

import argparse
from collections.abc import Iterator, Sequence

from crnn_audio.corpora import home
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.features.distort import Distortion
from crnn_audio.problems import ScoreOptions
from crnn_audio.problems.restore import load


def conditions(
    noise: str, reverberation: str, ratios: Sequence[float], rate: int
) -> Iterator[tuple[str, Distortion | None]]:
    """What is done to the sound, by the name of a row."""
    noises, responses = home.sounds(noise, rate), home.sounds(reverberation, rate)
    in_room = {"reverberation_probability": 1.0, "responses": responses}

    def noisy(ratio: float) -> dict:
        return {"noise_probability": 1.0, "snr_db": (ratio, ratio), "noises": noises}

    yield "as it is", None
    for ratio in ratios:
        yield f"noise, {ratio:g} dB", Distortion(rate, **noisy(ratio))
    yield "room", Distortion(rate, **in_room)
    yield f"room and noise, {ratios[0]:g} dB", Distortion(rate, **in_room, **noisy(ratios[0]))


def table(models: Sequence[str], noise: str, reverberation: str, ratios: Sequence[float], split: str) -> Iterator[str]:
    """Rows of Markdown, as they are measured."""
    recognizers = [load(model, "recognition") for model in models]
    yield f"| {split} | " + " | ".join(models) + " |"
    yield "|---|" + "--:|" * len(models)
    for name, distortion in conditions(noise, reverberation, ratios, recognizers[0].sample_rate):
        rates = [100 * evaluate(one, split, options=ScoreOptions(distortion=distortion)).value for one in recognizers]
        yield f"| {name} | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |"


def main() -> None:
    """Prints the table of what is asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.robustness", description=__doc__)
    parser.add_argument("models", nargs="+", help="run directories or zoo names, of one corpus and sample rate")
    parser.add_argument("--noise", default="noise_rir/noise", help="folder of noises (%(default)s)")
    parser.add_argument("--reverberation", default="noise_rir/rir", help="folder of impulse responses (%(default)s)")
    parser.add_argument("--snr", type=float, nargs="+", default=[20.0, 15.0, 10.0, 5.0, 0.0], help="in decibels")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    for line in table(options.models, options.noise, options.reverberation, options.snr, options.split):
        print(line, flush=True)


if __name__ == "__main__":
    main()
