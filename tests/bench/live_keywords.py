"""What a block of live sound costs a model of keywords: python -m tests.bench.live_keywords RECIPE [KEY=VALUE ...].

Prints the processor seconds for a second of sound, on one thread and in blocks of 0.32 s, with weights that were not
trained, which cost as much.
"""

import sys
import time

import numpy as np
import torch

from crnn_audio.inference.events import Detection, EventStream
from crnn_audio.problems import classification, load_recipe, recordings

SECONDS, BLOCKS = 0.32, 100


def main() -> None:
    """Feeds noise to a stream and takes the time."""
    torch.set_num_threads(1)
    recipe = load_recipe(*sys.argv[1:])
    labels = tuple("abcdefghijkl")
    assets = classification.Assets(labels, (2,) * len(labels), recordings.unit_statistics(recipe))
    task, rate = classification.task(recipe, assets).eval(), recipe.features.sample_rate
    stream = EventStream(task, labels, (), rate, Detection())
    block = np.random.default_rng(0).normal(0, 0.1, round(SECONDS * rate)).astype(np.float32)
    taken = []
    for _ in range(BLOCKS):
        started = time.process_time()
        stream.feed(block)
        taken.append((time.process_time() - started) / SECONDS)
    mean, best = np.mean(taken[8:]), np.min(taken[8:])
    print(f"{task.model.num_parameters:,} parameters, real-time factor {mean:.4f} (least {best:.4f})")


if __name__ == "__main__":
    main()
