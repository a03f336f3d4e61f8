"""Heads that label frames, as graphs: the probabilities of labels; of notes, those of onsets before those of frames."""

from crnn_audio.inference.export.graph import Graph
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.frame_heads import LabelHead, NotesHead


def probabilities(graph: Graph, frames: str, model: Crnn) -> tuple[str, int]:
    """Probabilities (N, U, K) of frames (U, N, H), and K."""
    head, frames = model.head, graph.op("Transpose", frames, perm=[1, 0, 2])
    if isinstance(head, NotesHead):
        begins, count = _labels(graph, frames, head.onsets)
        sounds, more = _labels(graph, graph.op("Concat", frames, begins, axis=2), head.frames)
        return graph.op("Concat", begins, sounds, axis=2), count + more
    assert isinstance(head, LabelHead), "a labeller has labels"
    return _labels(graph, frames, head)


def _labels(graph: Graph, frames: str, head: LabelHead) -> tuple[str, int]:
    logits, size = graph.linear(frames, head.linear.weight, head.linear.bias), head.linear.out_features
    if head.NAME == "sigmoid":
        return graph.op("Sigmoid", logits), size
    rest = graph.slice(graph.op("Softmax", logits, axis=-1), 2, graph.ints(1), graph.ints(2**31))
    return rest, size - 1
