"""Law 8, export: a graph equals its modules, at lengths and a batch that it was not made for, whole or in pieces."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crnn_audio.errors import RunError
from crnn_audio.features.normalize import GlobalNorm, NoNorm, UtteranceNorm
from crnn_audio.inference.export import check, recognition
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.pieces import PieceGraph
from crnn_audio.models.crnn import Crnn
from tests.invariants import small


def normalizer(kind: str = "global") -> nn.Module:
    return {
        "global": lambda: GlobalNorm(torch.linspace(-7, -5, small.BINS), torch.linspace(2, 4, small.BINS)),
        "utterance": UtteranceNorm,
        "none": NoNorm,
    }[kind]()


def eager(model: Crnn, norm: nn.Module) -> check.Eager:
    def computed(features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        encoded = model(norm(features, lengths), lengths)
        return encoded.frames, encoded.lengths

    return computed


def equal_whole(model: Crnn, norm: nn.Module) -> None:
    check.whole(folder.in_memory(recognition.whole(model, norm)), small.BINS, eager(model, norm))


def equal_in_pieces(model: Crnn, norm: nn.Module) -> None:
    made = recognition.pieces(model, norm)
    facts = {"shift": made.shift, "overlap": made.overlap, "delay": made.delay, "states": made.states}
    check.pieces(PieceGraph(folder.in_memory(made.model), facts, small.BINS), eager(model, norm))


@small.each_way
def test_every_cell_either_way(kind: str, bidirectional: bool) -> None:
    model = small.crnn(kind, bidirectional=bidirectional).float()
    equal_whole(model, normalizer())
    if not bidirectional:
        equal_in_pieces(model, normalizer())


@pytest.mark.parametrize("time_padding", small.TIMES)
@pytest.mark.parametrize("stack", small.STACKS)
def test_every_padding_and_stack_with_all_options(stack: str, time_padding: str) -> None:
    options = {"stack": stack, "time_padding": time_padding, "residual": True, "inner": True}
    for kind in ("lstm", "tcn"):
        model = small.crnn(kind, look_ahead=3, **options).float()
        equal_whole(model, normalizer())
        equal_in_pieces(model, normalizer())
    equal_whole(small.crnn("gru", bidirectional=True, **options).float(), normalizer())


@pytest.mark.parametrize("kind", ["utterance", "none"])
def test_other_normalisations(kind: str) -> None:
    equal_whole(small.crnn("lstm", bidirectional=True, norm="none").float(), normalizer(kind))


def test_a_graph_of_other_weights_is_found() -> None:
    one, other = (small.crnn("lstm").float() for _ in range(2))
    nn.init.normal_(other.head.linear.bias)
    session = folder.in_memory(recognition.whole(one, normalizer()))
    with pytest.raises(RunError, match="differs from the model by"):
        check.whole(session, small.BINS, eager(other, normalizer()))


def test_zoneout_is_refused() -> None:
    model = small.crnn("lstm").float()
    model.recurrent.layers[0].forwards.zoneout = 0.1
    with pytest.raises(RunError, match="zoneout"):
        recognition.whole(model, normalizer())


def test_a_recording_of_one_frame() -> None:
    model = small.crnn("lstm", bidirectional=True).float()
    session = folder.in_memory(recognition.whole(model, normalizer()))
    found, counts = session.run(None, {"x": np.zeros((1, 1, small.BINS), np.float32), "x_lens": np.array([1])})
    wanted = model(normalizer()(torch.zeros(1, 1, small.BINS), torch.tensor([1])), torch.tensor([1]))
    assert counts.tolist() == wanted.lengths.tolist() == [1]
    check.close(found[:, :1], wanted.frames.detach())
