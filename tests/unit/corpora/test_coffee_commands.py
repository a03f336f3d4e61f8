"""Orders by what they mean: the repository's files and copies with a table; the grammar beside the recipe is theirs."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.corpora import coffee_commands
from crnn_audio.decoding.graph import grammars
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.errors import DataError
from crnn_audio.text.grammar import files

ROOT = Path(__file__).resolve().parents[3]
LABEL = {"intent": "orderDrink", "slots": {"milkAmount": " soy milk", "coffeeDrink": "mocha"}}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(coffee_commands, "EXPECTED", 6)
    monkeypatch.setattr(coffee_commands, "SIZES", {"train": 3, "dev": 2})
    (tmp_path / "data/speech/clean").mkdir(parents=True)
    (tmp_path / "data/label").mkdir()
    names = [f"{number}.wav" for number in range(6)]
    for name in names:
        soundfile.write(tmp_path / "data/speech/clean" / name, np.full(1600, 0.1), 16000)
    labelled(tmp_path, dict.fromkeys(names, LABEL))
    return tmp_path


def labelled(folder: Path, labels: dict[str, object]) -> None:
    (folder / "data/label/label.json").write_text(json.dumps(labels))


def test_the_files_of_the_repository(repository: Path) -> None:
    found = coffee_commands.read_splits(repository)
    assert {split: len(cuts) for split, cuts in found.items()} == {"train": 3, "dev": 2, "test": 1}
    assert len({cut.id for cuts in found.values() for cut in cuts}) == 6
    cut = found["train"][0]
    assert (cut.text, cut.label, cut.slots) == (
        "",
        "orderDrink",
        (("coffeeDrink", "mocha"), ("milkAmount", "soy milk")),
    )
    assert cut.duration == pytest.approx(0.1)
    assert found == coffee_commands.read_splits(repository), "the splits are those of the names"


@pytest.mark.parametrize(
    "wrong", [["x"], {"intent": 1, "slots": {}}, {"intent": "a"}, {"intent": "a", "slots": {"b": 1}}]
)
def test_a_damaged_label_is_named(repository: Path, wrong: object) -> None:
    labelled(repository, {f"{number}.wav": wrong for number in range(6)})
    with pytest.raises(DataError, match=r"label\.json: \d\.wav is labelled .*Fetch the corpus again"):
        coffee_commands.read_splits(repository)
    labelled(repository, {})
    with pytest.raises(DataError, match="0 orders, where there are 6"):
        coffee_commands.read_splits(repository)


def test_a_copy_with_a_table(repository: Path) -> None:
    table = repository / "intents.tsv"
    lines = [f'data/speech/clean/{n}.wav\t{"train" if n < 3 else "dev"}\tgo\t{{"a": "b"}}' for n in range(5)]
    table.write_text("\n".join(["path\tsplit\tintent\tslots", *lines]))
    found = coffee_commands.read_splits(repository)
    assert {split: len(cuts) for split, cuts in found.items()} == {"train": 3, "dev": 2}
    assert (found["dev"][1].label, found["dev"][1].slots) == ("go", (("a", "b"),))
    for text, wrong in (
        ("path\tsplit\n", "has not the columns"),
        ("\n".join(["path\tsplit\tintent\tslots", *lines[:4]]), "'dev': 1} orders, where it has"),
        ("\n".join(["path\tsplit\tintent\tslots", lines[0].replace("{", "(")]), "are no JSON"),
    ):
        table.write_text(text)
        with pytest.raises(DataError, match=wrong):
            coffee_commands.read_splits(repository)


def test_the_grammar_of_the_recipe_is_that_of_the_corpus(corpus) -> None:
    """Both are minimal and deterministic, so they are the same graph if they are walked in step."""
    folder = corpus("coffee_commands")
    ours, theirs = (
        grammars.compiled(files.read(path))
        for path in (ROOT / "recipes/coffee/orders.jsgf", folder / "coffee_maker.yaml")
    )
    leaving = [
        {
            state: {(word, one.tags[output] if output >= 0 else ()): target for word, target, output in arcs}
            for state, arcs in by_source(one).items()
        }
        for one in (ours, theirs)
    ]
    pairs, front = {(0, 0)}, [(0, 0)]
    for mine, other in front:  # which grows
        here, there = leaving[0].get(mine, {}), leaving[1].get(other, {})
        assert here.keys() == there.keys()
        assert (mine in ours.graph.finals) == (other in theirs.graph.finals)
        new = {(here[label], there[label]) for label in here} - pairs
        pairs |= new
        front += sorted(new)
    assert len(pairs) > 50


def by_source(one: grammars.Compiled) -> dict[int, list[tuple[str, int, int]]]:
    found: dict[int, list[tuple[str, int, int]]] = {}
    for source, word, target, _, output in one.graph.arcs:
        found.setdefault(source, []).append((word, target, output))
    return found


def test_every_order_means_something(corpus) -> None:
    meanings = Meanings(ROOT / "recipes/coffee/orders.jsgf")
    cuts = coffee_commands.read_splits(corpus("coffee_commands"))["dev"]
    assert len(cuts) == 119
    assert all(meanings.shortest(meanings.ids(cut.label or "", dict(cut.slots))) for cut in cuts[:20])
