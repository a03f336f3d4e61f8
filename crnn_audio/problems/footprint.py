"""The memory that a training step of a recogniser needs, estimated from a short pass."""

import torch
from torch import Tensor

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.models.conv import ConvLayer
from crnn_audio.tasks.ctc import Recognition

PROBE_SECONDS = 2.0
OPTIMIZER_SLOTS = {"adamw": 2, "adam": 2, "sgd": 1, "rmsprop": 2, "adagrad": 1, "adadelta": 2}
"""Tensors the size of the weights that an optimiser keeps, at most."""


LARGE = 2**29
"""Bytes of the weights, or of what the convolutions give of a short batch, beyond which no batch is tried."""


def is_large(task: Recognition) -> bool:
    """Whether a model, which may be an outline, is too large to try a batch on at once."""
    frames = PROBE_SECONDS * task.front_end.sample_rate / task.front_end.hop_length
    layers = [layer for layer in task.model.modules() if isinstance(layer, ConvLayer)]
    outputs = frames * sum(layer.output_bins * layer.conv.out_channels for layer in layers)
    return max(_weight_bytes(task), 4 * outputs) > LARGE


def _weight_bytes(task: Recognition) -> int:
    return sum(one.numel() * one.element_size() for one in task.model.parameters())


def step_bytes(recipe: RecognitionRecipe, task: Recognition) -> int:
    """Weights, gradients, optimiser and average, and what autograd keeps for a batch, scaled up from a short one.

    Of a large model the batch is left out, so that the sum is the least that a step needs.
    """
    weights = _weight_bytes(task)
    copies = 2 + OPTIMIZER_SLOTS[recipe.optim.name] + (1 if recipe.optim.ema else 0)
    seconds = recipe.data.batch_seconds / recipe.data.accumulate * (2 if recipe.task.consistency else 1)
    if is_large(task):
        return weights * copies
    return weights * copies + int(_kept_bytes(task, recipe.features.sample_rate) * seconds / PROBE_SECONDS)


def _kept_bytes(task: Recognition, sample_rate: int) -> int:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    samples = torch.tensor([int(PROBE_SECONDS * sample_rate)])
    frames: Tensor = task.front_end.num_frames(samples)
    features = torch.zeros(1, int(frames), task.front_end.num_features)
    weights = {one.untyped_storage().data_ptr() for one in task.model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = task.encode(features, frames)
    del output
    return sum(size for address, size in kept.items() if address not in weights)
