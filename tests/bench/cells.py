"""What each cell costs at equal parameters: a training step, a generated frame, and what a running piece must remember.

About 300,000 parameters each, the size of the JSB recipes: a step is forward, backward and Adam on 16 rows of 64
frames; a generated frame is one row, one frame, with carry. Medians over interleaved rounds. `--record` writes the
table into recipes/cells.json, from which recipes/README.md is made.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch

from crnn_audio import files
from crnn_audio.config.sections import Model, RecurrentLayers
from crnn_audio.evaluation import results, tables
from crnn_audio.models.heads import SigmoidHead
from crnn_audio.problems import parts
from crnn_audio.symbolic.pianoroll import NUM_KEYS
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.training import optim
from crnn_audio.training.directory import code_version
from crnn_audio.types import SequenceBatch

LAYERS = {
    "rnn": {"hidden_size": 345, "num_layers": 1},
    "gru": {"hidden_size": 207, "num_layers": 1},
    "lstm": {"hidden_size": 180, "num_layers": 1},
    "tcn": {"hidden_size": 125, "num_layers": 3},
}
"""Sizes that come to about as many parameters; the TCN's three blocks hear 28 frames of the past."""
ROWS, FRAMES = 16, 64
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def task(cell: str) -> Prediction:
    """A model of one cell, untrained."""
    torch.manual_seed(0)
    layers = RecurrentLayers(cell=cell, bidirectional=False, norm="none", dropout=0.0, **LAYERS[cell])  # type: ignore[arg-type]
    return Prediction(parts.crnn(Model(conv=[], recurrent=layers), NUM_KEYS, lambda size: SigmoidHead(size, NUM_KEYS)))


def training_step(cell: str) -> Callable[[], None]:
    """One update on a batch of random rolls."""
    made = task(cell).train()
    optimizer = optim.build_optimizer(made.model, name="adam")
    rolls = (torch.rand(ROWS, FRAMES + 1, NUM_KEYS) < 0.05).float()
    ids = tuple(map(str, range(ROWS)))
    lengths, begins = torch.full((ROWS,), FRAMES), torch.ones(ROWS, dtype=torch.bool)
    batch = SequenceBatch(rolls[:, :-1], rolls[:, 1:], torch.ones(ROWS, FRAMES), lengths, begins, ids)

    def step() -> None:
        optimizer.zero_grad()
        loss, _ = made.advance(batch, None)
        (loss / batch.size).backward()
        optimizer.step()

    return step


def generated_frame(cell: str) -> tuple[Callable[[], None], int]:
    """One frame after another of a running piece; and the bytes of its carry."""
    made, frame = task(cell).eval(), torch.zeros(1, 1, NUM_KEYS)
    with torch.inference_mode():
        _, carry = made.step(frame)

    @torch.inference_mode()
    def step() -> None:
        nonlocal carry
        _, carry = made.step(frame, carry)

    kept = carry.named().values()
    return step, sum(one.numel() * one.element_size() for one in kept)


def milliseconds(step: Callable[[], None], times: int) -> float:
    """Of one call, over so many."""
    started = time.perf_counter()
    for _ in range(times):
        step()
    return 1000 * (time.perf_counter() - started) / times


def figures(num_rounds: int) -> list[dict]:
    """A row for each cell."""
    steps = {cell: training_step(cell) for cell in LAYERS}
    generators = {cell: generated_frame(cell) for cell in LAYERS}
    trained: dict[str, list[float]] = {cell: [] for cell in LAYERS}
    generated: dict[str, list[float]] = {cell: [] for cell in LAYERS}
    for number in range(num_rounds + 1):
        for cell in LAYERS:
            took = milliseconds(steps[cell], 5), milliseconds(generators[cell][0], 200)
            if number:  # the first warms up
                trained[cell].append(took[0])
                generated[cell].append(took[1])
    return [
        {
            "cell": cell,
            **LAYERS[cell],
            "parameters": task(cell).model.num_parameters,
            "step": statistics.median(a / b for a, b in zip(trained[cell], trained["lstm"], strict=True)),
            "frame": statistics.median(a / b for a, b in zip(generated[cell], generated["lstm"], strict=True)),
            "carry_bytes": generators[cell][1],
        }
        for cell in LAYERS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cells", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", action="store_true", help="write recipes/cells.json and the table")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = figures(chosen.rounds)
    found = {
        "rows": rows,
        "command": f"python -m tests.bench.cells --rounds {chosen.rounds} --record",
        **code_version(),
        "device": "cpu",
        "threads": 1,
        "date": datetime.now(UTC).date().isoformat(),
    }
    print(*tables.cell_table(found), sep="\n")
    if chosen.record:
        files.write_text(RECIPES / "cells.json", json.dumps(found, indent=1) + "\n")
        results.write_tables(RECIPES)
        print(f"Recorded in {RECIPES / 'cells.json'}.", file=sys.stderr)


if __name__ == "__main__":
    main()
