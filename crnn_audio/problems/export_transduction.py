"""The export of models that turn texts into others: what reads, what writes, and the tokens of both."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio import files
from crnn_audio.inference.export import check, transduction
from crnn_audio.inference.export.transduction import Graphs
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.transducer import WRITER
from crnn_audio.problems.transduction import Assets
from crnn_audio.tasks.transduction import SHORTEST_LIMIT, Transduction

LENGTHS = (9, 1, 4)
"""Of the sources that are compared."""
STEPS = 6


def written(assets: Assets, task: Transduction) -> Written:
    """The export of a transducer.

    Raises:
        RunError: a layer has no counterpart, or a graph differs from the modules.
    """
    made = transduction.graphs(task.model)
    _compare(made, task, assets)

    def writer(path: Path) -> None:
        files.write_bytes(path, made.writing.SerializeToString())

    beside = {WRITER: writer, "source.json": assets.source.save, "target.json": assets.target.save}
    facts = {
        "states": [list(shape) for shape in made.states],
        "longest": task.longest,
        "shortest_limit": SHORTEST_LIMIT,
    }
    return Written(made.reading, facts, beside, ("crnn-audio translate DIR -",))


@torch.inference_mode()
def _compare(made: Graphs, task: Transduction, assets: Assets) -> None:
    """Compares reading and some steps of writing, of sources of several lengths.

    Raises:
        RunError: they differ.
    """
    generator = torch.Generator().manual_seed(0)
    sources = torch.randint(1, len(assets.source), (len(LENGTHS), max(LENGTHS)), generator=generator)
    inputs = torch.randint(0, len(assets.target), (len(LENGTHS), STEPS), generator=generator)
    lengths = torch.tensor(LENGTHS)
    wanted, weights = task.model(sources.unsqueeze(2), lengths, inputs)
    reader, writer = folder.in_memory(made.reading), folder.in_memory(made.writing)
    names = [one.name for one in reader.get_outputs()]
    state: dict[str, Any] = dict(
        zip(names, reader.run(None, {"x": sources.numpy(), "x_lens": lengths.numpy()}), strict=True)
    )
    state["lengths"], state["coverage"] = lengths.numpy(), np.zeros(sources.shape, np.float32)
    for index, shape in enumerate(made.states):
        state.setdefault(f"state{index}", np.zeros((len(LENGTHS), *shape), np.float32))
    takes, gives = [one.name for one in writer.get_inputs()], [one.name for one in writer.get_outputs()]
    for step in range(STEPS):
        state["tokens"] = inputs[:, step].numpy()
        found = dict(zip(gives, writer.run(None, {name: state[name] for name in takes}), strict=True))
        check.close(found["log_probs"], wanted[:, step])
        if "weights" in found:
            check.close(found["weights"], weights[:, step])
            state["coverage"] = state["coverage"] + found["weights"]
        state |= {f"state{index}": found[f"after{index}"] for index in range(len(made.states))}
