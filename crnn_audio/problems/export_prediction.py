"""The export of models of what comes next: piano rolls and texts, a step at a time."""

from typing import Any

import numpy as np
import torch

from crnn_audio.inference.export import check, prediction
from crnn_audio.inference.export.prediction import Steps
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.exported import folder
from crnn_audio.models.conv import ConvFront
from crnn_audio.models.nade import NadeHead
from crnn_audio.models.tokens import TokenFront
from crnn_audio.tasks.prediction import Prediction

LENGTHS = (1, 5, 2, 9)
"""Of the pieces of two sequences that are compared."""


def written(assets: Any, task: Prediction) -> Written:
    """The export of a model of piano rolls or texts; its vocabulary, where it has one, is beside it.

    Raises:
        RunError: it has no counterpart, or the graph differs from the modules.
    """
    made = prediction.steps(task.model)
    _compare(made, task)
    facts = {
        "states": [list(shape) for shape in made.states],
        "outputs": made.outputs,
        "context_length": task.context_length,
    }
    vocabulary = getattr(assets, "vocabulary", None)
    beside: dict[str, Any] = {"vocabulary.json": vocabulary.save} if vocabulary is not None else {}
    return Written(made.model, facts, beside, ())


@torch.inference_mode()
def _compare(made: Steps, task: Prediction) -> None:
    """Compares outputs and states, piece by piece.

    Raises:
        RunError: they differ.
    """
    session, generator = folder.in_memory(made.model), torch.Generator().manual_seed(0)
    front, head = task.model.front, task.head
    carry, states = None, [np.zeros((2, *shape), np.float32) for shape in made.states]
    for length in LENGTHS:
        if isinstance(front, TokenFront):
            inputs = torch.randint(0, len(front.vectors), (2, length), generator=generator)
            outputs, carry = task.step(inputs.unsqueeze(-1), carry)
        else:
            assert isinstance(front, ConvFront), "what reads no tokens reads frames"
            inputs = (torch.rand(2, length, front.num_features, generator=generator) < 0.1).float()
            outputs, carry = task.step(inputs, carry)
        feed = {"x": inputs.numpy()} | {f"state{at}": one for at, one in enumerate(states)}
        if isinstance(head, NadeHead):
            keys = (torch.rand(2, length, len(head.key_vectors), generator=generator) < 0.1).float()
            feed["keys"] = keys.numpy()
            outputs = head.conditional_logits(outputs.flatten(0, 1), keys.flatten(0, 1)).reshape(2, length, -1)
        found, *states = session.run(None, feed)
        check.close(found, outputs)
