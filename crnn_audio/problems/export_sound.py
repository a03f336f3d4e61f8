"""The export of models that give outputs for frames of sound: graph and front end."""

from collections.abc import Mapping
from typing import Any

from crnn_audio.inference.export import check, front_end, recognition
from crnn_audio.inference.export.check import Eager
from crnn_audio.inference.export.recognition import Head
from crnn_audio.inference.export.written import Save, Written
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.pieces import PieceGraph
from crnn_audio.tasks.sound import SoundTask


def of_sound(
    task: SoundTask,
    head: Head,
    eager: Eager,
    beside: Mapping[str, Save],
    verb: str,
    facts: Mapping[str, Any] | None = None,
) -> Written:
    """A graph of pieces where the model can be streamed, else one of whole recordings.

    Args:
        eager: what the modules give, which the graph is compared with.
        beside: what writes the files that stand for its outputs.
        verb: the command that uses the folder; one that can be streamed is used by `stream` too.
        facts: what export.json says of this kind of model.

    Raises:
        RunError: its features or layers have no counterpart, or the graph differs from the modules.
    """
    model, live = task.model, not task.model.recurrent.bidirectional and task.normalizer.streamable
    described, call = front_end.described(task.front_end), None
    if live:
        made = recognition.pieces(model, task.normalizer, head)
        states = [list(shape) for shape in made.states]
        call = {"shift": made.shift, "overlap": made.overlap, "delay": made.delay, "states": states}
        graph = made.model
        check.pieces(PieceGraph(folder.in_memory(graph), call, described.num_features), eager)
    else:
        graph = recognition.whole(model, task.normalizer, head)
        check.whole(folder.in_memory(graph), described.num_features, eager)
    layers = recognition.front_of(model).layers
    convolutions = [[layer.kernel, layer.stride, layer.left + layer.right] for layer in layers]
    verbs = (verb, "stream") if live else (verb,)
    return Written(
        graph,
        {"convolutions": convolutions, "pieces": call, **(facts or {})},
        {"front_end.npz": described.save, **beside},
        tuple(f"crnn-audio {one} DIR recording.wav" for one in verbs),
    )
