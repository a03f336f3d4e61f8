"""The export of models of labels of frames: graph, front end, labels, and how segments are made of probabilities."""

import json
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from crnn_audio import files
from crnn_audio.inference.export import labelling
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.labeller import Labeller
from crnn_audio.problems.export_sound import of_sound


def written(labeller: Labeller) -> Written:
    """The export of a model of labels, with what training chose on dev.

    Raises:
        RunError: its features or layers have no counterpart, or the graph differs from the modules.
    """
    task = labeller.task

    def eager(features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        encoded = task.encode(task.normalizer(features, lengths), lengths)
        return task.outputs(encoded.frames), encoded.lengths

    def labels(path: Path) -> None:
        files.write_text(path, json.dumps(list(labeller.labels), ensure_ascii=False, indent=1) + "\n")

    facts = {"events": asdict(labeller.options)}
    return of_sound(task, labelling.probabilities, eager, {"labels.json": labels}, "label", facts)
