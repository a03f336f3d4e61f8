"""`make bench`: how fast training and streaming are, on one thread; the files beside this one are its parts."""

import argparse
import json
import sys

import torch

from crnn_audio.errors import CrnnAudioError
from tests.bench import streaming, training

PARTS = ("streaming", "training")
"""In this order, so that the memory of a stream is that of a process which has done nothing else."""


def main() -> None:
    chosen = options()
    torch.set_num_threads(1)
    figures: dict = {}
    for part in chosen.parts:
        if part == "training":
            figures |= training.figures(chosen.rounds, chosen.steps)
            lines = training.lines(figures)
        else:
            figures["streaming"] = streaming.figures(chosen.model, chosen.minutes)
            lines = streaming.lines(figures["streaming"])
        if not chosen.json:
            print(*lines, sep="\n", flush=True)
    if chosen.json:
        print(json.dumps(figures))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="by default both")
    parser.add_argument("--rounds", type=int, default=5, help="of training, for each rival (5)")
    parser.add_argument("--steps", type=int, default=20, help="in a round (20)")
    parser.add_argument("--model", default=streaming.shipped(), help="that streams: a run directory or a zoo name")
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound in the long stream (60)")
    parser.add_argument("--json", action="store_true", help="print one object")
    chosen = parser.parse_args()
    chosen.parts = [chosen.part] if chosen.part else list(PARTS)
    if chosen.model is None and "streaming" in chosen.parts:
        if chosen.part:
            parser.error(streaming.NO_MODEL)
        print(streaming.NO_MODEL, file=sys.stderr)
        chosen.parts.remove("streaming")
    return chosen


if __name__ == "__main__":
    try:
        main()
    except CrnnAudioError as error:
        sys.exit(str(error))
