"""Recipes of piano rolls: what they need, what they may not ask for, and how each mistake is reported."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.config import rolls, sections
from crnn_audio.config.load import dump, json_schema
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.problems import RECIPES
from tests.loading import loads
from tests.unit.config.test_load import accepts, problems

KINDS = "'recognition', 'rolls', 'music', 'text', 'transduction', 'classification', 'memory' or 'labelling'"
TASK = "task: {kind: rolls}\n"
DATA = "data: {corpus: piano_rolls, collection: jsb}\n"
MODEL = "model: {conv: [], recurrent: {bidirectional: false}}\n"
FIELDS = "init, task, data, model, optim, train, device, precision, threads, seed"


def test_the_shortest_recipe() -> None:
    recipe = loads(TASK + DATA + MODEL)
    assert isinstance(recipe, RollsRecipe)
    assert (recipe.task.kind, recipe.data.name) == ("rolls", "piano_rolls/jsb")
    assert (recipe.data.batch_size, recipe.data.bptt, recipe.data.accumulate) == (16, 0, 1)
    assert recipe.model.head.kind == "sigmoid"
    assert isinstance(loads("data: {corpus: an4}"), RecognitionRecipe)
    assert set(RECIPES) == {
        "recognition", "rolls", "music", "text", "transduction", "classification", "memory", "labelling",
    }  # fmt: skip


TCN_ASKS = (
    "model.recurrent: cell 'tcn' is causal, has no state for zoneout, and has residual connections: bidirectional must "
    "be false, zoneout 0, projection true"
)
MISTAKES = {
    TASK + DATA: "recipe: the next step is predicted from the past, so model.recurrent.bidirectional must be false",
    TASK + DATA + "model: {recurrent: {bidirectional: false}}": (
        "recipe: the next frame is predicted from the past, so model.conv_time must be 'causal'"
    ),
    TASK + DATA + "model: {conv: [{}], conv_time: valid, recurrent: {bidirectional: false}}": (
        "recipe: the next frame is predicted from the past, so model.conv_time must be 'causal'"
    ),
    TASK + DATA + "model: {conv: [], recurrent: {bidirectional: false, look_ahead: 2}}": (
        "recipe: the next step is predicted from the past, so model.recurrent.look_ahead must be 0"
    ),
    TASK + DATA + "model: {conv: [{stride: [2, 1]}], conv_time: causal, recurrent: {bidirectional: false}}": (
        "recipe: task rolls predicts every frame, so the time strides in model.conv must be 1"
    ),
    TASK
    + DATA.replace("}", ", copy_context: true}")
    + "model: {conv: [{}], conv_time: causal, recurrent: {bidirectional: false}}": (
        "recipe: data.copy_context adds features that are no keys to convolve over: model.conv must be []"
    ),
    TASK + DATA + MODEL + "init: an4": ("recipe: init is for task recognition only"),
    TASK + DATA + MODEL + "features: {kind: fbank}": f"features: no such field; the fields are {FIELDS}",
    TASK + DATA + MODEL + "augment: {}": f"augment: no such field; the fields are {FIELDS}",
    TASK + MODEL: "data: missing; it has no default",
    DATA + MODEL: "task: missing; it has no default",
    "task: {}\n" + DATA + MODEL: "task.kind: missing; it should be 'rolls'",
    "task: 3\n" + DATA + MODEL: "task: input should be a section of fields (found 3)",
    "task: {kind: rols}\n" + DATA + MODEL: (
        f"task.kind: input should be {KINDS} (found 'rols'); did you mean 'rolls'?"
    ),
    "task: {kind: [1]}\n" + DATA + MODEL: f"task.kind: input should be {KINDS} (found [1])",
    "task: {kind: rolls, consistency: 0.2}\n" + DATA + MODEL: ("task.consistency: no such field; the fields are kind"),
    TASK + "data: {corpus: an4, collection: jsb}\n" + MODEL: (
        "data.corpus: input should be 'piano_rolls' (found 'an4')"
    ),
    TASK + "data: {corpus: piano_rolls}\n" + MODEL: (
        "data.collection: missing; it should be 'jsb', 'nottingham', 'musedata' or 'piano_midi'"
    ),
    TASK + "data: {corpus: piano_rolls, collection: jbs}\n" + MODEL: (
        "data.collection: input should be 'jsb', 'nottingham', 'musedata' or 'piano_midi' (found 'jbs'); "
        "did you mean 'jsb'?"
    ),
    TASK + DATA.replace("}", ", batch_size: 0}") + MODEL: "data.batch_size: input should be at least 1 (found 0)",
    TASK + DATA.replace("}", ", bptt: -1}") + MODEL: "data.bptt: input should be at least 0 (found -1)",
    TASK + DATA.replace("}", ", accumulate: 0}") + MODEL: "data.accumulate: input should be at least 1 (found 0)",
    TASK + DATA.replace("}", ", batch_seconds: 3}") + MODEL: (
        "data.batch_seconds: no such field; did you mean 'batch_size'?"
    ),
    TASK + DATA + MODEL.replace("}}", "}, head: {kind: nde}}"): (
        "model.head.kind: input should be 'sigmoid' or 'nade' (found 'nde')"
    ),
    TASK + DATA + MODEL.replace("}}", "}, head: {hidden_size: 3}}"): (
        "model.head: kind is missing; it should be 'sigmoid' or 'nade'"
    ),
    TASK + DATA + MODEL.replace("}}", "}, head: {kind: sigmoid, hidden_size: 3}}"): (
        "model.head.hidden_size: no such field with kind 'sigmoid'; it belongs to 'nade'"
    ),
    TASK + DATA + MODEL.replace("}}", "}, head: {kind: nade, hidden_size: 0}}"): (
        "model.head.hidden_size: input should be at least 1 (found 0)"
    ),
    TASK + DATA + MODEL.replace("}}", "}, head: {kind: nade, dropout: 1}}"): (
        "model.head.dropout: input should be below 1 (found 1)"
    ),
    TASK + DATA + "model: {conv: [], recurrent: {cell: tcn}}": TCN_ASKS,
    TASK + DATA + "model: {conv: [], recurrent: {cell: tcn, bidirectional: false, zoneout: 0.1}}": TCN_ASKS,
    TASK + DATA + "model: {conv: [], recurrent: {activation: gelu, bidirectional: false}}": (
        "model.recurrent: activation 'gelu' is for cell 'tcn', but cell is 'lstm'"
    ),
    TASK + DATA + "model: {conv: [], recurrent: {bidirectional: false, input_dropout: 1}}": (
        "model.recurrent.input_dropout: input should be below 1 (found 1)"
    ),
    TASK + DATA + "model: {conv: [], recurrent: {bidirectional: false, zoneout: -0.1}}": (
        "model.recurrent.zoneout: input should be at least 0 (found -0.1)"
    ),
    TASK + DATA + "model: {conv: [], recurrent: {bidirectional: false, kernel_size: 0}}": (
        "model.recurrent.kernel_size: input should be at least 1 (found 0)"
    ),
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_reported_alone(text: str) -> None:
    assert problems(text) == [MISTAKES[text]]


def test_a_tcn_may_hear_speech_live() -> None:
    recipe = loads("data: {corpus: an4}\nmodel: {recurrent: {cell: tcn, bidirectional: false, kernel_size: 5}}")
    assert isinstance(recipe, RecognitionRecipe)
    assert problems("data: {corpus: an4}\nmodel: {recurrent: {cell: tcn}}") == [TCN_ASKS]


OVERRIDES = {
    "data.bttp=3": "no such field; did you mean 'bptt'?",
    "data.bptt=x": "input should be a whole number (found 'x')",
    "data.collection=bach": "input should be 'jsb', 'nottingham', 'musedata' or 'piano_midi' (found 'bach')",
    "features.num_mels=3": f"no such field; the fields are {FIELDS}",
    "model.recurrent.bidirectional=true": None,
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides_know_these_fields(override: str) -> None:
    said = problems(TASK + DATA + MODEL, override)
    wanted = OVERRIDES[override]
    assert said == [f"override '{override}': {wanted}" if wanted else MISTAKES[TASK + DATA]]
    changed = loads(TASK + DATA + MODEL, ["data.bptt=64", "data.root=here", "data.collection=nottingham"])
    joint = loads(TASK + DATA + MODEL, ["model.head.kind=nade", "model.head.dropout=0.3"])
    assert joint.model.head == rolls.NadeKeys(dropout=0.3)
    assert changed.data == rolls.RollsData(corpus="piano_rolls", collection="nottingham", root="here", bptt=64)


shares = st.floats(0, 1, exclude_max=True)
recipes = st.builds(
    RollsRecipe,
    task=st.just(rolls.RollsTask(kind="rolls")),
    data=st.builds(rolls.RollsData, corpus=st.just("piano_rolls"), root=st.none() | st.text()),
    model=st.builds(
        rolls.RollsModel,
        head=st.just(rolls.SigmoidKeys())
        | st.builds(rolls.NadeKeys, kind=st.just("nade"), hidden_size=st.integers(1, 999), dropout=shares),
        conv=st.lists(st.builds(sections.ConvLayer, kernel=st.just((3, 5)), stride=st.just((1, 2))), max_size=3),
        conv_time=st.just("causal"),
        recurrent=st.builds(
            sections.RecurrentLayers,
            cell=st.sampled_from(["rnn", "lstm", "gru"]),
            nonlinearity=st.just("tanh"),
            bidirectional=st.just(False),
            look_ahead=st.just(0),
            zoneout=shares,
            variational=st.booleans(),
        ),
    ),
    init=st.none(),
    optim=st.just(sections.Optim()),
    device=st.just("cpu"),
)


@settings(max_examples=40, deadline=None)
@given(recipes)
def test_a_recipe_written_out_reads_back_the_same(recipe: RollsRecipe) -> None:
    text = dump(recipe)
    assert loads(text) == recipe
    assert "features" not in text
    assert "augment" not in text


def test_an_editors_schema_knows_both_kinds() -> None:
    rule = json.loads(json_schema(RECIPES))
    model = {"conv": [], "recurrent": {"bidirectional": False}}
    data = {"corpus": "piano_rolls", "collection": "jsb"}
    short = {"task": {"kind": "rolls"}, "data": data, "model": model}
    full = json.loads(loads(TASK + DATA + MODEL).model_dump_json())
    assert all(accepts(rule, good, rule["$defs"]) for good in (short, full, {"data": {"corpus": "an4"}}))
    for broken in (
        {**short, "features": {"kind": "fbank"}},
        {**short, "data": {**data, "collection": "bach"}},
        {**short, "data": {"corpus": "an4"}},
        {"data": data, "model": model},
        {**full, "task": {"kind": "recognition"}},
    ):
        assert not accepts(rule, broken, rule["$defs"]), broken
