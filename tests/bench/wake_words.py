"""Misses of five wake words at a rate of false alarms, one model each: python -m tests.bench.wake_words OUT [WORD ...].

After the protocol of Picovoice's benchmark: recordings of the split `test`, mixed at 10 dB with noise that training
never had, against read speech; a miss is a recording without an event, alarms within two seconds count once, and the
threshold is read off the speech that is scored. That is train of mini_librispeech in two halves by reader: negatives
come from one half, the other one is scored, then the two are swapped; a word's miss rate is the mean of both.

Needs the corpora wake_words, mini_librispeech, noise_rir and esc10 in $CRNN_AUDIO_DATA. Prints a JSON line for each
word and half, and the means; training goes on where it was stopped. `--recordings 40` trains on so many of each word.
"""

import argparse
import json
import os
import statistics
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import esc10, home, mini_librispeech, tables
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.features.distort import Distortion
from crnn_audio.problems import ScoreOptions, load_recipe
from crnn_audio.problems.restore import load
from crnn_audio.training.run import train

RECIPE = "recipes/wake_words/keyword.yaml"
WORDS = ("ALEXA", "COMPUTER", "SMART MIRROR", "SNOWBOY", "VIEW GLASS")
HELD_OUT = ("rain", "helicopter", "clock tick")
"""Classes of ESC-10 that are noise of the test alone, with the dishes of noise_rir."""
WINDOW = 2.0
"""Seconds of a negative."""
FALSE_ALARMS = 0.2
SNR = 10.0


def main() -> None:
    """Trains and scores each word with each half."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("words", nargs="*", default=WORDS)
    arguments.add_argument("--recordings", type=int, default=10_000, help="of each word, at most")
    arguments.add_argument("--negatives", type=int, default=100_000, help="pieces of speech to train on, at most")
    arguments.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a change of the recipe")
    asked = arguments.parse_args()
    data = Path(os.environ["CRNN_AUDIO_DATA"])
    noise = test_noise(data, asked.out / "noise")
    found = dict[str, float]()
    for word in asked.words:
        halves = []
        for half in (0, 1):
            halves.append(scored(data, asked.out, word, half, (asked.recordings, asked.negatives), noise, asked.set))
            print(json.dumps(halves[-1]), flush=True)
        found[word] = statistics.fmean(one["miss_rate"] for one in halves)
    print(json.dumps({"words": found, "mean": statistics.fmean(found.values()), "per_hour": FALSE_ALARMS}))


def scored(
    data: Path, out: Path, word: str, half: int, most: tuple[int, int], noise: Path, changes: list[str]
) -> dict[str, object]:
    """One model of a word: negatives of one half, alarms in the other."""
    folder = out / f"{word.lower().replace(' ', '_')}-{half}"
    speech = mini_librispeech.read_splits(data / "mini_librispeech")["train"]
    halves = [[cut for cut in speech if zlib.crc32(str(cut.speaker).encode()) % 2 == part] for part in (half, 1 - half)]
    prepare(data, folder, word, halves[0], most)
    started = time.monotonic()
    recipe = load_recipe(RECIPE, f"data.root={folder}", "device=cpu", *changes)
    train(recipe, folder / "run", recipe_path=RECIPE)
    others = folder / "background"
    others.mkdir(exist_ok=True)
    for cut in halves[1]:
        link = others / cut.recording.path.name
        if not link.exists():
            link.symlink_to(cut.recording.path.resolve())
    rate = recipe.features.sample_rate
    mixed = Distortion(rate, noise_probability=1.0, snr_db=(SNR, SNR), noises=home.sounds(noise, rate))
    options = ScoreOptions(distortion=mixed, background=others, false_alarms=FALSE_ALARMS)
    scores = evaluate(load(folder / "run", weights="last"), "test", options=options)
    names = ("miss_rate", "false_alarms_per_hour", "threshold", "background_hours")
    return {
        "word": word,
        "half": half,
        "seconds": time.monotonic() - started,
        **{n: scores.as_json()[n] for n in names},
    }


def prepare(data: Path, folder: Path, word: str, speech: list[Cut], most: tuple[int, int]) -> None:
    """Manifests of a word, of other wake words, of speech in pieces, and of noises; each word's own splits."""
    splits: dict[str, list[Cut]] = {"train": [], "dev": [], "test": []}
    for split, text, cut in wake_words(data / "wake_words"):
        own = text == word
        if split == "train" and own and sum(one.label == "word" for one in splits["train"]) >= most[0]:
            continue
        if own or split != "test":
            splits[split].append(replace(cut, label="word" if own else "background"))
    for number, cut in enumerate(islice((piece for one in speech for piece in pieces(one)), most[1])):
        splits["dev" if number % 10 == 0 else "train"].append(cut)
    for cut in (cut for fold in esc10.read_folds(data / "esc10") for cut in fold if cut.label not in HELD_OUT):
        splits["train"] += list(pieces(cut))
    folder.mkdir(parents=True, exist_ok=True)
    for split, cuts in splits.items():
        manifests.save(cuts, folder / f"{split}.jsonl")


def wake_words(folder: Path) -> Iterator[tuple[str, str, Cut]]:
    """Split, word and recording, in the order of a hash, so that the first are a sample."""
    rows = [row.fields for row in tables.read(folder / "transcripts.tsv").rows]
    for row in sorted(rows, key=lambda one: zlib.crc32(one["path"].encode())):
        path = folder / row["path"]
        info = audio.inspect(path)
        name = path.relative_to(folder).with_suffix("").as_posix()
        yield row["split"], row["text"], whole(Recording(name, path, info.sample_rate, info.num_samples), "")


def pieces(cut: Cut) -> Iterator[Cut]:
    """A recording of the background in pieces of the length of a window."""
    for number in range(int(cut.duration / WINDOW)):
        start = cut.start + number * WINDOW
        yield replace(cut, id=f"{cut.id}-{number}", start=start, duration=WINDOW, text="", label="background")


def test_noise(data: Path, folder: Path) -> Path:
    """A folder of the noises that only the test has."""
    folder.mkdir(parents=True, exist_ok=True)
    held = [cut.recording.path for fold in esc10.read_folds(data / "esc10") for cut in fold if cut.label in HELD_OUT]
    for path in (data / "noise_rir" / "noise" / "doing_the_dishes.flac", *held):
        link = folder / path.name
        if not link.exists():
            link.symlink_to(path.resolve())
    return folder


if __name__ == "__main__":
    main()
