"""Spoken orders understood, clean and in noise, and other speech refused: python -m tests.bench.commands RUN [...].

Of the dev recordings of coffee_commands, acceptance (intent and every slot right): clean, in kitchen noise at 6, 9, ...
24 dB, and its mean; and how many of 100 utterances of mini_librispeech dev are taken for an order. Each at several
thresholds of confidence, for the network computes once. Needs both corpora in $CRNN_AUDIO_DATA.
`--words OUT` writes manifests of the training recordings with the best sentence for what each means as its text, to
train on pseudo-words: train recipes/coffee/spoken.yaml with data.root=OUT and init=RUN.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import coffee_commands, home, mini_librispeech
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.features.distort import Distortion
from crnn_audio.hypotheses import Command
from crnn_audio.inference.speech.commands import Commander, command_of
from crnn_audio.problems.restore import load

GRAMMAR = Path("recipes/coffee/orders.jsgf")
SNRS = (6, 9, 12, 15, 18, 21, 24)
THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
OTHERS = 100
BATCH = 8


def main() -> None:
    """Prints a JSON line for each threshold."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run")
    arguments.add_argument("--words", type=Path, metavar="OUT")
    asked = arguments.parse_args()
    data = Path(os.environ["CRNN_AUDIO_DATA"])
    cuts = coffee_commands.read_splits(data / coffee_commands.NAME)
    commander = Commander(load(asked.run, "recognition"), GRAMMAR)
    if asked.words:
        write_words(commander, cuts, asked.words)
        return
    rate = commander.sample_rate
    waveforms = [audio.read(cut.recording.path, rate)[0] for cut in cuts["dev"]]
    noises = home.sounds(data / coffee_commands.NAME / "noise", rate)
    found = {"clean": understood(commander, waveforms)}
    for snr in SNRS:
        noisy = Distortion(rate, noise_probability=1.0, snr_db=(snr, snr), noises=noises)
        mixed = [noisy(one, np.random.default_rng((snr, at))) for at, one in enumerate(waveforms)]
        found[f"{snr} dB"] = understood(commander, mixed)
    speech = mini_librispeech.read_splits(data / mini_librispeech.NAME)["dev"][:OTHERS]
    others = understood(commander, [audio.read(cut.recording.path, rate)[0] for cut in speech])
    for threshold in THRESHOLDS:
        shares = {name: accepted(commands, cuts["dev"], threshold) for name, commands in found.items()}
        mean = sum(shares[f"{snr} dB"] for snr in SNRS) / len(SNRS)
        wrong = sum(one.confidence >= threshold for one in others)
        row = {"threshold": threshold, **shares, "mean in noise": mean, f"of {OTHERS} others accepted": wrong}
        print(json.dumps({name: round(value, 4) for name, value in row.items()}), flush=True)


def understood(commander: Commander, waveforms: Sequence[np.ndarray]) -> list[Command]:
    """What each means, with its confidence, whatever that is."""
    found = list[Command]()
    for begin in range(0, len(waveforms), BATCH):
        paths = commander.decode(waveforms[begin : begin + BATCH])
        found += [command_of(path, commander.meanings, 0.0, "") for path in paths]
    return found


def accepted(commands: Sequence[Command], cuts: Sequence[Cut], threshold: float) -> float:
    """The share that is wholly right and confident enough."""
    right = [
        one.confidence >= threshold and one.intent == cut.label and dict(one.slots) == dict(cut.slots)
        for one, cut in zip(commands, cuts, strict=True)
    ]
    return sum(right) / len(right)


def write_words(commander: Commander, cuts: dict[str, list[Cut]], out: Path) -> None:
    """Manifests in which each recording has the likeliest sentence of those that mean what it means."""
    recognizer = commander.recognizer
    out.mkdir(parents=True)
    for split, of_split in cuts.items():
        worded = []
        for cut in of_split:
            graph = commander.meanings.graph(commander.meanings.ids(cut.label or "", dict(cut.slots)))
            waveform = audio.read(cut.recording.path, recognizer.sample_rate)[0]
            with torch.inference_mode():
                encoded = recognizer.task(recognizer.as_batch([waveform]))
            (path,) = GraphDecoder(graph).decode(encoded.frames, encoded.lengths)
            worded.append(replace(cut, text=recognizer.task.vocabulary.decode(path.tokens).strip()))
        manifests.save(worded, out / f"{split}.jsonl")


if __name__ == "__main__":
    main()
