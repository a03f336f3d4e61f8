"""Recipes: what is accepted, what is reported of every mistake, and that a written recipe reads back the same."""

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.config import recognition, sections, sound
from crnn_audio.config.load import dump, json_schema
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.corpora import CORPORA
from crnn_audio.errors import RecipeError
from crnn_audio.problems import RECIPES, load_recipe
from tests.loading import loads

DATA = "data: {corpus: an4}\n"


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        loads(text, overrides, source="r.yaml")
    first, *lines = str(caught.value).split("\n")
    assert first == f"r.yaml: {len(lines)} problem{'s' if len(lines) > 1 else ''}"
    assert all(line.startswith("  ") for line in lines)
    return [line[2:] for line in lines]


def refusal(text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        loads(text, overrides, source="r.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_message_of_the_design_letter_for_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "recipes/an4/bilstm.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(DATA + "model:\n  recurrent: {hiden_size: 256, cell: ltsm}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("recipes/an4/bilstm.yaml")
    assert str(caught.value) == textwrap.dedent("""\
        recipes/an4/bilstm.yaml: 2 problems
          model.recurrent.cell: input should be 'rnn', 'lstm', 'gru' or 'tcn' (found 'ltsm'); did you mean 'lstm'?
          model.recurrent.hiden_size: no such field; did you mean 'hidden_size'?""")


def test_the_recipe_of_the_design_loads():
    recipe = loads("""\
        # AN4, characters
        task: {kind: recognition, vocabulary: characters}
        data: {corpus: an4, batch_seconds: 25, first_epoch: short_first}
        features: {kind: fbank, num_mels: 80, normalize: global}
        model:
          conv: [{channels: 32, stride: [2, 2]}, {channels: 32, stride: [2, 2]}]     # subsampling factor 4
          recurrent: {cell: lstm, hidden_size: 256, num_layers: 3, bidirectional: true, norm: layer, dropout: 0.25}
        augment: {speed: [0.9, 1.0, 1.1], spec_augment: {start_epoch: 6, time_masks: 4, freq_masks: 2}}
        optim: {name: adamw, lr: 1.2e-3, schedule: one_cycle, max_epochs: 60, clip_norm: 5, ema: 0.998}
        device: auto            # cpu, cuda; precision: float32 or bf16
        seed: 1
        """)
    assert recipe.optim.lr == 0.0012
    assert recipe.optim.clip_norm == 5.0
    assert isinstance(recipe.optim.clip_norm, float)
    assert recipe.model.conv[1].stride == (2, 2)
    assert recipe.augment.spec_augment.start_epoch == 6
    assert recipe.augment.spec_augment.freq_width == sound.SpecAugment().freq_width


MISTAKES = {
    "seed: '64'": "seed: input should be a whole number (found '64')",
    "seed: true": "seed: input should be a whole number (found true)",
    "seed: 64.0": "seed: input should be a whole number (found 64.0)",
    "seed: 010": "seed: input should be a whole number (found '010')",
    "seed: -1": "seed: input should be at least 0 (found -1)",
    "seed: ": "seed: input should be a whole number (found null)",
    "model: {recurrent: {bidirectional: 1}}": "model.recurrent.bidirectional: input should be true or false (found 1)",
    "optim: {lr: true}": "optim.lr: input should be a number (found true)",
    "optim: {lr: 0}": "optim.lr: input should be above 0 (found 0)",
    "optim: {lr: .inf}": "optim.lr: input should be a finite number (found .inf)",
    "optim: {ema: 1}": "optim.ema: input should be below 1 (found 1)",
    "task: {intermediate: 1}": "task.intermediate: input should be below 1 (found 1)",
    "task: {consistency: 11}": "task.consistency: input should be at most 10 (found 11)",
    "optim: 3": "optim: input should be a section of fields (found 3)",
    "optim:": "optim: input should be a section of fields (found null)",
    "features: fbank": "features: input should be a section of fields (found 'fbank')",
    "augment: {speed: 1}": "augment.speed: input should be a list (found 1)",
    "augment: {speed: []}": "augment.speed: input should have at least 1 item (found [])",
    "augment: {speed: [1, 2]}": "augment.speed.1: input should be below 2 (found 2)",
    "model: {conv: [{stride: [2]}]}": "model.conv.0.stride: input should have 2 items (found [2])",
    "model: {conv: [{stride: [ ]}]}": "model.conv.0.stride: input should have 2 items (found [])",
    "model: {conv: [{}, {stride: [1, 1, 1]}]}": "model.conv.1.stride: input should have 2 items (found [1, 1, 1])",
    "model: {conv: [{}, {channels: x}]}": "model.conv.1.channels: input should be a whole number (found 'x')",
    "model: {conv: [{}, {chanels: 3}]}": "model.conv.1.chanels: no such field; did you mean 'channels'?",
    "model: {conv: [{zzz: 3}]}": "model.conv.0.zzz: no such field; the fields are channels, kernel, stride",
    "augment: {spec_augment: {time_mask: 3}}": (
        "augment.spec_augment.time_mask: no such field; did you mean 'time_masks'?"
    ),
    "features: {kind: mel, num_mel: 3}": "features.num_mel: no such field; did you mean 'num_mels'?",
    "features: {kind: mel, num_mels: x}": "features.num_mels: input should be a whole number (found 'x')",
    "features: {kind: mel, mel: 3}": (
        "features.mel: no such field; the fields are "
        "kind, sample_rate, num_mels, window_seconds, hop_seconds, normalize"
    ),
    "features: {kind: mel, low_hz: 3}": "features.low_hz: no such field with kind 'mel'; it belongs to 'fbank'",
    "features: {kind: fbnk}": (
        "features.kind: input should be 'fbank', 'log_mel', 'mfcc' or 'mel' (found 'fbnk'); did you mean 'fbank'?"
    ),
    "features: {kind: [1]}": "features.kind: input should be 'fbank', 'log_mel', 'mfcc' or 'mel' (found [1])",
    "features: {num_mels: 3}": "features: kind is missing; it should be 'fbank', 'log_mel', 'mfcc' or 'mel'",
    "task: {kind: recogniton}": (
        "task.kind: input should be 'recognition', 'rolls', 'music', 'text', 'transduction', 'classification', "
        "'memory' or 'labelling' (found 'recogniton'); did you mean 'recognition'?"
    ),
    "optim: {schedule: one_cicle}": (
        "optim.schedule: input should be 'constant', 'warmup', 'cosine', 'one_cycle' or 'plateau' "
        "(found 'one_cicle'); did you mean 'one_cycle'?"
    ),
    "model: {conv_norm: no}": (
        "model.conv_norm: input should be 'none' or 'layer' (found no, which YAML reads as false)"
    ),
    "device: gpu": "device: input should be like 'auto', 'cpu', 'cuda' or 'cuda:1' (found 'gpu')",
    "device: 0": "device: input should be text (found 0); put it in quotes",
    "device: on": "device: input should be text (found on, which YAML reads as true); put it in quotes",
    "model: {recurrent: {nonlinearity: relu}}": (
        "model.recurrent: nonlinearity 'relu' is for cell 'rnn', but cell is 'lstm'"
    ),
    "sead: 1": "sead: no such field; did you mean 'seed'?",
    "task: {vocabulary: " + 100 * "x" + "}": (
        "task.vocabulary: input should be 'characters', 'words' or 'subwords' (found '" + 55 * "x" + " ...)"
    ),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_reported_in_plain_words(text):
    assert problems(DATA + text) == [MISTAKES[text]]


def test_all_mistakes_are_reported_at_once():
    assert problems(
        DATA + "\n".join(["seed: x", "sead: 1", "optim: {lr: 0, clip_norm: x}", "features: {kind: x}"])
    ) == [
        "optim.lr: input should be above 0 (found 0)",
        "optim.clip_norm: input should be a number (found 'x')",
        "seed: input should be a whole number (found 'x')",
        "features.kind: input should be 'fbank', 'log_mel', 'mfcc' or 'mel' (found 'x')",
        "sead: no such field; did you mean 'seed'?",
    ]


def test_a_missing_field_is_reported():
    assert problems("seed: 1") == ["data: missing; it has no default"]
    known = "'spoken_digits', 'an4', 'fsdd', 'mini_librispeech', 'librispeech', 'coffee_commands' or 'manifests'"
    assert problems("data: {}") == [f"data.corpus: missing; it should be {known}"]


def test_manifests_need_a_folder():
    said = "data: corpus 'manifests' needs root, the folder of train.jsonl and dev.jsonl"
    assert problems("data: {corpus: manifests}") == [said]
    assert problems("data: {corpus: manifests, root: null}") == [said]
    assert loads("data: {corpus: manifests, root: here}").data.root == "here"
    assert loads(DATA).data.root is None


@pytest.mark.parametrize("waiting", ["train: {early_stopping: 3}", "optim: {schedule: plateau}"])
def test_what_waits_for_dev_cannot_be_had_where_dev_is_trained_on(waiting):
    assert loads(DATA + waiting)
    (said,) = problems(DATA + waiting, "data.dev_as_train=true")
    assert re.search("data.dev_as_train leaves no dev.*early_stopping.*plateau", said)


SLIPS = {
    "model.recurrent.hidden_size": 1_000_000_000,
    "model.recurrent.num_layers": 101,
    "model.conv.0.kernel.1": 1_000_000_001,
    "features.sample_rate": 16_000_000,
    "optim.max_epochs": 10**18,
    "threads": 10**6,
    "seed": 2**63,
}


@pytest.mark.parametrize("path", SLIPS)
def test_a_size_beyond_reason_is_reported_before_anything_is_built(path):
    assert re.fullmatch(r".*: input should be at most \d+ \(found \d+\)", *problems(DATA, f"{path}={SLIPS[path]}"))


def test_heads_between_layers_need_two_layers():
    (said,) = problems(DATA, "task.intermediate=0.3", "model.recurrent.num_layers=1")
    assert re.search("task.intermediate .* between recurrent layers.* above 1", said)
    assert loads(DATA, ["task.intermediate=0.3", "model.recurrent.num_layers=2"])
    assert loads(DATA, ["task.intermediate=0", "model.recurrent.num_layers=1"])


def test_messages_call_manifests_by_their_folder_and_other_corpora_by_name():
    assert loads("data: {corpus: manifests, root: my/set}").data.name == "my/set"
    assert loads("data: {corpus: an4, root: my/set}").data.name == "an4"
    assert loads("data: {corpus: spoken_digits}").data.name == "spoken_digits"


def test_a_key_given_twice_is_reported_with_its_lines_beside_other_problems():
    assert problems(DATA + "optim:\n  lr: 1\n  ema: 2\n  lr: 2\n") == [
        "optim.lr: given twice, on lines 3 and 5; keep one",
        "optim.ema: input should be below 1 (found 2)",
    ]


UNREADABLE = {
    "": "r.yaml: empty. ",
    "# only this\n": "r.yaml: empty. ",
    "[1, 2]": "r.yaml: the top level is a list; ",
    "an4": "r.yaml: the top level is a single value; ",
    "data: {corpus: an4}\nmodel: [1,": "r.yaml, line 2, column 11: ",
    "data:\n\tcorpus: an4": "r.yaml, line 2, column 1: found character '\\t' that cannot start any token; indent with ",
    "a: b: c": "r.yaml, line 1, column 5: mapping values are not allowed here",
    "seed: 0x" + "f" * 5000: "r.yaml, line 1, column 7: '0xffff",
    "a: 1\nb: \x00": "r.yaml, line 2, column 4: U+0000 is not allowed",
    "a: 1\n---\nb: 2": "r.yaml, line 2, column 1: but found another document",
    "data: &d {corpus: an4}\nmodel: *d": "r.yaml, line 2, column 8: aliases are not supported; ",
    "a: 1\nb: !!python/object:os.system {}": "r.yaml, line 2, column 4: the tag '!!python/object:os.system' is not sup",
    "a: !x 1": "r.yaml, line 1, column 4: the tag '!x' is not supported; ",
    "a: !!int b": "r.yaml, line 1, column 4: 'b' is no number",
    "[a]: 1": "r.yaml, line 1, column 1: a key should be a word",
    'a: "\\ud800"': "r.yaml, line 1, column 4: half of a surrogate pair",
    "[" * 3000: "r.yaml, line 1, column 1: nested too deeply",
}


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_plain_yaml_is_reported_with_its_place(text):
    assert refusal(text).startswith(UNREADABLE[text])


@pytest.mark.parametrize(
    ("written", "lr"), [("1e-3", 1e-3), ("1E3", 1e3), ("2.5e+1", 25.0), ("1_000", 1000.0), (".5", 0.5), ("3", 3.0)]
)
def test_numbers_as_people_write_them(written, lr):
    assert loads(DATA + f"optim: {{lr: {written}}}").optim.lr == lr


def test_words_that_are_numbers_or_dates_elsewhere_stay_text():
    for word in ("1:30", "2020-01-01", "010", "=", "<<", "e5"):
        assert loads(f"data: {{corpus: an4, root: {word}}}").data.root == word


# ------------------------------------------------------------------------------------------------ overrides


def test_overrides_change_what_they_name_and_nothing_else():
    text = DATA + "model: {conv: [{channels: 8}, {channels: 16, stride: [2, 1]}]}"
    recipe = loads(text, ["optim.lr=1e-4", "model.conv.1.channels=64", "model.conv.1.stride.1=3", "device=cuda:1"])
    changed = recipe.model_dump(exclude_unset=True)
    assert changed["optim"] == {"lr": 1e-4}
    assert changed["model"] == {"conv": [{"channels": 8}, {"channels": 64, "stride": (2, 3)}]}
    assert changed["device"] == "cuda:1"


def test_an_override_reaches_into_what_the_recipe_leaves_to_its_default():
    recipe = loads(DATA, ["features.num_mels=40", "model.conv.0.channels=64", "augment.spec_augment.time_masks=7"])
    assert recipe.features == sound.FbankFeatures(num_mels=40)
    assert [layer.channels for layer in recipe.model.conv] == [64, 32]
    assert [layer.stride for layer in recipe.model.conv] == [(2, 2), (2, 2)]
    assert recipe.augment.spec_augment == sound.SpecAugment(time_masks=7)


def test_an_override_creates_a_section_that_is_null():
    recipe = loads(DATA + "augment: {spec_augment: null}", ["augment.spec_augment.time_masks=7"])
    assert recipe.augment.spec_augment == sound.SpecAugment(time_masks=7)


def test_an_override_may_supply_what_the_recipe_lacks():
    assert loads("seed: 3", ["data.corpus=an4"]).data.corpus == "an4"
    assert loads(DATA + "features: {kind: mel}", ["features.kind=mfcc"]).features.kind == "mfcc"
    assert loads(DATA, ["optim.clip_norm=null"]).optim.clip_norm is None
    assert loads(DATA, ["seed=1", "seed=2"]).seed == 2


WRONG_OVERRIDES = {
    "optim.lrr=1": "no such field; did you mean 'lr'?",
    "optm.lr=1": "no such field; did you mean 'optim'?",
    "optim.lr=fast": "input should be a number (found 'fast')",
    "model.conv.0.chanels=3": "no such field; did you mean 'channels'?",
    "augment.spec_augment.time_mask=2": "no such field; did you mean 'time_masks'?",
    "features.num_mel=2": "no such field; did you mean 'num_mels'?",
    "data.root=no": "input should be text (found no, which YAML reads as false); put it in quotes",
    "model.recurrent.nonlinearity=relu": "nonlinearity 'relu' is for cell 'rnn', but cell is 'lstm'",
    "model.conv.2.channels=3": "model.conv has no item '2'; it has items 0 to 1",
    "model.conv.-1.channels=3": "model.conv has no item '-1'; it has items 0 to 1",
    "model.conv.first.channels=3": "model.conv has no item 'first'; it has items 0 to 1",
    "data.corpus.name=3": "data.corpus is not a section (found 'an4')",
    "seed": "write it as key.path=value",
    "optim={lr: 1, lr: 2}": "lr given twice, on lines 1 and 1; keep one",
}


@pytest.mark.parametrize("override", WRONG_OVERRIDES)
def test_a_wrong_override_is_reported_as_it_was_written(override):
    assert problems(DATA, override) == [f"override '{override}': {WRONG_OVERRIDES[override]}"]


def test_mistakes_in_the_file_and_in_overrides_are_reported_together():
    assert problems(DATA + "seed: x\noptim: {lr: y}", "optim.lr=2", "optim.lrr=1", "model={conv: [{chanels: 3}]}") == [
        "override 'model={conv: [{chanels: 3}]}', conv.0.chanels: no such field; did you mean 'channels'?",
        "override 'optim.lrr=1': no such field; did you mean 'lr'?",
        "seed: input should be a whole number (found 'x')",
    ]


def test_an_override_that_is_no_yaml_is_reported():
    (line,) = problems(DATA, "model.conv=[1")
    assert line.startswith("override 'model.conv=[1': the value is not YAML; line 1, column 3: ")


# ------------------------------------------------------------------------------------------------ out again

AWKWARD = ["no", "1e-3", "1:30", "~", "2020-01-01", "\x85", "a\u2028b", "\ufeff", "#", " ", "é", "- a", "a: b", "\n\r"]
shares = st.floats(0, 1, exclude_max=True)
counts = st.integers(1, 65_536)
SPEECH = [name for name, corpus in CORPORA.items() if corpus.KIND == "recognition"]
roots = st.text() | st.sampled_from(AWKWARD)
data = st.builds(recognition.RecognitionData, corpus=st.sampled_from(SPEECH), root=roots) | st.builds(
    recognition.RecognitionData, corpus=st.sampled_from(["an4", "spoken_digits"]), root=st.none()
)
features = st.one_of(
    st.builds(sound.FbankFeatures, high_hz=st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(sound.MfccFeatures, kind=st.just("mfcc"), num_mels=counts),
    st.builds(sound.MelFeatures, kind=st.just("mel"), hop_seconds=st.floats(1e-300, 10)),
)
recipes = st.builds(
    RecognitionRecipe,
    data=data,
    features=features,
    augment=st.builds(
        sound.Augment,
        speed=st.lists(st.floats(0.51, 1.99), min_size=1, max_size=40),
        spec_augment=st.none() | st.builds(sound.SpecAugment, time_masks=st.integers(0, 9)),
    ),
    model=st.builds(
        recognition.RecognitionModel,
        conv=st.lists(st.builds(sections.ConvLayer, channels=counts, kernel=st.just((3, 5))), max_size=3),
        recurrent=st.builds(sections.RecurrentLayers, dropout=shares, cell=st.just("rnn")),
    ),
    optim=st.builds(
        sections.Optim, lr=st.floats(1e-320, 1e308), nesterov=st.just(False), betas=st.tuples(shares, shares)
    ),
    seed=st.integers(0, 2**32 - 1),
)


@given(recipes)
@settings(max_examples=40, deadline=None)
def test_a_dumped_recipe_loads_as_the_same_recipe(recipe):
    assert loads(dump(recipe)) == recipe


def test_a_dumped_recipe_shows_every_field_and_short_lists_inline():
    lines = dump(loads(DATA)).splitlines()
    assert "  betas: [0.9, 0.98]" in lines
    assert "    - channels: 32" in lines
    assert "      stride: [2, 2]" in lines
    assert "  clip_value: null" in lines
    for section in (
        sections.Optim,
        sections.Train,
        sections.RecurrentLayers,
        recognition.RecognitionModel,
        sound.FbankFeatures,
        Recipe,
    ):
        for name in section.model_fields:
            assert any(line.lstrip(" -").startswith(f"{name}:") for line in lines), name


def accepts(rule: dict, value: object, definitions: dict) -> bool:
    """Draft 2020-12, as far as our schema uses it; an unknown keyword is an error of this test."""

    def meets(keyword: str, wanted: object) -> bool:
        match keyword:
            case "$ref":
                return accepts(definitions[wanted.removeprefix("#/$defs/")], value, definitions)
            case "type":
                kinds = {"string": str, "boolean": bool, "integer": int, "number": int | float, "array": list}
                kind = {**kinds, "object": dict, "null": type(None)}[wanted]
                return isinstance(value, kind) and (wanted == "boolean" or not isinstance(value, bool))
            case "enum":
                return value in wanted
            case "const":
                return value == wanted
            case "oneOf":
                return sum(accepts(option, value, definitions) for option in wanted) == 1
            case "anyOf":
                return any(accepts(option, value, definitions) for option in wanted)
            case "required":
                return not isinstance(value, dict) or set(wanted) <= set(value)
            case "properties":
                pairs = value.items() if isinstance(value, dict) else ()
                return all(accepts(wanted[key], item, definitions) for key, item in pairs if key in wanted)
            case "additionalProperties":
                assert wanted is False
                return not isinstance(value, dict) or set(value) <= set(rule["properties"])
            case "items":
                return not isinstance(value, list) or all(accepts(wanted, item, definitions) for item in value)
            case "prefixItems":
                pairs = zip(wanted, value, strict=False) if isinstance(value, list) else ()
                return all(accepts(option, item, definitions) for option, item in pairs)
            case "minItems" | "maxItems":
                size = len(value) if isinstance(value, list) else wanted
                return size >= wanted if keyword == "minItems" else size <= wanted
            case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
                if not isinstance(value, int | float):
                    return True
                holds = value >= wanted if "inimum" in keyword else value <= wanted
                return holds and (value != wanted or not keyword.startswith("exclusive"))
            case "title" | "description" | "default" | "discriminator" | "examples" | "pattern" | "$schema" | "$defs":
                return True
        raise AssertionError(f"the test does not know the keyword {keyword}")

    return all(meets(keyword, wanted) for keyword, wanted in rule.items())


def test_the_json_schema_accepts_what_loads_and_refuses_what_does_not():
    rule = json.loads(json_schema(RECIPES))
    definitions = rule["$defs"]
    assert rule["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    good = json.loads(loads(DATA, ["augment.spec_augment.time_masks=1"]).model_dump_json())
    assert accepts(rule, good, definitions)
    assert accepts(rule, {"data": {"corpus": "an4"}}, definitions)
    for broken in (
        {},
        {**good, "sead": 1},
        {**good, "seed": -1},
        {**good, "seed": True},
        {**good, "features": {"num_mels": 40}},
        {**good, "features": {"kind": "mel", "low_hz": 3}},
        {**good, "model": {"conv": [{"stride": [2]}]}},
        {**good, "model": {"recurrent": {"cell": "ltsm"}}},
        {**good, "augment": {"speed": [3]}},
    ):
        assert not accepts(rule, broken, definitions), broken


def test_the_json_schema_describes_sections_and_fields():
    rule = json.loads(json_schema(RECIPES))
    assert all(part["additionalProperties"] is False and part["description"] for part in rule["$defs"].values())
    assert rule["$defs"]["Optim"]["properties"]["lr"]["description"] == "Peak learning rate."


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import crnn_audio.problems", {"torch", "numpy", "librosa"}),
        ("from crnn_audio.problems import load_recipe; load_recipe('an4/bilstm')", {"torch", "librosa"}),
    ],
)
def test_the_schema_needs_no_numpy_and_reading_a_recipe_no_torch(code, absent):
    code = f"import sys; {code}; print(sorted({absent} & set(sys.modules)))"
    root = Path(__file__).parents[3]
    child = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


def test_a_corpus_needs_no_name_in_the_schema(monkeypatch):
    monkeypatch.setitem(CORPORA, "birdsong", SimpleNamespace(NAME="birdsong", KIND="recognition"))
    assert loads("data: {corpus: birdsong}").data.corpus == "birdsong"
    with pytest.raises(RecipeError, match=r"data\.corpus: .* or 'birdsong' \(found 'birdsnog'\); did you mean"):
        loads("data: {corpus: birdsnog}")
    with pytest.raises(RecipeError, match=r"data\.corpus: missing; it should be 'spoken_digits', .* or 'birdsong'$"):
        loads("data: {}")
    assert "birdsong" in json.loads(json_schema(RECIPES))["$defs"]["RecognitionData"]["properties"]["corpus"]["enum"]


@pytest.mark.parametrize(
    "text",
    [
        "data: {corpus: an4}\n" + "# filler\n" * 6_000_000,
        "data: {corpus: an4}\n" + "".join(f"k{number}: 1\n" for number in range(200_000)),
        "data: {corpus: " + "an4" * 10_000_000 + "}\n",
    ],
)
def test_a_recipe_of_megabytes_is_refused_at_once(tmp_path, text) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    began = time.monotonic()
    with pytest.raises(RecipeError, match=r"recipe\.yaml: cannot be read \(it holds more than 0\.0655 MB\)"):
        load_recipe(tmp_path / "recipe.yaml")
    with pytest.raises(RecipeError, match="characters, where at most 65,536 are read"):
        loads(text)
    assert time.monotonic() - began < 2


def test_of_many_problems_some_are_listed() -> None:
    with pytest.raises(RecipeError) as raised:
        loads("data: {corpus: an4}\n" + "".join(f"k{number}: 1\n" for number in range(300)))
    assert str(raised.value).startswith("recipe: 300 problems")
    assert str(raised.value).endswith("\n  and 200 more")
    assert str(raised.value).count("\n") == 101


def test_a_pipe_is_no_recipe(tmp_path) -> None:
    os.mkfifo(tmp_path / "recipe.yaml")
    with pytest.raises(RecipeError, match="a pipe or a device, where a file is expected"):
        load_recipe(tmp_path / "recipe.yaml")
