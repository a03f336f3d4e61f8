"""Transcripts, pieces, losses and the figures of models are what they were; `tests.bench.compare --write-golden` wrote.

Another processor adds in another order, so numbers are held to a relative 1e-4; `tests.bench.compare` itself compares
two commits on one machine to the bit. After an update at the full learning rate the gradient's norm is left to it: Adam
divides each gradient by its own size, so where one is nearly zero, rounding alone decides which way its weight goes
(1.02e-4 between two processors, in "chorales").
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from tests.bench import compare

TOLERANCE = 1e-4
GOLDEN = json.loads(compare.FIGURES.read_text(encoding="utf-8"))
CORPORA = {
    "speech:an4": ["an4", "mini_librispeech"],
    "speech:an4_streaming": ["an4", "mini_librispeech"],
    "losses:nottingham/lstm": ["piano_rolls"],
    "losses:jsb/nade": ["piano_rolls"],
    "losses:jsb/recall": ["piano_rolls"],
    "losses:alice/textbook": ["alice"],
    "losses:tinyshakespeare/small": ["tinyshakespeare"],
}
"""Which a probe reads."""
ROUNDED_BY_ADAM = "step 2 gradient_norm"
"""The last step's, after the first update at the full learning rate."""


def test_there_is_one_of_every_probe() -> None:
    assert set(GOLDEN) == set(compare.probes.names(small=True))


@pytest.mark.parametrize("probe", GOLDEN)
def test_it_is_what_it_was(probe: str, corpus: Callable[[str], Path], tmp_path: Path) -> None:
    for name in CORPORA.get(probe, []):
        corpus(name)
    start = [*warm.python(), "-m", "tests.bench.probes"]
    (result,) = compare.measured(compare.ROOT, "WORKING", [probe], tmp_path, small=True, start=start)
    assert "error" not in result, result["error"]
    golden = {name: value for name, value in GOLDEN[probe].items() if name != ROUNDED_BY_ADAM}
    found = compare.differences(golden, {name: result["values"].get(name) for name in golden})
    assert not [str(one) for one in found if one.size is None or one.size > TOLERANCE]


def test_a_difference_says_where_and_how_much() -> None:
    before, after = {"a": 1.0, "b": "x", "c": 2}, {"a": 1.001, "b": "x", "c": 2, "d": None}
    first, second = compare.differences(before, after)
    assert (first.where, first.before, first.after) == ("a", 1.0, 1.001)
    assert first.size == pytest.approx(1e-3, rel=1e-2)
    assert str(first) == "a: 1.0 became 1.001 (relative 1.0e-03)"
    assert (second.where, second.before, second.size) == ("d", "nothing", None)


@pytest.mark.parametrize(("tolerance", "said"), [(0.0, "DIFFERS in 1 of 2 values"), (1e-2, "within 0.01")])
def test_a_probe_is_equal_or_within_or_not(tolerance: float, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = {"probe": "p", "seconds": 1.0, "values": {"a": 1.0, "b": "x"}}
    after = before | {"values": {"a": 1.001, "b": "x"}}
    assert compare.report(before, before, tolerance)
    assert "equal to the bit" in capsys.readouterr().out
    assert compare.report(after, before, tolerance) == (tolerance > 0)
    assert said in capsys.readouterr().out
    assert not compare.report({"probe": "p", "seconds": 1.0, "error": "no"}, before, tolerance)
