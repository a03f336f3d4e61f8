"""The names that the schema allows are the names that the builders know, no more and no fewer."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import torch
from torch import nn

from crnn_audio.config import fields, recognition, rolls, sections, sound
from crnn_audio.corpora import CORPORA
from crnn_audio.features.normalize import GlobalNorm, NoNorm, Statistics, UtteranceNorm
from crnn_audio.models import cells, conv, recurrent, tcn
from crnn_audio.models.heads import CtcHead
from crnn_audio.problems import footprint, parts, recordings
from crnn_audio.problems import rolls as rolls_problem
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import loop, optim


def allowed(section: type[sections.Section], field: str) -> set[str]:
    """The literals of a field."""
    return set(fields.allowed(section.model_fields[field]))


def keys_with(module: ModuleType, name: str) -> set[str]:
    """The keys of the one dictionary inside a module's functions that holds `name` as a key."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = {
        tuple(key.value for key in node.keys)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys)
    }
    (keys,) = [keys for keys in found if name in keys]
    return set(keys)


def head(size: int) -> CtcHead:
    return CtcHead(size, 3)


def test_cells() -> None:
    names = allowed(sections.RecurrentLayers, "cell")
    assert names == set(recurrent.KINDS)
    assert names - {recurrent.TCN} == cells.CELLS.keys() == cells.GATES.keys() == cells.STATES.keys()


def test_front_ends() -> None:
    union = get_args(sound.Features)[0]
    kinds = {kind for section in get_args(union) for kind in allowed(section, "kind")}
    assert kinds == recordings.FRONT_ENDS.keys()
    for section in get_args(union):
        (kind,) = allowed(section, "kind")
        assert recordings.front_end(section(kind=kind)).num_features > 0


def test_heads_of_keys() -> None:
    union = get_args(rolls.RollsModel.model_fields["head"].annotation)
    assert {kind for section in union for kind in allowed(section, "kind")} == rolls_problem.HEADS.keys()


def test_optimisers() -> None:
    names = allowed(sections.Optim, "name")
    assert names == keys_with(optim, "adamw") == footprint.OPTIMIZER_SLOTS.keys()
    for name in names:
        assert type(optim.build_optimizer(nn.Linear(2, 2), name=name)).__name__.lower() == name


def test_no_optimiser_keeps_more_than_show_counts() -> None:
    for name, slots in footprint.OPTIMIZER_SLOTS.items():
        model = nn.Linear(20, 30)
        optimizer = optim.build_optimizer(model, name=name, momentum=0.9)
        model(torch.ones(1, 20)).sum().backward()
        optimizer.step()
        kept = [one for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)]
        assert sum(one.numel() for one in kept if one.dim()) == slots * (20 * 30 + 30)


def test_schedules() -> None:
    names = allowed(sections.Optim, "schedule")
    assert set(re.findall(r'"(\w+)"', inspect.getdoc(optim.rate_factor))) == names
    curves = {name: tuple(optim.rate_factor(name, step, 100, 0.2) for step in range(100)) for name in names}
    assert curves.pop("plateau") == curves["constant"]
    assert len(set(curves.values())) == len(curves), "two names mean the same"
    assert '"plateau"' in inspect.getsource(loop)


def test_corpora() -> None:
    of_kind = {name for name, corpus in CORPORA.items() if corpus.KIND == "recognition"}
    assert allowed(recognition.RecognitionData, "corpus") == of_kind


def test_activations() -> None:
    assert allowed(sections.Model, "conv_activation") == conv.ACTIVATIONS.keys()
    assert allowed(sections.RecurrentLayers, "activation") == tcn.ACTIVATIONS.keys()


def test_time_paddings() -> None:
    names = allowed(sections.Model, "conv_time")
    assert names == keys_with(conv, "causal")
    for name in names:
        assert parts.crnn(sections.Model(conv_time=name), 8, head).front.output_size > 0


@pytest.mark.parametrize(("section", "field"), [(sections.RecurrentLayers, "norm"), (sections.Model, "conv_norm")])
def test_norms(section: type[sections.Section], field: str) -> None:
    assert allowed(section, field) == {"layer", "none"}
    counts = {}
    for name in allowed(section, field):
        layers = sections.RecurrentLayers(**({"norm": name} if field == "norm" else {}))
        model = sections.Model(recurrent=layers, **({"conv_norm": name} if field == "conv_norm" else {}))
        modules = parts.crnn(model, 8, head).modules()
        counts[name] = sum(isinstance(module, nn.LayerNorm) for module in modules)
    assert counts["layer"] > counts["none"] > 0, "the other kind of norm stands"


def test_nonlinearities() -> None:
    frames = torch.linspace(-3, 3, 12).reshape(1, 6, 2)
    ranges = {}
    for name in allowed(sections.RecurrentLayers, "nonlinearity"):
        output, _ = cells.RecurrentCell(2, 4, "rnn", name)(frames, None)
        ranges[name] = (bool(output.min() < 0), bool(output.max() > 1))
    assert ranges.keys() == {"tanh", "relu", "sigmoid"}
    assert ranges["tanh"] == (True, False)
    assert ranges["relu"] == (False, True)
    assert ranges["sigmoid"] == (False, False)


def test_normalisations() -> None:
    one = Statistics((0.0,), (1.0,))
    made = {kind: type(recordings.normalizer(kind, one)) for kind in get_args(sound.Normalize)}
    assert made == {"global": GlobalNorm, "utterance": UtteranceNorm, "none": NoNorm}


def test_vocabularies() -> None:
    kinds = allowed(recognition.RecognitionTask, "vocabulary")
    assert kinds == set(get_args(Vocabulary.__dataclass_fields__["kind"].type))
    tokens = {kind: Vocabulary.build(["one two"], kind).tokens[2:] for kind in kinds}
    assert set(tokens.pop("subwords")) == {"\u2581", *"oentw"}
    assert tokens == {"characters": (" ", "e", "n", "o", "t", "w"), "words": ("one", "two")}
