"""The decoder that a run keeps: written whole, replaced whole, read back, and laid under options that are given."""

import json
from pathlib import Path

import pytest

from crnn_audio.decoding import carried
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.errors import DataError, RunError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("two\nthree\n")
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_what_is_kept_is_read_back(run: Path) -> None:
    assert carried.load(run) == NONE
    words = run.parent / "words.txt"
    given = DecodingOptions(lexicon=words, hotwords=words, word_score=1.5)
    kept = carried.save(given, run)
    assert carried.load(run) == kept
    assert kept.identity == given.identity, "a copy is the same decoder"
    words.write_text("four\n")
    assert kept.lexicon is not None
    assert kept.lexicon.read_text() == "two\nthree\n"
    run.rename(run.parent / "moved")
    assert carried.load(run.parent / "moved").lexicon == run.parent / "moved" / kept.lexicon.name


def test_another_one_takes_its_place(run: Path) -> None:
    words = run.parent / "words.txt"
    carried.save(DecodingOptions(lexicon=words, hotwords=words), run)
    words.write_text("four\n")
    kept = carried.save(DecodingOptions(lexicon=words), run)
    assert sorted(path.name for path in run.iterdir()) == sorted([carried.FILE, kept.lexicon.name])  # type: ignore[union-attr]
    assert carried.save(kept, run) == kept, "its own files may be kept again"
    carried.save(DecodingOptions(greedy=True), run)
    assert list(run.iterdir()) == []


@pytest.mark.parametrize(
    ("stored", "wrong"),
    [
        ({"beams": 3}, "its beams is '3'"),
        ({"beam": "3"}, "its beam is '3'"),
        ({"lexicon": 1}, "its lexicon is '1'"),
        ({"lexicon": "words.txt"}, "names words.txt, which is missing"),
        ({"lm_weight": -1.0}, "lm_weight should be 0 or more"),
        ({"lm_weight": True}, "its lm_weight is 'True'"),
    ],
)
def test_damage_is_named(run: Path, stored: dict, wrong: str) -> None:
    (run / carried.FILE).write_text(json.dumps(stored))
    with pytest.raises(RunError, match=wrong):
        carried.load(run)


def test_options_that_name_no_file_change_those_of_the_run() -> None:
    own = DecodingOptions(lexicon=Path("words.txt"), word_score=1.0)
    assert NONE.over(own) == own
    assert NONE.over(NONE) == NONE
    assert DecodingOptions(nbest=3, word_score=2.0).over(own) == DecodingOptions(
        lexicon=Path("words.txt"), word_score=2.0, nbest=3
    )
    others = DecodingOptions(hotwords=Path("names.txt"))
    assert others.over(own) == others, "what is asked for takes the place of what the run has"
    assert DecodingOptions(greedy=True).over(own).is_greedy
    with pytest.raises(DataError, match="greedy decoding uses nothing else"):
        DecodingOptions(greedy=True, beam=4)


def test_options_as_they_are_typed() -> None:
    options = DecodingOptions(lexicon=Path("a b.txt"), word_score=-0.5, nbest=3)
    assert options.flags == ["--word-score", "-0.5", "--lexicon", "a b.txt", "--nbest", "3"]
    assert DecodingOptions(greedy=True).flags == ["--greedy"]
    assert NONE.flags == []


def test_a_run_is_not_kept_in_a_run(run: Path) -> None:
    (run.parent / "other").mkdir()
    with pytest.raises(DataError, match="a run, which no other run keeps"):
        carried.save(DecodingOptions(lm=run.parent / "other"), run)
