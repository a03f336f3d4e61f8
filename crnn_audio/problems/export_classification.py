"""The export of classifiers of recordings: graph, front end and labels."""

import json
from pathlib import Path

import torch
from torch import Tensor

from crnn_audio import files
from crnn_audio.inference.export import check, classification, front_end
from crnn_audio.inference.export.recognition import front_of
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.exported import folder
from crnn_audio.problems.classification import Assets
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification


def written(run: Run, assets: Assets, task: Classification) -> Written:
    """A classifier's export.

    Raises:
        RunError: its features or layers have no counterpart, or the graph differs from the modules.
    """
    described = front_end.described(task.front_end)
    graph = classification.whole(task.model, task.normalizer, multilabel=task.multilabel)
    features, lengths = check.features(described.num_features)
    with torch.inference_mode():
        wanted: Tensor = task.outputs(task.logits(task.normalizer(features, lengths), lengths))
    (found,) = folder.in_memory(graph).run(None, {"x": features.numpy(), "x_lens": lengths.numpy()})
    check.close(found, wanted)

    def labels(path: Path) -> None:
        files.write_text(path, json.dumps(list(assets.labels), ensure_ascii=False, indent=1) + "\n")

    beside = {"front_end.npz": described.save, "labels.json": labels}
    facts = {
        "multilabel": task.multilabel,
        "reject_below": run.chosen("reject_below"),
        "convolutions": [[one.kernel, one.stride, one.left + one.right] for one in front_of(task.model).layers],
    }
    return Written(graph, facts, beside, ("crnn-audio classify DIR recording.wav",))
