"""What a recipe comes to, against numbers worked out by hand and tensors that were counted."""

import resource
from pathlib import Path

import pytest
import torch

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.evaluation.show import show
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import load_recipe, music, parts, recognition, recordings, rolls, text
from crnn_audio.problems.music import Conditions
from crnn_audio.problems.recognition import Assets
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.text.vocabulary import Vocabulary

TOKENS = 18
"""Of data/tiny: blank, unknown, space, and the fifteen letters of the ten digits."""


def recipe(tiny: Path, conv: list[dict], cell: str, hidden: int, layers: int, both: bool, **others: object) -> Recipe:
    recurrent = {"cell": cell, "hidden_size": hidden, "num_layers": layers, "bidirectional": both, "dropout": 0.0}
    model = {"conv": conv, "recurrent": recurrent | others.pop("recurrent", {}), **others.pop("model", {})}
    data = {"corpus": "manifests", "root": str(tiny), "batch_seconds": 20.0} | others.pop("data", {})
    return RecognitionRecipe.model_validate(
        {"data": data, "features": {"kind": "fbank", "num_mels": 16}, "model": model, **others}
    )


def test_parameters_by_formula(tiny: Path) -> None:
    conv = [{"channels": 4, "stride": [2, 2]}, {"channels": 6, "kernel": [5, 3], "stride": [2, 1]}]
    summary = show(recipe(tiny, conv, "gru", 10, 2, True))
    bins = 8  # of 16, halved once
    front = (4 * 1 * 9 + 4) + 2 * 4 * bins + (6 * 4 * 15 + 6) + 2 * 6 * bins
    projection = 6 * bins * 10 + 10 + 2 * 10
    first, second = (2 * 3 * (10 * size + 10 * 10 + 10 + 10) + 2 * 20 for size in (10, 20))
    head = 20 * TOKENS + TOKENS
    assert summary.num_parameters == front + projection + first + second + head
    assert (summary.figures["num_tokens"], summary.figures["tokens_assumed"]) == (TOKENS, False)


def test_parameters_of_an_lstm_without_norms(tiny: Path) -> None:
    made = recipe(tiny, [], "lstm", 12, 1, False, recurrent={"norm": "none"}, model={"conv_norm": "none"})
    assert show(made).num_parameters == (16 * 12 + 12) + 4 * (12 * 12 + 12 * 12 + 2 * 12) + (12 * TOKENS + TOKENS)


@pytest.mark.parametrize(("both", "size"), [(True, 24), (False, 12)])
def test_inner_heads_are_two_projections_after_each_layer_but_the_last(tiny: Path, both: bool, size: int) -> None:
    counts = [
        show(recipe(tiny, [], "gru", 12, 3, both, task={"kind": "recognition", "intermediate": share})).num_parameters
        for share in (0.0, 0.3)
    ]
    assert counts[1] - counts[0] == 2 * ((size * TOKENS + TOKENS) + (TOKENS * size + size))


@pytest.mark.parametrize(
    ("conv", "padding", "factor", "field", "waits"),
    [
        ([], "same", 1, 1, 0),
        ([{"stride": [2, 2]}, {"stride": [2, 2]}], "same", 4, 7, 3),
        ([{"stride": [2, 2]}, {"stride": [2, 2]}], "causal", 4, 7, 0),
        ([{"stride": [2, 2]}, {"stride": [2, 2]}], "valid", 4, 7, 6),
        ([{"kernel": [5, 3]}, {"stride": [3, 1]}, {"kernel": [7, 3], "stride": [2, 1]}], "same", 6, 25, 12),
    ],
)
def test_fields_and_waiting(tiny: Path, conv: list[dict], padding: str, factor: int, field: int, waits: int) -> None:
    layers = [{"channels": 2, **layer} for layer in conv]
    summary = show(recipe(tiny, layers, "lstm", 8, 1, False, model={"conv_time": padding}))
    found = [summary.figures[name] for name in ("subsampling_factor", "receptive_frames", "frame_ms")]
    assert found == [factor, field, 10]
    # Kaldi's frame t covers 25 ms about t * 10 ms + 5 ms, so it ends 17.5 ms after the time it stands for.
    assert summary.figures["look_ahead_ms"] == pytest.approx(10 * waits + 17.5)
    both = show(recipe(tiny, layers, "lstm", 8, 1, True, model={"conv_time": padding}))
    assert both.figures["look_ahead_ms"] is None


def kept_bytes(made: Recipe, seconds: float) -> int:
    """What autograd keeps for a whole batch of one-second utterances, counted where it is kept."""
    tokens = Vocabulary.build(["zero one two three four five six seven eight nine"], "characters")
    task = recognition.task(made, Assets(tokens, Statistics((0.0,) * 16, (1.0,) * 16)))
    count = round(seconds)
    features, lengths = torch.randn(count, 100, 16), torch.full((count,), 100)
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        encoded = task.encode(features, lengths)
    weights = {one.untyped_storage().data_ptr() for one in task.model.parameters()}
    assert encoded.frames.requires_grad
    return sum(size for address, size in kept.items() if address not in weights)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_memory_is_that_of_measured_tensors_within_a_factor_of_two(tiny: Path, cell: str) -> None:
    conv = [{"channels": 16, "stride": [2, 2]}, {"channels": 16, "stride": [2, 2]}]
    made = recipe(tiny, conv, cell, 32, 2, True, optim={"name": "adamw", "ema": 0.9})
    summary = show(made)
    weights = 4 * summary.num_parameters
    measured = weights * (1 + 1 + 2 + 1) + kept_bytes(made, made.data.batch_seconds)  # gradient, adamw's two, average
    assert measured / 2 < summary.figures["step_bytes"] < measured * 2


def test_memory_follows_what_shares_a_step(tiny: Path) -> None:
    conv = [{"channels": 16, "stride": [2, 2]}]
    weights = 4 * show(recipe(tiny, conv, "gru", 16, 1, True)).num_parameters

    def activations(slots: int = 4, **others: object) -> float:
        return show(recipe(tiny, conv, "gru", 16, 1, True, **others)).figures["step_bytes"] - weights * slots

    plain = activations()
    assert activations(data={"batch_seconds": 40.0}) == pytest.approx(2 * plain, rel=0.01)
    assert activations(data={"accumulate": 4}) == pytest.approx(plain / 4, rel=0.01)
    assert activations(task={"kind": "recognition", "consistency": 0.2}) == pytest.approx(2 * plain, rel=0.01)
    assert activations(slots=3, optim={"name": "sgd", "momentum": 0.9}) == pytest.approx(plain, rel=0.01)


def test_tokens_are_assumed_where_the_corpus_is_not_here(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    made = RecognitionRecipe.model_validate({"data": {"corpus": "an4"}})
    summary = show(made)
    assert summary.figures["tokens_assumed"]
    assert summary.figures["num_tokens"] == 2 + len(recognition.ASSUMED_TOKENS)
    assert any(
        line.startswith("tokens") and line.endswith("(assumed: the corpus is not here yet)") for line in summary.lines
    )
    assert list(tmp_path.iterdir()) == [], "showing made or fetched something"


def test_lines_stand_straight(tiny: Path) -> None:
    made = recipe(tiny, [{"channels": 2}], "lstm", 8, 1, True)
    texts = show(made).lines
    assert all(text[18:20] == "  " and text[20] != " " for text in texts)
    assert any(text == "look-ahead          the whole recording" for text in texts)


HUGE = ("model.recurrent.hidden_size=30000", "model.recurrent.num_layers=5")


@pytest.mark.parametrize(
    "shown",
    [
        ("an4/bilstm", *HUGE),
        ("an4/tcn", *HUGE),
        ("an4/bilstm", "model.conv=[{channels: 65536}]"),
        ("an4/bilstm", "model.conv=[{channels: 65536, kernel: [255, 255]}]"),
        ("chorales/lstm", *HUGE, "model.embedding_size=30000"),
        ("jsb/nade", *HUGE, "model.head.hidden_size=30000"),
        ("alice/words", *HUGE),
    ],
)
def test_a_model_of_any_size_is_shown_without_making_it(shown: tuple[str, ...]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    summary = show(load_recipe(*shown))
    assert summary.num_parameters > 1e8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    if shown[0].startswith("an4"):
        assert any(line.startswith("memory of a step    over ") for line in summary.lines)
        assert summary.figures["step_bytes"] > 4 * 4 * summary.num_parameters


@pytest.mark.parametrize(
    "name", ["an4/streaming", "an4/log_mel", "chorales/lstm", "jsb16/lstm", "jsb/nade", "alice/words"]
)
def test_the_outline_of_a_model_has_the_weights_of_the_model(name: str) -> None:
    made = load_recipe(name)
    problem = PROBLEMS[made.task.kind]
    if made.task.kind == "recognition":
        tokens, num = Vocabulary.build(["a b"], "characters"), recordings.front_end(made.features).num_features
        assets = Assets(tokens, Statistics((0.0,) * num, (1.0,) * num))
    else:
        assets = {
            "music": lambda: music.Assets(Conditions({"key": ("C", "G")})),
            "rolls": rolls.Assets,
            "text": lambda: text.Assets(text.Vocabulary(made.task.unit, (text.BLANK, text.UNKNOWN, "a", "b"))),
        }[made.task.kind]()
    with parts.outlined():
        outline = problem.task(made, assets).model.state_dict()
    found = problem.task(made, assets).model.state_dict()
    assert {key: (one.shape, one.dtype) for key, one in outline.items()} == {
        key: (one.shape, one.dtype) for key, one in found.items()
    }
