"""The formats of grammars, by the sentences and meanings they allow; and mistakes in them."""

from pathlib import Path

import pytest

from crnn_audio.decoding.graph.grammars import Compiled, compiled
from crnn_audio.errors import DataError
from crnn_audio.text.grammar.files import read
from crnn_audio.text.grammar.hassil import in_words

RHINO = """
context:
  macros: {please: [please, if you like]}
  expressions:
    light:
      - "[turn, switch] $state:state (the, a) lamp"
      - "@please light $state"
  slots: {state: ["on", "off", "all on"]}
"""
HASSIL = """
language: en
intents:
  HassTurnOn:
    data:
      - sentences: ["(turn on|start) [<the>] {name}", "(now;go) {name}"]
        slots: {domain: light}
  HassDim: {data: [{sentences: ["dim to {level:brightness}"]}]}
lists:
  name: {values: [lamp, {in: "[big] fan", out: fan.big}]}
  level: {range: {from: 9, to: 21, step: 12}}
expansion_rules: {the: "(the|a)"}
"""
JSGF = """#JSGF V1.0 UTF-8 en;
grammar colours;
// what may be said
public <paint> = [please] paint it <colour> {colour} [now];
public <mix> = mix (light {shade=1} | very dark {shade=2}) /* more */ | go+;
<colour> = red | deep blue;
"""


def grammar(folder: Path, text: str, name: str = "g.yaml") -> Compiled:
    (folder / name).write_text(text)
    return compiled(read(folder / name))


def sentences(found: Compiled, longest: int = 7) -> dict[str, dict[str, str]]:
    """Every sentence up to a length, and what it means."""
    ways, all_found = [(0, "", {})], {}
    for _ in range(longest + 1):
        all_found |= {text.strip(): meaning for state, text, meaning in ways if state in found.graph.finals}
        ways = [
            (target, f"{text} {word}", meaning | (dict(found.tags[output]) if output >= 0 else {}))
            for state, text, meaning in ways
            for source, word, target, _, output in found.graph.arcs
            if source == state
        ]
    return all_found


def test_rhino(tmp_path: Path) -> None:
    found = sentences(grammar(tmp_path, RHINO))
    assert len(found) == 2 * 3 * 3 + 2 * 3
    assert found["turn on lamp"] == {"": "light", "state": "on"}
    assert found["if you like light all on"] == {"": "light", "state": "all on"}


def test_hassil(tmp_path: Path) -> None:
    found = sentences(grammar(tmp_path, HASSIL))
    assert len(found) == (2 * 3 + 2) * 3 + 2
    assert found["start the big fan"] == {"": "HassTurnOn", "domain": "light", "name": "fan.big"}
    assert found["go now lamp"] == {"": "HassTurnOn", "domain": "light", "name": "lamp"}
    assert found["dim to twenty one"] == {"": "HassDim", "brightness": "21"}
    assert in_words(120_345) == "one hundred twenty thousand three hundred forty five"


def test_jsgf(tmp_path: Path) -> None:
    found = sentences(grammar(tmp_path, JSGF, "g.jsgf"), 3)
    assert found["paint it red"] == {"": "paint", "colour": "red"}
    assert found["mix very dark"] == {"": "mix", "shade": "2"}
    assert found["go go go"] == {"": "mix"}
    assert "mix" not in found


def test_phrases(tmp_path: Path) -> None:
    assert set(sentences(grammar(tmp_path, '["one two", "[unk]"]', "g.json"))) == {"one two", "[unk]"}
    assert set(sentences(grammar(tmp_path, "one two\n\n three \nthree\n", "g.txt"))) == {"one two", "three"}


def test_the_grammar_of_coffee(corpus) -> None:
    found = compiled(read(corpus("coffee_commands") / "coffee_maker.yaml"))
    assert len(found.graph.arcs) < 500
    ways = [(0, {})]
    for word in "may I have a medium medium roast double shot iced mocha with lots of soy milk".split():
        ways = [
            (target, meaning | (dict(found.tags[output]) if output >= 0 else {}))
            for state, meaning in ways
            for source, said, target, _, output in found.graph.arcs
            if (source, said) == (state, word)
        ]
    assert [meaning for state, meaning in ways if state in found.graph.finals] == [
        {
            "": "orderDrink",
            "size": "medium",
            "roast": "medium roast",
            "numberOfShots": "double shot",
            "coffeeDrink": "iced mocha",
            "milkAmount": "lots of soy milk",
        }
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no grammar that is known"),
        ("a: [", "no YAML"),
        ("context: {}", "context.expressions should list"),
        ("context: {expressions: {a: ['go $x']}}", r"no slot 'x' \(there are: none\)"),
        ("context: {expressions: {a: ['go $x']}, slots: {x: []}}", "slot 'x' has no values"),
        ("context: {expressions: {a: ['go [up']}}", r"'\[' is not closed"),
        ("context: {expressions: {a: ['go @m']}, macros: {m: ['or @m']}}", r"rule 'm' refers to itself \(m -> m\)"),
        ("context: {expressions: {a: ['(go)']}}", "intent 'a' allows a sentence without words"),
        ("context: {expressions: {a: [go up], b: ['go (up)']}}", "'go up' means two things: intent 'a' or intent 'b'"),
        (
            "context: {expressions: {a: ['$x', '$y']}, slots: {x: [red], y: [red]}}",
            "'red' means two things: intent 'a', x 'red' or intent 'a', y 'red'",
        ),
        ("intents: {a: {data: [{sentences: ['{x}']}]}}", "no list 'x'"),
        ("intents: {a: {data: [{sentences: ['{x}']}]}\n}\nlists: {x: {values: []}}", "list 'x' has no values"),
        ("intents: {a: {data: [{sentences: ['a | b']}]}}", "stands outside of brackets"),
        ("intents: {a: {data: [{sentences: ['<r>']}]}}\nexpansion_rules: {r: 'x <r>'}", "refers to itself"),
        ("[]", "holds no phrases"),
        ("#JSGF V1.0;\ngrammar g;\n<a> = b;", "no rule is public"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = <a> b | b;", r"rule 'a' refers to itself \(a -> a\)"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = /3/ b | c;", "weights such as /3/ are not supported"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = b {x;", "is not understood in rule"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = (b+) {x};", "a slot's value cannot be repeated without end"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as found:
        grammar(tmp_path, text)
    assert str(tmp_path / "g.yaml") in str(found.value)


def test_repetitions_are_small_and_the_same(tmp_path: Path) -> None:
    text = "#JSGF V1.0;\ngrammar g;\npublic <a> = (x | y | z [x])+ | w (x | y)+ | (y | x)+ w;\n"
    found = grammar(tmp_path, text, "g.jsgf")
    assert len({state for arc in found.graph.arcs for state in (arc[0], arc[2])}) <= 8
    said = set(sentences(found, 3))
    assert {"x", "z x", "w y x", "x y w", "z z z"} <= said
    assert not {"", "w", "w z", "w x w", "z w"} & said
