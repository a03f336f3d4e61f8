"""`make bench`: how fast training, streaming, rolls, composing and transcription are; the parts are files beside it."""

import argparse
import json
import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported, as on the command line

import torch

from crnn_audio.errors import CrnnAudioError
from tests.bench import composing, rolls, streaming, training, transcription

PARTS = ("streaming", "training", "rolls", "composing", "transcription")
"""In this order, so that the memory of a stream is that of a process which has done nothing else."""
OF_A_MODEL = {"streaming": streaming, "transcription": transcription}


def main() -> None:
    chosen = options()
    torch.set_num_threads(1)
    figures: dict = {}
    for part in chosen.parts:
        if part == "training":
            figures |= training.figures(chosen.rounds, chosen.steps)
            lines = training.lines(figures)
        elif part == "rolls":
            figures[part] = rolls.figures(chosen.rounds)
            lines = rolls.lines(figures[part])
        elif part == "composing":
            figures[part] = composing.figures(chosen.rounds, chosen.bars)
            lines = composing.lines(figures[part])
        elif part == "streaming":
            figures[part] = streaming.figures(chosen.models[part], chosen.minutes)
            lines = streaming.lines(figures[part])
        else:
            figures[part] = transcription.figures(chosen.models[part], chosen.threads, chosen.minutes, chosen.files)
            lines = transcription.lines(figures[part])
        if not chosen.json:
            print(*lines, sep="\n", flush=True)
    if chosen.json:
        print(json.dumps(figures))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="by default all")
    parser.add_argument("--rounds", type=int, default=5, help="of training, for each rival (5)")
    parser.add_argument("--steps", type=int, default=20, help="in a round (20)")
    parser.add_argument("--model", help="a run directory or a zoo name; by default what ships for each part")
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound in the long stream and file (60)")
    parser.add_argument("--bars", type=int, default=64, help="of the pieces that are composed (64)")
    parser.add_argument("--files", type=int, help="of the test split that are transcribed (all)")
    parser.add_argument("--threads", type=int, default=2, help="of transcription (2); the other parts take one")
    parser.add_argument("--json", action="store_true", help="print one object")
    chosen = parser.parse_args()
    chosen.parts = [chosen.part] if chosen.part else list(PARTS)
    chosen.models = {part: chosen.model or module.shipped() for part, module in OF_A_MODEL.items()}
    for part, module in OF_A_MODEL.items():
        if chosen.models[part] is None and part in chosen.parts:
            if chosen.part:
                parser.error(module.NO_MODEL)
            print(module.NO_MODEL, file=sys.stderr)
            chosen.parts.remove(part)
    return chosen


if __name__ == "__main__":
    try:
        main()
    except CrnnAudioError as error:
        sys.exit(str(error))
