"""How fast sequences are turned into others: `python -m tests.bench.translating RUN` on the sources of its test split.

In one thread, with a beam of 8 and greedily; the best of several rounds, in sources a second.
"""

import argparse
import json
import time
from dataclasses import replace

import torch

from crnn_audio.problems.restore import load, restore


def figures(model: str, split: str, beams: list[int], rounds: int) -> dict[str, float]:
    transducer = load(model, "transduction", device="cpu")
    restored = restore(transducer.run)
    sources = [pair.source for pair in restored.problem.data(restored.recipe).items[split]]
    found = {}
    for beam in beams:
        times = []
        for _ in range(rounds):
            began = time.process_time()
            assert sum(1 for _ in transducer.translate_many(sources, replace(transducer.search, beam=beam))) == len(
                sources
            )
            times.append(time.process_time() - began)
        found[f"beam {beam}"] = len(sources) / min(times)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--split", default="test")
    parser.add_argument("--beam", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(figures(chosen.model, chosen.split, chosen.beam, chosen.rounds)))
